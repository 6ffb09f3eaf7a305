"""Trees after selection: whatever is dropped, and in whatever order spans end."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, TraceFlags

from otel_braintrust.traces.reparenting import Reparenting
from otel_braintrust.verdicts import Verdict

KEEP, DROP, IF_BENEATH, OPEN = Verdict.KEEP, Verdict.DROP, Verdict.IF_BENEATH, Verdict.OPEN
TRACE = 7
# What is certain at the start, what is said at the end.
MANNERS = (
    (KEEP, KEEP),
    (IF_BENEATH, IF_BENEATH),
    (IF_BENEATH, KEEP),
    (DROP, DROP),
    (OPEN, KEEP),
    (OPEN, DROP),
    (OPEN, IF_BENEATH),
)


def context_of(number: int, *, remote: bool = False, sampled: bool = True) -> SpanContext:
    return SpanContext(TRACE, number, remote, TraceFlags(1 if sampled else 0))


@dataclass
class Ticket:
    span: Any
    is_local_root: bool = False
    size_bytes: int = 1


@dataclass
class Judge:
    manners: dict[int, tuple[Verdict, Verdict]]

    def early(self, span: Any) -> Verdict:
        return self.manners[span.context.span_id][0]

    def final(self, span: Any) -> Verdict:
        return self.manners[span.context.span_id][1]


@dataclass
class World:
    """Spans with their parents, what became of each, and a clock that stands still."""

    manners: dict[int, tuple[Verdict, Verdict]] = field(default_factory=dict)
    parents: dict[int, SpanContext | None] = field(default_factory=dict)
    sent: dict[int, Ticket] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)
    now: float = 0.0
    lock: Any = field(default_factory=threading.Lock)

    def make(self, **limits: Any) -> Reparenting:
        return Reparenting(Judge(self.manners), self.drop, clock=lambda: self.now, **limits)

    def drop(self, tickets: list[Ticket]) -> None:
        with self.lock:
            for ticket in tickets:
                number = ticket.span.context.span_id
                assert number not in self.dropped
                assert number not in self.sent
                self.dropped.add(number)

    def send(self, tickets: list[Ticket]) -> None:
        with self.lock:
            for ticket in tickets:
                number = ticket.span.context.span_id
                assert number not in self.dropped
                assert number not in self.sent
                self.sent[number] = ticket

    def span(self, number: int) -> ReadableSpan:
        return ReadableSpan("s", context=context_of(number), parent=self.parents[number])

    def add(
        self, number: int, manner: tuple[Verdict, Verdict], parent: SpanContext | None
    ) -> ReadableSpan:
        self.manners[number], self.parents[number] = manner, parent
        return self.span(number)

    def ancestors(self, number: int) -> list[int]:
        found = []
        parent = self.parents[number]
        while parent is not None and not parent.is_remote:
            found.append(parent.span_id)
            parent = self.parents[parent.span_id]
        return found


@dataclass
class Plan:
    """A random trace: parents by index, manners, and an order of starts and ends."""

    parents: list[int]
    manners: list[tuple[Verdict, Verdict]]
    steps: list[tuple[str, int]]


@st.composite
def plans(draw: Any, *, every_one_ends: bool = True) -> Plan:
    count = draw(st.integers(1, 14))
    parents = [draw(st.integers(-2, index - 1)) for index in range(count)]
    manners = [draw(st.sampled_from(MANNERS)) for _ in range(count)]
    # Each starts after its parent began; ends are anywhere after the start.
    starts = list(range(count))
    steps: list[tuple[str, int]] = [("start", index) for index in starts]
    for index in draw(st.permutations(starts)):
        if not every_one_ends and draw(st.booleans()):
            continue
        begin = steps.index(("start", index))
        at = draw(st.integers(begin + 1, len(steps)))
        steps.insert(at, ("end", index))
    return Plan(parents, manners, steps)


def number_of(index: int) -> int:
    return index + 100


def run(plan: Plan, world: World, tree: Reparenting) -> set[int]:
    ended = set()
    for step, index in plan.steps:
        number = number_of(index)
        if step == "start":
            above = plan.parents[index]
            parent = (
                None
                if above == -1
                else context_of(50, remote=True)
                if above == -2
                else context_of(number_of(above))
            )
            world.send(tree.on_start(world.add(number, plan.manners[index], parent))[1])
        else:
            ended.add(number)
            span = world.span(number)
            world.send(tree.on_end(span, Ticket(span)))
    return ended


def check(world: World, ended: set[int], *, all_ended: bool) -> None:
    assert ended == set(world.sent) | world.dropped
    for number in ended:
        final = world.manners[number][1]
        if final is not IF_BENEATH:
            assert (number in world.sent) == (final is KEEP)
        elif number in world.sent and all_ended:
            assert any(number in world.ancestors(each) for each in world.sent)
    for number, ticket in world.sent.items():
        parent = ticket.span.parent
        chain = world.ancestors(number)
        if parent is None or parent.is_remote:
            top = world.parents[chain[-1] if chain else number]
            assert parent == top
            assert ticket.is_local_root
            assert not (set(chain) & set(world.sent)) or not all_ended or _came_late(world, number)
            continue
        assert parent.span_id in chain
        assert parent.span_id in world.sent or parent.span_id not in ended
        assert not ticket.is_local_root


def _came_late(world: World, number: int) -> bool:
    """Only a verdict that fell after the span had to go can leave an ancestor unused."""
    return any(world.manners[each][0] is OPEN for each in world.ancestors(number))


@settings(max_examples=600, deadline=None)
@given(plans())
def test_kept_spans_are_trees_whatever_ends_when(plan: Plan) -> None:
    world = World()
    tree = world.make()
    ended = run(plan, world, tree)
    world.send(tree.release())
    check(world, ended, all_ended=True)
    for number, ticket in world.sent.items():
        kept_above = [each for each in world.ancestors(number) if each in world.sent]
        parent = ticket.span.parent
        assert (parent.span_id if parent and not parent.is_remote else None) == (
            kept_above[0] if kept_above else None
        )
    world.now += 10_000
    tree.look_at_clock()
    assert len(tree) == 0


def end_of_a_stranger(world: World) -> tuple[ReadableSpan, Ticket]:
    span = world.add(9_999, (KEEP, KEEP), None)
    return span, Ticket(span)


class Short(Reparenting):
    """Ends spans by the short way, where there is one."""

    def on_end(self, span: Any, ticket: Any) -> Any:
        early = self._judge.early(span)
        certain = None if early is OPEN else early
        verdict = self.leaves.end(span, span.context.span_id, span.parent, certain)
        if verdict is OPEN:
            return super().on_end(span, ticket)
        if verdict is KEEP:
            ticket.is_local_root = span.parent is None or span.parent.is_remote
            return (ticket,)
        self._filtered([ticket])
        return ()


@settings(max_examples=600, deadline=None)
@given(plans(), st.integers(1, 20))
def test_ends_that_move_no_other_come_to_what_all_others_come_to(plan: Plan, most: int) -> None:
    found = []
    for kind in (Reparenting, Short):
        world = World()
        tree = kind(
            Judge(world.manners),
            world.drop,
            max_open=most,
            max_dropped=most,
            clock=lambda: 0.0,
        )
        run(plan, world, tree)
        world.send(tree.release())
        sent = {
            number: (ticket.span.parent, ticket.is_local_root)
            for number, ticket in world.sent.items()
        }
        found.append((sent, world.dropped, set(tree.followed.open), set(tree.followed.dropped)))
    assert found[0] == found[1]


@settings(max_examples=300, deadline=None)
@given(plans(every_one_ends=False), st.integers(0, 8))
def test_parents_that_never_end_hold_nothing_back_for_ever(plan: Plan, seconds: int) -> None:
    world = World()
    tree = world.make(hold_s=5.0)
    ended = run(plan, world, tree)
    world.now += seconds
    world.send(tree.release(everything=False))
    if seconds < 5:
        world.send(tree.release())
    assert tree.next_release_at is None
    check(world, ended, all_ended=False)


@settings(max_examples=300, deadline=None)
@given(plans(), st.integers(1, 4), st.integers(0, 3))
def test_limits_lose_nothing_and_send_nothing_twice(plan: Plan, most: int, held: int) -> None:
    world = World()
    tree = world.make(max_open=most, max_held=held, max_dropped=most)
    ended = run(plan, world, tree)
    world.send(tree.release())
    assert ended == set(world.sent) | world.dropped
    for number in ended:
        final = world.manners[number][1]
        if final is not IF_BENEATH and KEEP not in world.manners[number]:
            assert number not in world.sent
        if final is KEEP:
            assert number in world.sent
    assert len(tree) <= 3 * most + held


def test_what_waits_is_bounded_in_bytes() -> None:
    world = World()
    tree = world.make(max_held_bytes=1000)
    session = world.add(1, (OPEN, DROP), None)
    tree.on_start(session)
    for number in range(10, 20):
        span = world.add(number, (KEEP, KEEP), context_of(1))
        tree.on_start(span)
        world.send(tree.on_end(span, Ticket(span, size_bytes=300)))
    assert len(world.sent) == 7
    assert tree._held.size_bytes == 900
    world.send(tree.on_end(session, Ticket(session)))
    assert tree._held.size_bytes == 0
    assert len(world.sent) == 10


def test_a_child_that_begins_after_its_dropped_parent_ended_hangs_on_the_next() -> None:
    world = World()
    tree = world.make()
    root = world.add(1, (KEEP, KEEP), None)
    noise = world.add(2, (IF_BENEATH, IF_BENEATH), context_of(1))
    tree.on_start(root)
    tree.on_start(noise)
    world.send(tree.on_end(noise, Ticket(noise)))
    late = world.add(3, (KEEP, KEEP), context_of(2))
    tree.on_start(late)
    world.send(tree.on_end(late, Ticket(late)))
    world.send(tree.on_end(root, Ticket(root)))
    assert world.dropped == {2}
    assert world.sent[3].span.parent.span_id == 1
    assert late.parent == context_of(2)  # the span that others export is as it was


def test_infrastructure_that_ends_before_its_kept_child_goes() -> None:
    world = World()
    tree = world.make()
    request = world.add(1, (IF_BENEATH, IF_BENEATH), context_of(50, remote=True))
    query = world.add(2, (IF_BENEATH, IF_BENEATH), context_of(1))
    for span in (request, query):
        tree.on_start(span)
    assert tree.on_end(request, Ticket(request)) == []
    call = world.add(3, (KEEP, KEEP), context_of(1))
    world.send(tree.on_start(call)[1])
    assert set(world.sent) == {1}
    assert world.sent[1].is_local_root
    world.send(tree.on_end(query, Ticket(query)))
    world.send(tree.on_end(call, Ticket(call)))
    assert world.dropped == {2}
    assert world.sent[3].span.parent == context_of(1)


def test_a_parent_that_the_sampler_left_out_is_no_parent() -> None:
    world = World()
    tree = world.make()
    unseen = world.add(2, (KEEP, KEEP), context_of(1, sampled=False))
    remote = world.add(3, (KEEP, KEEP), context_of(4, remote=True, sampled=False))
    for span in (unseen, remote):
        tree.on_start(span)
        world.send(tree.on_end(span, Ticket(span)))
    assert world.sent[2].span.parent is None
    assert world.sent[3].span.parent.span_id == 4


@pytest.mark.parametrize("manner", MANNERS)
def test_many_threads_under_one_root(manner: tuple[Verdict, Verdict]) -> None:
    world = World()
    tree = world.make()
    root = world.add(1, (IF_BENEATH, IF_BENEATH), None)
    tree.on_start(root)
    spans = [world.add(10 + each, manner, context_of(1)) for each in range(400)]

    def work(some: list[ReadableSpan]) -> None:
        for span in some:
            world.send(tree.on_start(span)[1])
            world.send(tree.on_end(span, Ticket(span)))

    threads = [threading.Thread(target=work, args=(spans[each::4],)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.send(tree.on_end(root, Ticket(root)))
    is_kept = manner[1] is KEEP
    assert len(world.sent) == (401 if is_kept else 0)
    assert len(world.dropped) == (0 if is_kept else 401)


@pytest.mark.parametrize("another_began", [False, True])
def test_a_span_that_is_open_for_very_long_is_forgotten_when_another_begins(
    another_began: bool,
) -> None:
    world = World()
    tree = world.make(max_age_s=100)
    for number in range(1, 4):
        world.now += 30
        tree.look_at_clock()
        tree.on_start(world.add(number, (IF_BENEATH, IF_BENEATH), None))
    world.now += 50  # the first has been open for 110 seconds, the second for 80
    tree.look_at_clock()
    if another_began:
        tree.on_start(world.add(4, (IF_BENEATH, IF_BENEATH), None))
    for number in range(1, 4):
        span = world.span(number)
        world.send(tree.on_end(span, Ticket(span)))
    # Nobody knows what was beneath the first one, so that it goes.
    assert set(world.sent) == ({1} if another_began else set())
    assert world.dropped == {1, 2, 3} - set(world.sent)
