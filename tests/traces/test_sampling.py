"""Tail sampling: whole traces go or stay, each span once, whatever ends when; bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from otel_braintrust.traces import sampling as sampling_module
from otel_braintrust.traces.sampling import ID_SPACE, TailSampling

SECOND = 1_000_000_000


@dataclass
class Ticket:
    span: Any
    size_bytes: int = 1

    @property
    def context(self) -> SpanContext:
        context: SpanContext = self.span.context
        return context


@dataclass
class World:
    """What went, what was left out, and a clock that stands still."""

    gone: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    now: float = 0.0
    ids: int = 0

    def make(self, ratio: float = 0.0, **limits: Any) -> TailSampling:
        given = {"slow_s": 5.0, "max_bytes": 1_000_000, "max_s": 60.0, **limits}
        return TailSampling(ratio, self.leave, clock=lambda: self.now, **given)

    def leave(self, tickets: list[Ticket]) -> None:
        self.left += [each.context.span_id for each in tickets]

    def go(self, tickets: list[Ticket]) -> None:
        self.gone += [each.context.span_id for each in tickets]

    def ticket(self, trace_id: int, *, error: bool = False, seconds: int = 1) -> Ticket:
        self.ids += 1
        status = Status(StatusCode.ERROR if error else StatusCode.UNSET)
        context = SpanContext(trace_id, self.ids, False, TraceFlags(1))
        times = {"start_time": SECOND, "end_time": (1 + seconds) * SECOND}
        return Ticket(ReadableSpan("s", context=context, status=status, **times))

    def whole(self, sampling: TailSampling, ticket: Ticket, *, is_beneath: bool = False) -> int:
        """Start and end one span; its id."""
        self.go(sampling.start(ticket.context.trace_id, is_beneath=is_beneath))
        self.end(sampling, ticket)
        return ticket.context.span_id

    def end(self, sampling: TailSampling, ticket: Ticket) -> None:
        self.go(sampling.take([ticket]))
        self.go(sampling.end(ticket.context.trace_id))


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.booleans(), st.integers(1, 9)), max_size=12),
    st.randoms(use_true_random=False),
    st.sampled_from((0.0, 0.5, 1.0)),
)
def test_each_span_goes_or_is_left_out_once_and_traces_are_whole(
    plan: list[tuple[int, bool, int]], chance: Any, ratio: float
) -> None:
    world = World()
    sampling = world.make(ratio)
    tickets = []
    for trace, error, seconds in plan:
        trace_id = trace * (ID_SPACE // 4)
        world.go(sampling.start(trace_id))
        tickets.append(world.ticket(trace_id, error=error and seconds == 1, seconds=seconds))
    chance.shuffle(tickets)
    for ticket in tickets:
        world.end(sampling, ticket)
    assert sorted(world.gone + world.left) == sorted(each.context.span_id for each in tickets)
    for trace_id in {each.context.trace_id for each in tickets}:
        spans = [each.span for each in tickets if each.context.trace_id == trace_id]
        ids = {span.context.span_id for span in spans}
        speaks = any(not span.status.is_ok or span.end_time >= 6 * SECOND for span in spans)
        goes = speaks or trace_id < ratio * ID_SPACE
        assert ids <= set(world.gone if goes else world.left)
    assert len(sampling) == 0
    assert sampling._size_bytes == 0


def test_what_begins_beneath_a_trace_that_was_left_out_is_left_out() -> None:
    world = World()
    sampling = world.make()
    world.whole(sampling, world.ticket(7))
    late = world.whole(sampling, world.ticket(7, error=True), is_beneath=True)
    assert world.gone == []
    assert late in world.left
    # Another request of the same trace is a tree of its own.
    request = world.ticket(7, error=True)
    assert world.whole(sampling, request) in world.gone


def test_what_begins_beneath_a_trace_that_went_goes() -> None:
    world = World()
    sampling = world.make()
    world.whole(sampling, world.ticket(7, error=True))
    assert world.whole(sampling, world.ticket(7), is_beneath=True) in world.gone


def test_a_span_that_waited_elsewhere_until_its_trace_was_left_out_is_left_out() -> None:
    world = World()
    sampling = world.make()
    world.whole(sampling, world.ticket(7))
    waited = world.ticket(7)
    world.go(sampling.take([waited]))
    assert waited.context.span_id in world.left


def test_what_is_too_large_or_waits_too_long_goes_whole() -> None:
    world = World()
    sampling = world.make(max_bytes=3)
    for trace_id in (7, 8):
        sampling.start(trace_id)
        for _ in range(2):
            world.whole(sampling, world.ticket(trace_id), is_beneath=True)
    assert world.gone == [1, 2]
    world.now = 61.0
    assert sampling.next_release_at == 60.0
    world.go(sampling.release(everything=False))
    assert world.gone == [1, 2, 3, 4]
    assert sampling.next_release_at is None
    # What those traces still do goes, too: they were not left out.
    assert world.whole(sampling, world.ticket(8), is_beneath=True) in world.gone


def test_traces_that_never_end_are_not_kept_for_ever(monkeypatch: Any) -> None:
    monkeypatch.setattr(sampling_module, "MAX_OPEN_TRACES", 10)
    world = World()
    sampling = world.make()
    for trace_id in range(1, 101):
        world.go(sampling.start(trace_id))
        world.whole(sampling, world.ticket(trace_id), is_beneath=True)
    assert len(sampling) == 10
    assert len(world.gone) == 90


def test_feedback_keeps_a_trace_that_waits_and_none_that_was_left_out() -> None:
    world = World()
    sampling = world.make()
    sampling.start(7)
    child = world.whole(sampling, world.ticket(7), is_beneath=True)
    assert sampling.trace_of(child) == 7
    assert sampling.trace_of(999) is None
    world.go(sampling.keep(7))
    assert world.gone == [child]
    assert sampling.decision(7) is True
    world.whole(sampling, world.ticket(8))
    world.go(sampling.keep(8))
    sampling.start(8, is_beneath=True)
    world.go(sampling.keep(8))
    assert sampling.decision(8) is False
    assert world.gone == [child]


def test_scores_and_evaluations_speak_for_a_trace() -> None:
    world = World()
    sampling = world.make()
    for given_to in ({"braintrust.scores": "{}"}, {"gen_ai.evaluation.score.value": 1}):
        ticket = world.ticket(world.ids + 100)
        ticket.span._attributes = given_to
        assert world.whole(sampling, ticket) in world.gone
    ticket = world.ticket(50)
    ticket.span._events = [Event("gen_ai.evaluation.result")]
    assert world.whole(sampling, ticket) in world.gone
