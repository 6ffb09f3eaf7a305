"""Live rows: an open span is at Braintrust, its end completes it, nothing in between is lost."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust import BraintrustClient, BraintrustSpanProcessor, log_feedback
from otel_braintrust.local.server import LocalServer
from tests.scripted_server import Answer, ScriptedServer

PROJECT = "live"
HTTP_SCOPE = "opentelemetry.instrumentation.fastapi"


class App:
    """An application with live rows, and what the local Braintrust has of it."""

    def __init__(self, server: LocalServer, **options: Any) -> None:
        self.server = server
        self.processor = BraintrustSpanProcessor(
            api_key=server.api_key,
            api_url=server.url,
            app_url=server.url,
            **{"project": PROJECT, "live": True, **options},
        )
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self.processor)
        self.tracer = self.provider.get_tracer("app")

    def rows(self, project: str = PROJECT) -> dict[str, dict[str, Any]]:
        rows = self.server.rows(project)
        return {(row["span_attributes"] or {}).get("name", row["id"]): row for row in rows}

    def shown(self) -> dict[str, dict[str, Any]]:
        """The rows after all that waits was sent."""
        self.processor.flush(10.0)
        return self.rows()


@pytest.fixture
def start_app(local_braintrust: LocalServer) -> Iterator[Callable[..., App]]:
    apps: list[App] = []

    def start(**options: Any) -> App:
        apps.append(App(local_braintrust, **options))
        return apps[-1]

    yield start
    for app in apps:
        app.provider.shutdown()


def wait_for(found: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def test_a_span_is_there_while_it_is_open_and_its_end_completes_it(
    start_app: Callable[..., App],
) -> None:
    app = start_app()
    with app.tracer.start_as_current_span("answer") as span:
        span.set_attribute("braintrust.input", "Where is my order?")
        span.set_attribute("braintrust.span_attributes.type", "task")
        # By itself, without a flush.
        row = wait_for(lambda: app.rows().get("answer"))
        assert row["input"] == "Where is my order?"
        assert row["span_attributes"]["type"] == "task"
        assert row["metrics"] == {"start": pytest.approx(time.time(), abs=30)}
        assert app.processor.ledger.ended == 0
        span.set_attribute("braintrust.output", "On its way.")
        span.set_attribute("braintrust.metadata.user_id", "u1")
    done = app.shown()
    assert done.keys() == {"answer"}
    assert done["answer"]["output"] == "On its way."
    assert done["answer"]["metadata"]["user_id"] == "u1"
    assert done["answer"]["metrics"]["end"] >= done["answer"]["metrics"]["start"]
    assert done["answer"]["id"] == row["id"]
    counts = app.processor.ledger
    assert (counts.ended, counts.sent, counts.pending) == (1, 1, 0)


def test_the_completed_row_is_the_row_without_live(start_app: Callable[..., App]) -> None:
    def run(app: App) -> dict[str, dict[str, Any]]:
        with app.tracer.start_as_current_span("agent") as root:
            root.set_attribute("braintrust.input_json", '{"a": {"old": 1}, "b": 2}')
            root.set_attribute("gen_ai.operation.name", "invoke_agent")
            with app.tracer.start_as_current_span("old name") as child:
                child.set_attribute("braintrust.input_json", '{"q": 1}')
                app.processor.flush(10.0)
                child.update_name("new name")
                child.set_attribute("gen_ai.operation.name", "chat")
                child.set_attribute("custom", "kept")
            root.set_attribute("braintrust.input_json", '{"a": {"new": 1}}')
        return app.shown()

    live = run(start_app())
    app = start_app(live=False, project="plain")
    run(app)
    plain = app.rows("plain")
    assert live.keys() == plain.keys() == {"agent", "new name"}
    for name, row in live.items():
        for field in ("input", "output", "metadata", "span_attributes", "error", "tags", "scores"):
            assert row[field] == plain[name][field], field


def test_what_is_said_of_an_open_span_stays(
    start_app: Callable[..., App], local_braintrust: LocalServer
) -> None:
    app = start_app()
    with (
        app.tracer.start_as_current_span("answer") as span,
        BraintrustClient(
            api_key=local_braintrust.api_key,
            api_url=local_braintrust.url,
            app_url=local_braintrust.url,
        ) as client,
    ):
        span.set_attribute("braintrust.input", "q")
        row = app.shown()["answer"]
        project_id = client.project_id(PROJECT)
        # From another process by the API, and from this one.
        client.feedback(
            project_id, [{"id": row["id"], "rating": 5, "comment": "good", "tags": ["t"]}]
        )
        merged = {"id": row["id"], "_is_merge": True, "metadata": {"by": "another"}}
        client.insert(project_id, [merged])
        log_feedback(span, scores={"own": 0.5}, comment="from here")
        app.processor.flush(10.0)
        assert app.rows()["answer"]["scores"] == {"rating": 1.0, "own": 0.5}
        span.set_attribute("braintrust.scores.late", 0.25)
        span.set_attribute("braintrust.output", "a")
    row = app.shown()["answer"]
    assert row["scores"] == {"rating": 1.0, "own": 0.5, "late": 0.25}
    assert row["tags"] == ["t"]
    assert row["metadata"]["by"] == "another"
    assert sorted(each["comment"]["text"] for each in row["comments"]) == ["from here", "good"]
    assert row["output"] == "a"
    assert row["metrics"]["end"]


def test_a_short_span_has_one_row_and_one_request(start_app: Callable[..., App]) -> None:
    with ScriptedServer() as server:
        processor = BraintrustSpanProcessor(api_key="sk-test", app_url=server.url, live=True)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        for _ in range(50):
            provider.get_tracer("app").start_span("short").end()
        assert processor.flush(10.0).sent == 50
        rows = list(server.rows.values())
        provider.shutdown()
    assert len(rows) == 50
    assert not any("_is_merge" in row for row in rows)
    assert len(server.arrivals) == 50


@pytest.mark.parametrize(
    "options",
    [
        {"span_rules": "drop name=secret*"},
        {"span_filter": lambda span: False if span.name.startswith("secret") else None},
        {"spans": "ai"},
        {"tail_ratio": 0.0},
        {"route": lambda span: False if span.name.startswith("secret") else None},
    ],
    ids=["rules", "filter", "ai", "tail", "route"],
)
def test_no_span_is_shown_that_may_be_left_out(
    options: dict[str, Any], start_app: Callable[..., App]
) -> None:
    app = start_app(**options)
    with app.tracer.start_as_current_span("secret"):
        assert app.shown() == {}
    assert app.shown() == {}
    assert app.processor.ledger.filtered == 1


def test_infrastructure_is_shown_once_a_kept_span_is_beneath_it(
    start_app: Callable[..., App],
) -> None:
    app = start_app()
    web = app.provider.get_tracer(HTTP_SCOPE)
    with web.start_as_current_span("GET /health"):
        assert app.shown() == {}
    with web.start_as_current_span("POST /chat"), web.start_as_current_span("receive"):
        assert app.shown() == {}
        with app.tracer.start_as_current_span("answer"):
            rows = app.shown()
            assert rows.keys() == {"POST /chat", "receive", "answer"}
            assert rows["answer"]["span_parents"] == [rows["receive"]["span_id"]]
            assert not rows["POST /chat"]["span_parents"]
    assert app.shown().keys() == {"POST /chat", "receive", "answer"}


def test_children_of_what_is_dropped_hang_on_the_next_that_goes(
    start_app: Callable[..., App],
) -> None:
    app = start_app(span_rules="drop scope=noise")
    with (
        app.tracer.start_as_current_span("root"),
        app.provider.get_tracer("noise").start_as_current_span("noisy"),
        app.tracer.start_as_current_span("leaf"),
    ):
        rows = app.shown()
        assert rows.keys() == {"root", "leaf"}
        assert rows["leaf"]["span_parents"] == [rows["root"]["span_id"]]
    assert app.shown()["leaf"]["metrics"]["end"]


def test_rows_are_masked_and_routed_as_those_of_ended_spans(start_app: Callable[..., App]) -> None:
    app = start_app(mask="secrets", route=lambda span: f"project_name:{span.name}")
    key = "sk-" + "proj" + "-" + "a1B2c3D4" * 5
    with app.tracer.start_as_current_span("elsewhere") as span:
        span.set_attribute("braintrust.input", f"my key is {key}")
        app.processor.flush(10.0)
        [row] = app.rows("elsewhere").values()
        assert key not in str(row)
        assert row["input"].startswith("my key is ")
        assert app.rows() == {}
    app.processor.flush(10.0)
    [row] = app.rows("elsewhere").values()
    assert row["metrics"]["end"]
    assert key not in str(row)


def test_a_span_that_says_only_later_where_it_goes_moves_there(
    start_app: Callable[..., App],
) -> None:
    app = start_app()
    with app.tracer.start_as_current_span("moving") as span:
        span.set_attribute("braintrust.input", "q")
        assert app.shown().keys() == {"moving"}
        span.set_attribute("braintrust.parent", "project_name:other")
    app.processor.flush(10.0)
    app.processor.flush(10.0)
    assert app.rows() == {}
    assert app.rows("other")["moving"]["input"] == "q"


def test_an_input_with_files_in_it_is_left_to_the_end(start_app: Callable[..., App]) -> None:
    app = start_app()
    picture = "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 8).decode()
    content = [{"type": "image_url", "image_url": {"url": picture}}]
    with app.tracer.start_as_current_span("look") as span:
        message = json.dumps([{"role": "user", "content": content}])
        span.set_attribute("braintrust.input_json", message)
        assert app.shown()["look"]["input"] is None
    reference = app.shown()["look"]["input"][0]["content"][0]["image_url"]["url"]
    assert reference["type"] == "braintrust_attachment"


def test_a_span_that_never_ends_leaves_its_row_as_it_began(start_app: Callable[..., App]) -> None:
    app = start_app()
    span = app.tracer.start_span("stuck")
    assert app.shown().keys() == {"stuck"}
    app.provider.shutdown()
    row = app.rows()["stuck"]
    assert "end" not in row["metrics"]
    counts = app.processor.ledger
    assert (counts.ended, counts.pending, dict(counts.dropped)) == (0, 0, {})
    span.end()


def test_a_server_that_fails_costs_the_ended_rows_nothing() -> None:
    with ScriptedServer() as server:
        server.always = Answer(503)
        processor = BraintrustSpanProcessor(
            api_key="sk-test", app_url=server.url, live=True, exit_timeout_s=0.5
        )
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        with provider.get_tracer("app").start_as_current_span("work") as span:
            begin = time.perf_counter()
            span.set_attribute("braintrust.input", "q")
            assert time.perf_counter() - begin < 0.5
            wait_for(lambda: any(r.path == "/logs3" for r in server.requests))
        server.always = None
        assert processor.flush(20.0).sent == 1
        provider.shutdown()
    [row] = server.rows.values()
    assert row["input"] == "q"
    assert row["metrics"]["end"]


def test_a_server_that_hangs_at_open_spans_holds_up_ended_ones_once() -> None:
    with ScriptedServer() as server:
        server.script.append(Answer(manner="hang"))
        processor = BraintrustSpanProcessor(
            api_key="sk-test", app_url=server.url, live=True, exit_timeout_s=0.5
        )
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        spans = [provider.get_tracer("app").start_span(f"work {n}") for n in range(40)]
        wait_for(lambda: any(r.path == "/logs3" for r in server.requests))
        for span in spans:
            span.end()
        begin = time.monotonic()
        assert processor.flush(20.0).sent == 40
        assert time.monotonic() - begin < 10.0
        provider.shutdown()
    assert len(server.rows) == 40


def test_without_live_no_thread_and_no_row(start_app: Callable[..., App]) -> None:
    app = start_app(live=False)
    with app.tracer.start_as_current_span("open"):
        assert app.shown() == {}
        assert app.processor._live is None


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_worker_completes_what_its_parent_began(
    start_app: Callable[..., App],
) -> None:
    app = start_app()
    span = app.tracer.start_span("inherited")
    span.set_attribute("braintrust.input", "q")
    assert app.shown().keys() == {"inherited"}
    child = os.fork()
    if not child:
        status = 1
        try:
            with app.tracer.start_as_current_span("of the child"):
                span.set_attribute("braintrust.output", "a")
                app.processor.flush(10.0)
            span.end()
            status = 0 if app.processor.flush(10.0).sent == 2 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    rows = app.rows()
    assert rows.keys() == {"inherited", "of the child"}
    assert (rows["inherited"]["input"], rows["inherited"]["output"]) == ("q", "a")
    assert all(row["metrics"]["end"] for row in rows.values())
