"""What spans know of each other: joined log events, calls counted once, bounded memory."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_braintrust.traces import TraceAssembler
from otel_braintrust.translation import LogEvent, OtlpSpan

TRACE = "a" * 32
LLM = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
USAGE = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 2}
ASKED = {"gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]'}


def span(
    number: int,
    parent: int | None = None,
    attributes: dict[str, Any] | None = None,
    *,
    start_ns: int = 100,
    end_ns: int = 200,
) -> OtlpSpan:
    return OtlpSpan(
        trace_id=TRACE,
        span_id=f"{number:016x}",
        parent_span_id=f"{parent:016x}" if parent else None,
        name=f"span {number}",
        start_ns=start_ns,
        end_ns=end_ns,
        attributes=attributes or {},
    )


def rows(assembler: TraceAssembler, *spans: OtlpSpan) -> dict[str, dict[str, Any]]:
    assembled = assembler.assemble(list(spans))
    return {entry.span.name: entry.row for entry in assembled if entry.row is not None}


def test_of_nested_model_calls_only_the_innermost_is_billed_across_batches() -> None:
    assembler = TraceAssembler()
    inner = rows(assembler, span(3, 2, LLM | USAGE, start_ns=120, end_ns=150))["span 3"]
    middle = rows(assembler, span(2, 1, start_ns=110, end_ns=160))["span 2"]
    outer = rows(assembler, span(1, None, LLM | USAGE))["span 1"]

    assert inner["metrics"]["tokens"] == 12
    assert middle["span_attributes"]["type"] == "task"
    assert outer["span_attributes"]["type"] == "task"
    assert "tokens" not in outer["metrics"]
    assert outer["metadata"]["original_type"] == "llm"
    assert outer["metadata"]["aggregated_usage"]["tokens"] == 12


def test_order_in_a_file_does_not_matter() -> None:
    outer = span(1, None, LLM | USAGE)
    inner = span(2, 1, LLM | USAGE, start_ns=120, end_ns=150)
    for given in ((outer, inner), (inner, outer)):
        found = rows(TraceAssembler(), *given)
        assert "tokens" not in found["span 1"]["metrics"]
        assert found["span 2"]["metrics"]["tokens"] == 12


def test_siblings_and_retries_are_separate_calls() -> None:
    found = rows(
        TraceAssembler(),
        span(2, 1, LLM | USAGE, start_ns=110, end_ns=120),
        span(3, 1, LLM | USAGE, start_ns=130, end_ns=140),
        span(1, None, {"gen_ai.operation.name": "invoke_agent", **USAGE}),
    )
    assert found["span 2"]["metrics"]["tokens"] == found["span 3"]["metrics"]["tokens"] == 12
    assert found["span 1"]["metadata"]["aggregated_usage"]["tokens"] == 12


def test_billed_call_borrows_the_content_that_only_the_span_around_it_has() -> None:
    found = rows(
        TraceAssembler(),
        span(2, 1, LLM | USAGE, start_ns=120, end_ns=150),
        span(1, None, LLM | USAGE | ASKED),
    )
    assert found["span 2"]["input"] == [{"role": "user", "content": "Hi"}]
    assert found["span 2"]["metadata"]["content_from"] == f"{1:016x}"


def test_everything_beneath_an_evaluator_scores_and_nothing_beside_it() -> None:
    found = rows(
        TraceAssembler(),
        span(4, 3, LLM | USAGE, start_ns=130, end_ns=140),
        span(3, 2, start_ns=120, end_ns=150),
        span(2, 1, {"openinference.span.kind": "EVALUATOR"}, start_ns=110, end_ns=160),
        span(5, 1, LLM | USAGE, start_ns=170, end_ns=180),
        span(1),
    )
    purposes = {name: row["span_attributes"].get("purpose") for name, row in found.items()}
    assert purposes == {
        "span 1": None,
        "span 2": "scorer",
        "span 3": "scorer",
        "span 4": "scorer",
        "span 5": None,
    }
    assert found["span 2"]["span_attributes"]["type"] == "score"


def test_content_of_log_events_joins_its_span_in_the_order_of_time() -> None:
    assembler = TraceAssembler()
    told = [
        (3, "gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "Yo"}}),
        (2, "gen_ai.user.message", {"content": "Hi"}),
        (1, "gen_ai.system.message", {"content": "Be terse."}),
    ]
    for time_ns, name, body in told:
        assert assembler.add_log_record(LogEvent(TRACE, f"{1:016x}", name, {}, body, time_ns))
    row = rows(assembler, span(1, None, LLM))["span 1"]

    assert row["input"] == [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "Hi"},
    ]
    assert row["output"][0]["message"] == {"role": "assistant", "content": "Yo"}


def test_other_log_records_are_left_alone() -> None:
    assembler = TraceAssembler()
    assert not assembler.add_log_record(LogEvent(TRACE, f"{1:016x}", "user.clicked", {}, "x", 1))


def test_log_events_of_spans_that_never_end_are_forgotten_by_count_and_by_age() -> None:
    now = [0.0]
    assembler = TraceAssembler(max_spans=3, max_age_s=60, clock=lambda: now[0])
    for number in range(1, 6):
        event = LogEvent(TRACE, f"{number:016x}", "gen_ai.user.message", {}, {"content": "x"}, 1)
        assembler.add_log_record(event)
    assert "input" not in rows(assembler, span(1, None, LLM))["span 1"]
    now[0] = 61.0
    assembler.add_log_record(LogEvent(TRACE, f"{9:016x}", "gen_ai.choice", {}, {}, 1))
    assert "input" not in rows(assembler, span(5, None, LLM))["span 5"]


def test_memory_of_parents_that_never_end_is_bounded() -> None:
    assembler = TraceAssembler(max_spans=100)
    for number in range(2, 2_000):
        rows(assembler, span(number, 10_000 + number, LLM | USAGE))
    assert len(assembler._calls) <= 100


class _Text(str):
    """A text of which it can be told whether anybody holds it."""

    __slots__ = ("__weakref__",)


def test_what_a_call_said_is_not_held_until_its_parent_ends() -> None:
    assembler = TraceAssembler(strict_rows=False)
    said = _Text("a private note")
    held = weakref.ref(said)
    entries = assembler.assemble([span(2, 1, LLM | USAGE | {"note": said})])
    assert entries[0].row is not None
    assert entries[0].row["metadata"]["note"] is said
    del entries, said
    gc.collect()
    assert held() is None

    outer = rows(assembler, span(1, None, LLM | USAGE))["span 1"]
    assert outer["span_attributes"]["type"] == "task"


def test_spans_of_the_sdk_are_read_like_those_of_a_file() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("app", "1.0")
    with tracer.start_as_current_span("root") as root:
        root.set_attribute("braintrust.parent", "project_name:other")
        with tracer.start_as_current_span("child", attributes=LLM | USAGE | ASKED):
            pass
    child, parent = TraceAssembler().assemble(exporter.get_finished_spans())

    assert parent.parent == "project_name:other"
    assert parent.row is not None
    assert child.row is not None
    assert "braintrust.parent" not in parent.row["metadata"]
    assert child.row["span_parents"] == [parent.row["span_id"]]
    assert child.row["root_span_id"] == parent.row["root_span_id"]
    assert child.row["input"] == [{"role": "user", "content": "Hi"}]
    assert child.row["context"]["span_origin"]["instrumentation"] == {"name": "app"}


def test_many_threads_may_assemble_at_once() -> None:
    assembler = TraceAssembler()
    failures: list[BaseException] = []

    def work(offset: int) -> None:
        try:
            for number in range(200):
                rows(assembler, span(offset + number, 1, LLM | USAGE))
        except BaseException as problem:
            failures.append(problem)

    threads = [threading.Thread(target=work, args=(1_000 * n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
