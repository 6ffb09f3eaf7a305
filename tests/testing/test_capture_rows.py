"""What users' tests are given: rows without a network, fixed ids and times, a backend, fixtures."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import otel_braintrust
from otel_braintrust import (
    Attachment,
    BraintrustSpanProcessor,
    log,
    log_feedback,
    start_span,
    traced,
    update_span,
)
from otel_braintrust.testing import FixedIds, capture_rows, fixed_clock, fixed_ids, local_backend


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> TracerProvider:
    found = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", found)
    return found


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@traced(type="tool")
def search(query: str) -> list[str]:
    return [query.upper()]


@traced(type="task")
def answer(question: str) -> str:
    log(tags=["shipping"], scores={"confidence": 0.5})
    return search(question)[0]


@pytest.mark.usefixtures("no_sockets")
def test_rows_are_captured_without_a_network(provider: TracerProvider) -> None:
    with capture_rows() as rows:
        assert len(rows) == 0
        answer("hi")
        assert rows["answer"]["output"] == "HI"
        assert rows["answer"]["tags"] == ["shipping"]
        assert rows["search"]["input"] == {"query": "hi"}
        assert rows.children("answer") == [rows["search"]]
        assert rows.tree() == "answer (task)\n  search (tool)"
        answer("again")
        assert [row["output"] for row in rows.named("answer")] == ["HI", "AGAIN"]
        with pytest.raises(KeyError, match="there is 2 span named 'answer'"):
            rows["answer"]
        with pytest.raises(KeyError, match="there is no span named 'nothing'"):
            rows["nothing"]
    answer("after the block")
    assert rows.names == ["answer", "search", "answer", "search"]
    assert "search" in rows


@pytest.mark.usefixtures("no_sockets")
def test_feedback_updates_and_files_are_in_the_rows(provider: TracerProvider) -> None:
    with capture_rows() as rows:
        picture = Attachment(data=b"picture", filename="a.png", content_type="image/png")
        with start_span("look", input={"picture": picture}) as span:
            pass
        log_feedback(span, scores={"thumbs": 1}, comment="good")
        update_span(span, output="a cat")
        row = rows["look"]
        assert (row["output"], row["scores"]) == ("a cat", {"thumbs": 1})
        assert row["comments"][0]["comment"] == {"text": "good"}
        reference = row["input"]["picture"]
        assert rows.files == {reference["key"]: b"picture"}


@pytest.mark.usefixtures("no_sockets")
def test_options_apply_as_they_would_for_braintrust(provider: TracerProvider) -> None:
    with capture_rows(spans="app", mask="secrets", route=lambda _: "project_name:x") as rows:
        with provider.get_tracer("opentelemetry.instrumentation.redis").start_as_current_span(
            "GET"
        ):
            pass
        start_span("kept", input="password=hunter2hunter2 sk-ant-api03-" + "a1B2" * 20).end()
        assert rows.names == ["kept"]
        assert "a1B2a1B2" not in str(rows["kept"])


@pytest.mark.usefixtures("no_sockets")
def test_what_is_configured_meanwhile_or_was_before_sends_nothing(
    provider: TracerProvider,
) -> None:
    before = BraintrustSpanProcessor(api_key="sk-real", app_url="http://127.0.0.1:9")
    provider.add_span_processor(before)
    with capture_rows() as rows:
        otel_braintrust.configure(api_key="sk-real", project="production")
        answer("hi")
        assert sorted(rows.names) == ["answer", "search"]
    assert before.ledger.ended == 0
    held = provider._active_span_processor._span_processors
    assert held == (before,)


def test_ids_and_times_are_the_same_in_every_run(provider: TracerProvider) -> None:
    tracer = provider.get_tracer("made before")

    def run() -> list[dict[str, Any]]:
        with capture_rows() as rows, fixed_ids(), fixed_clock():
            with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner"):
                pass
            return list(rows)

    first = run()
    assert first == run()
    outer, inner = first
    assert (outer["id"], outer["root_span_id"]) == ("0000000000000001", "0" * 31 + "1")
    assert inner["span_parents"] == ["0000000000000001"]
    assert outer["created"] == "2026-01-01T00:00:00.000Z"
    assert outer["metrics"] == {"start": 1767225600.0, "end": 1767225600.003}
    with tracer.start_as_current_span("later") as span:
        assert span.get_span_context().span_id > 1000


def test_fixed_ids_may_be_a_providers_own() -> None:
    provider = TracerProvider(id_generator=FixedIds(), shutdown_on_exit=False)
    span = provider.get_tracer("t").start_span("first")
    assert (span.get_span_context().trace_id, span.get_span_context().span_id) == (1, 1)
    with pytest.raises(TypeError, match="TracerProvider"), fixed_ids(object()):
        pass


def test_a_backend_is_where_the_environment_leads(
    provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINTRUST_PARENT", "project_name:production")
    with local_backend(project="mine") as server:
        processor = BraintrustSpanProcessor()
        provider.add_span_processor(processor)
        start_span("work").end()
        assert processor.flush(10.0).ok
        provider.shutdown()
        assert [row["span_attributes"]["name"] for row in server.rows("mine")] == ["work"]
    assert os.environ["BRAINTRUST_PARENT"] == "project_name:production"
    assert "BRAINTRUST_API_URL" not in os.environ


USERS_TEST = """
from otel_braintrust import traced

pytest_plugins = ["otel_braintrust.testing"]


@traced
def work():
    return 7


def test_rows(braintrust_rows):
    work()
    assert braintrust_rows["work"]["output"] == 7


def test_rows_are_new_for_each_test(braintrust_rows):
    assert len(braintrust_rows) == 0


def test_backend(braintrust_backend):
    from otel_braintrust import configure, flush

    configure()
    work()
    assert flush().ok
    assert len(braintrust_backend.rows("test")) == 1
"""


def test_the_fixtures_work_in_a_users_tests(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(USERS_TEST, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "test_mine.py",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_it_is_imported_without_pytest_and_without_extras() -> None:
    code = """
import sys
for name in ("pytest", "starlette", "uvicorn", "sqlglot", "typer", "rich"):
    sys.modules[name] = None
from otel_braintrust import start_span
from otel_braintrust.testing import capture_rows
with capture_rows() as rows:
    start_span("work", output=7).end()
assert rows["work"]["output"] == 7
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
