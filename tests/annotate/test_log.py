"""log(), start_span() and attributes(): what a user says of spans is in their rows."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import UserDict
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_braintrust import TracedThreadPoolExecutor, attributes, current_span, log, start_span
from tests.annotate.conftest import Process


def test_logging_again_merges_as_braintrust_merges(process: Process) -> None:
    with start_span("answer", type="task", input={"a": {"x": 1}, "b": [1]}, tags=["one"]):
        log(input={"a": {"y": 2}, "b": [2]}, metadata={"m": {"p": 1}}, scores={"good": 0.5})
        log(output="first", metadata={"m": {"q": [1]}}, metrics={"retries": 2}, tags=["two", "one"])
        log(output="second", expected={"e": None}, scores={"fast": True, "absent": None})

    row = process.rows()["answer"]
    assert row["input"] == {"a": {"x": 1, "y": 2}, "b": [2]}
    assert row["output"] == "second"
    assert row["expected"] == {"e": None}
    assert row["scores"] == {"good": 0.5, "fast": 1, "absent": None}
    assert row["metadata"]["m"] == {"p": 1, "q": [1]}
    assert row["metrics"]["retries"] == 2
    assert row["tags"] == ["one", "two"]
    assert row["span_attributes"]["type"] == "task"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"scores": {"good": 1.1}}, "good"),
        ({"scores": {"good": -0.1}}, "good"),
        ({"scores": {"good": math.nan}}, "good"),
        ({"scores": {"good": math.inf}}, "good"),
        ({"scores": {"good": "0.5"}}, "good"),
        ({"scores": {"good": [1]}}, "good"),
        ({"scores": {1: 0.5}}, "1"),
        ({"scores": [0.5]}, "scores"),
        ({"metrics": {"count": "7"}}, "count"),
        ({"metrics": {"count": True}}, "count"),
        ({"metrics": {"count": math.nan}}, "count"),
        ({"metadata": "text"}, "metadata"),
        ({"metadata": {2: "two"}}, "2"),
        ({"tags": "one"}, "tags"),
        ({"tags": ["one", 2]}, r"tags\[1\]"),
    ],
)
@pytest.mark.parametrize("configured", [True, False])
def test_a_value_of_a_wrong_form_is_an_error_that_names_its_key(
    fields: dict[str, Any], key: str, configured: bool, request: pytest.FixtureRequest
) -> None:
    if configured:
        request.getfixturevalue("process")
    with start_span("s"), pytest.raises(ValueError, match=key):
        log(**fields)


def test_any_value_can_be_logged(process: Process) -> None:
    @dataclass
    class Point:
        x: int

    class Angry:
        def __str__(self) -> str:
            raise RuntimeError("no")

    circle: list[Any] = []
    circle.append(circle)
    with start_span("odd") as span:
        span.log(
            input={
                1: {2},
                "nan": math.nan,
                "bytes": b"\xff",
                "big": 2**70,
                "user": UserDict(a=1),
            },
            output=[Point(1), Angry(), circle, "\ud800"],
        )

    row = process.rows()["odd"]
    assert row["input"]["1"] == [2]
    assert row["input"]["nan"] is None
    assert row["input"]["big"] == str(2**70)
    assert row["output"][0] == {"x": 1}
    assert row["output"][3] == "\ufffd"


def test_text_that_looks_like_json_stays_text(process: Process) -> None:
    with start_span("text", input='{"a": 1}', output="[1]", expected="null", metadata={"m": "[2]"}):
        pass
    row = process.rows()["text"]
    assert (row["input"], row["output"], row["expected"]) == ('{"a": 1}', "[1]", "null")
    assert row["metadata"]["m"] == "[2]"


def test_a_span_of_another_library_takes_what_is_logged(process: Process) -> None:
    with trace.get_tracer("library").start_as_current_span("theirs"):
        current_span().log(output="ours")
        log(scores={"good": 1})
    row = process.rows()["theirs"]
    assert (row["output"], row["scores"]) == ("ours", {"good": 1})


def test_what_is_logged_travels_through_other_pipelines(process: Process) -> None:
    exporter = InMemorySpanExporter()
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))  # type: ignore[attr-defined]
    with start_span("s", type="llm", input="in", scores={"good": 1}):
        pass
    [span] = exporter.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["braintrust.input_json"] == '"in"'
    assert span.attributes["braintrust.scores"] == '{"good":1}'
    assert span.attributes["braintrust.span_attributes.type"] == "llm"


def test_an_exception_is_the_spans_error_and_goes_on(process: Process) -> None:
    with pytest.raises(KeyError), start_span("failing"):
        raise KeyError("missing")
    with start_span("told") as span:
        span.log(error="out of stock")
    rows = process.rows()
    assert "KeyError" in rows["failing"]["error"]
    assert "Traceback" in rows["failing"]["error"]
    assert rows["told"]["error"] == "out of stock"


def test_a_span_by_hand_lives_across_callbacks_and_threads(process: Process) -> None:
    span = start_span("request", input="q")
    assert not current_span().is_recording()

    def on_output() -> None:
        with span.start_span("step"), start_span("inner"):
            pass
        span.log(output="a")

    thread = threading.Thread(target=on_output)
    thread.start()
    thread.join()
    span.log(metadata={"done": True})
    span.end()

    rows = process.rows()
    assert rows["step"]["span_parents"] == [rows["request"]["span_id"]]
    assert rows["inner"]["span_parents"] == [rows["step"]["span_id"]]
    assert rows["request"]["output"] == "a"
    assert rows["request"]["metadata"]["done"] is True


def test_attributes_stamp_every_span_beneath_them(process: Process) -> None:
    async def child(name: str) -> None:
        with trace.get_tracer("library").start_as_current_span(name) as span:
            span.set_attribute("braintrust.metadata", '{"plan":"own"}')

    async def main() -> None:
        with (
            start_span("root"),
            attributes(user_id="u1", metadata={"plan": "free"}, tags=["beta"]),
            attributes(session_id="s1", metadata={"plan": "paid"}, tags=["eu"]),
        ):
            await asyncio.gather(child("one"), child("two"))
            with start_span("mine", metadata={"user_id": "other"}):
                pass

    asyncio.run(main())
    rows = process.rows()
    assert rows["one"]["metadata"]["user_id"] == "u1"
    assert rows["two"]["metadata"]["session_id"] == "s1"
    assert rows["mine"]["metadata"]["plan"] == "paid"
    assert rows["mine"]["metadata"]["user_id"] == "other"
    assert rows["root"]["tags"] == ["beta", "eu"]
    assert "user_id" not in rows["root"]["metadata"]
    assert all("tags" not in rows[name] or not rows[name]["tags"] for name in ("one", "mine"))


def test_attributes_go_to_other_services_only_on_request(process: Process) -> None:
    def call(baggage: bool) -> dict[str, str]:
        headers: dict[str, str] = {}
        with start_span(f"client {baggage}"), attributes(user_id="ü 1", baggage=baggage):
            propagate.inject(headers)
        return headers

    assert "baggage" not in call(False)
    token = otel_context.attach(propagate.extract(call(True)))
    with trace.get_tracer("other service").start_as_current_span("server"):
        pass
    otel_context.detach(token)
    assert process.rows()["server"]["metadata"]["user_id"] == "ü 1"


def test_tags_of_spans_beneath_rise_to_the_local_root(process: Process) -> None:
    with start_span("root", tags=["own"]) as root:
        with start_span("middle"), start_span("leaf", tags=["risen"]):
            pass
        with trace.get_tracer("library").start_as_current_span("foreign") as span:
            span.set_attribute("langfuse.trace.tags", ["theirs"])
        late = start_span("late")
    late.log(tags=["too late"])
    late.end()

    rows = process.rows()
    assert rows["root"]["tags"] == ["own", "risen", "theirs"]
    assert rows["late"]["metadata"]["tags"] == ["too late"]
    assert not any(row.get("tags") for name, row in rows.items() if name != "root")
    assert root.get_span_context().is_valid


def test_a_pool_carries_the_context_to_its_threads(process: Process) -> None:
    def work(number: int) -> int:
        with start_span(f"work {number}"):
            return number

    with (
        start_span("root"),
        attributes(user_id="u1"),
        TracedThreadPoolExecutor(max_workers=2) as pool,
    ):
        assert list(pool.map(work, range(2))) == [0, 1]
        assert pool.submit(work, number=2).result() == 2
    rows = process.rows()
    for number in range(3):
        assert rows[f"work {number}"]["span_parents"] == [rows["root"]["span_id"]]
        assert rows[f"work {number}"]["metadata"]["user_id"] == "u1"


def test_further_parents_make_the_trace_a_graph(process: Process) -> None:
    with start_span("root"):
        with start_span("left") as left:
            pass
        with start_span("right") as right:
            pass
        with start_span("join", parent=left, also_parents=[right]):
            pass
    rows = process.rows()
    assert rows["join"]["span_parents"] == [rows["left"]["span_id"], rows["right"]["span_id"]]


def test_several_projects_in_one_process_get_each_span_once(process: Process) -> None:
    with start_span("root"):
        with start_span("elsewhere", parent="project_name:other"), start_span("beneath"):
            pass
        with start_span("here"):
            pass
    assert set(process.rows()) == {"root", "here"}
    others = process.rows("other")
    assert set(others) == {"elsewhere", "beneath"}
    assert not others["elsewhere"]["span_parents"]
    assert others["beneath"]["span_parents"] == [others["elsewhere"]["span_id"]]


def test_without_a_provider_everything_is_a_no_op(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    with start_span("s", input=1, tags=["t"]) as span, attributes(user_id="u"):
        log(output=1, scores={"good": 1})
        assert span.export() == ""
        assert span.permalink().endswith("/noop-span")
        assert not current_span().is_recording()
