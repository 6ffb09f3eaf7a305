"""Spans of a scope that is sure to go need nothing of others, until one comes that may not go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from tests.selection.conftest import DATABASE, HTTP, Pipeline

Make = Callable[..., Pipeline]
APPLICATION = "application"


class RecordsSome(Sampler):
    """Records all spans, and samples those whose name says so."""

    def should_sample(
        self, context: Any, trace_id: int, name: str, *args: Any, **kwargs: Any
    ) -> SamplingResult:
        is_sampled = not name.startswith("unsampled")
        return SamplingResult(Decision.RECORD_AND_SAMPLE if is_sampled else Decision.RECORD_ONLY)

    def get_description(self) -> str:
        return "some"


def make_spans(made: Pipeline, *steps: Sequence[str]) -> None:
    """Do steps ``("start", name, scope, above)`` and ``("end", name)``."""
    spans: dict[str, Any] = {}
    for step in steps:
        if step[0] == "end":
            spans[step[1]].end()
            continue
        _, name, scope, *above = step
        context = trace.set_span_in_context(spans[above[0]]) if above else None
        spans[name] = made.tracer(scope).start_span(name, context=context)


def learn_scopes(made: Pipeline) -> None:
    """Let one span of each scope pass, and forget what that left behind."""
    for _ in range(2):
        made.tracer(APPLICATION).start_span("first").end()
    made.flush()
    made.server.rows.clear()
    made.server.arrivals.clear()


@pytest.mark.parametrize("reads_each", [False, True])
def test_a_free_span_is_judged_with_others_as_soon_as_one_above_it_may_not_go(
    pipeline: Make, reads_each: bool
) -> None:
    made = pipeline(sync_flush=reads_each)  # all in one reading, or each by itself
    learn_scopes(made)
    make_spans(
        made,
        ("start", "alone", APPLICATION),
        ("start", "beneath", APPLICATION, "alone"),
        ("start", "query", DATABASE, "beneath"),
        ("start", "beneath the query", APPLICATION, "query"),
        ("start", "health", HTTP),
        ("end", "health"),
        ("start", "after health", APPLICATION, "health"),
        ("end", "after health"),
        ("start", "leaf", DATABASE, "beneath"),
        ("end", "leaf"),
        ("end", "beneath the query"),
        ("start", "beneath the leaf", APPLICATION, "leaf"),
        ("end", "beneath the leaf"),
        ("end", "query"),
        ("end", "beneath"),
        ("end", "alone"),
    )
    made.flush()
    assert made.parents == {
        "alone": None,
        "beneath": "alone",
        "query": "beneath",
        "beneath the query": "query",
        "after health": None,
        "beneath the leaf": "beneath",
    }
    assert made.processor.ledger.filtered == 2


def test_a_free_span_beneath_one_that_is_not_sampled_hangs_nowhere(pipeline: Make) -> None:
    made = pipeline(provider=TracerProvider(sampler=RecordsSome(), shutdown_on_exit=False))
    learn_scopes(made)
    make_spans(
        made,
        ("start", "unsampled", APPLICATION),
        ("start", "sampled", APPLICATION, "unsampled"),
        ("start", "beneath", APPLICATION, "sampled"),
        ("end", "beneath"),
        ("end", "sampled"),
        ("end", "unsampled"),
    )
    made.flush()
    assert made.parents == {"sampled": None, "beneath": "sampled"}
    assert made.processor.ledger.sampled == 1


def test_nobody_waits_for_a_span_that_began_and_was_left_out_within_one_reading(
    pipeline: Make,
) -> None:
    made = pipeline()
    learn_scopes(made)
    health = made.tracer(HTTP).start_span("GET /health")
    work = made.tracer(APPLICATION).start_span("work")
    work.end()
    health.end()
    assert not made.processor.awaits(format(health.get_span_context().span_id, "016x"))
    made.flush()
    assert not made.processor.awaits(format(work.get_span_context().span_id, "016x"))


def test_more_scopes_than_are_remembered_are_judged_all_the_same(pipeline: Make) -> None:
    made = pipeline(queue_size=5000)
    for number in range(2100):
        made.tracer(f"scope {number}").start_span(f"span {number}").end()
    made.flush()
    assert made.processor.ledger.sent == 2100


def test_a_reading_takes_no_more_bytes_than_may_wait(pipeline: Make) -> None:
    made = pipeline(queue_bytes=1_000_000)
    learn_scopes(made)
    for number in range(40):
        made.tracer(APPLICATION).start_span("large", attributes={f"{number}": "x" * 100_000}).end()
    made.flush()
    counts = made.processor.ledger
    assert counts.sent == 2 + 9
    assert counts.dropped == {"queue_full": 31}
    made.tracer(APPLICATION).start_span("larger", attributes={"text": "x" * 2_000_000}).end()
    made.flush()
    assert made.processor.ledger.sent == 2 + 9 + 1


def test_texts_in_lists_and_events_weigh_too(pipeline: Make) -> None:
    made = pipeline(queue_bytes=1_000_000)
    learn_scopes(made)
    tracer = made.tracer(APPLICATION)
    tracer.start_span("in a list", attributes={"texts": ["x" * 300_000, "y" * 300_000]}).end()
    tracer.start_span("numbers", attributes={"numbers": [1.5] * 1000}).end()
    span = tracer.start_span("in an event")
    span.add_event("said", {"text": "x" * 600_000})
    span.end()
    made.flush()
    assert made.processor.ledger.dropped == {"queue_full": 1}
    assert set(made.parents) == {"in a list", "numbers"}


@pytest.mark.parametrize("reads_each", [False, True])
def test_a_request_keeps_its_server_span_and_leaves_out_what_has_nothing_beneath(
    pipeline: Make, reads_each: bool
) -> None:
    made = pipeline(sync_flush=reads_each)
    for number in range(3):  # all is known of the scopes from the second one on
        make_spans(
            made,
            ("start", f"request {number}", HTTP),
            ("start", "query", DATABASE, f"request {number}"),
            ("end", "query"),
            ("start", f"agent {number}", APPLICATION, f"request {number}"),
            ("start", f"chat {number}", APPLICATION, f"agent {number}"),
            ("start", f"call {number}", HTTP, f"chat {number}"),
            ("start", f"in the call {number}", APPLICATION, f"call {number}"),
            ("end", f"in the call {number}"),
            ("end", f"call {number}"),
            ("end", f"chat {number}"),
            ("end", f"agent {number}"),
            ("start", "query", DATABASE, f"request {number}"),
            ("end", "query"),
            ("end", f"request {number}"),
            ("start", "health", HTTP),
            ("start", "query", DATABASE, "health"),
            ("end", "query"),
            ("end", "health"),
        )
    made.flush()
    for number in range(3):
        assert {
            key: made.parents.pop(key) for key in sorted(made.parents) if key[-1] == f"{number}"
        } == {
            f"request {number}": None,
            f"agent {number}": f"request {number}",
            f"chat {number}": f"agent {number}",
            f"call {number}": f"chat {number}",
            f"in the call {number}": f"call {number}",
        }
    counts = made.processor.ledger
    assert (counts.ended, counts.sent, counts.filtered) == (3 * 9, 3 * 5, 3 * 4)


def test_a_request_that_ends_before_what_is_beneath_it_waits_for_that(pipeline: Make) -> None:
    made = pipeline()
    for number in range(2):
        make_spans(
            made,
            ("start", "kept", HTTP),
            ("start", "query", DATABASE, "kept"),
            ("start", "left out", HTTP),
            ("start", "other query", DATABASE, "left out"),
            ("end", "kept"),
            ("end", "left out"),
            ("start", f"late {number}", APPLICATION, "query"),
            ("end", "query"),
            ("end", "other query"),
            ("end", f"late {number}"),
        )
    counts = made.processor.ledger
    assert (counts.ended, counts.filtered) == (2 * 5, 2 * 2)
    made.flush()
    assert made.parents == {"kept": None, "query": "kept", "late 0": "query", "late 1": "query"}


def test_an_infrastructure_span_that_calls_a_model_goes_though_it_says_so_at_its_end(
    pipeline: Make,
) -> None:
    made = pipeline()
    for number in range(2):
        request = made.tracer(HTTP).start_span(f"request {number}")
        context = trace.set_span_in_context(request)
        call = made.tracer(HTTP).start_span(f"call {number}", context=context)
        call.set_attribute("gen_ai.operation.name", "chat")
        call.end()
        request.end()
    made.flush()
    assert made.parents == {
        "request 0": None,
        "call 0": "request 0",
        "request 1": None,
        "call 1": "request 1",
    }
