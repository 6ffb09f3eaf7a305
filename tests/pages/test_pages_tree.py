"""Every span is seen exactly once, whatever the links between them say."""

from __future__ import annotations

import random

import pytest

from otel_braintrust.local.pages.critical_path import Interval, critical_path
from otel_braintrust.local.pages.tree import Link, Node, grow


def drawn(spans: list[Link]) -> list[tuple[int, str]]:
    """The tree as depth and label, as a reader sees it."""

    def label(node: Node) -> str:
        if node.span is None:
            return f"missing {node.missing_id}"
        name = spans[node.span].span_id
        return f"{node.members} x {spans[node.span].name}" if node.kind == "group" else name

    return [(node.depth, label(node)) for node in grow(spans).nodes]


def test_children_follow_their_parent_in_order_of_time() -> None:
    spans = [Link("late", ["top"], "b", 3), Link("top", [], "a", 1), Link("early", ["top"], "c", 2)]
    assert drawn(spans) == [(0, "top"), (1, "early"), (1, "late")]


def test_orphans_of_one_missing_parent_hang_together_under_it() -> None:
    spans = [
        Link("one", ["gone"], "a", 1),
        Link("top", [], "t", 2),
        Link("two", ["gone"], "b", 3),
        Link("three", ["lost"], "c", 4),
    ]
    assert drawn(spans) == [
        (0, "missing gone"),
        (1, "one"),
        (1, "two"),
        (0, "top"),
        (0, "missing lost"),
        (1, "three"),
    ]


def test_a_cycle_is_cut_at_the_span_that_started_first() -> None:
    spans = [Link("a", ["c"], "a", 1), Link("b", ["a"], "b", 2), Link("c", ["b"], "c", 3)]
    assert drawn(spans) == [(0, "a"), (1, "b"), (2, "c")]
    assert [node.cut for node in grow(spans).nodes] == [True, False, False]


def test_a_span_that_is_its_own_parent_stands_at_the_top() -> None:
    assert drawn([Link("a", ["a"], "a", 1)]) == [(0, "a")]
    assert grow([Link("a", ["a"], "a", 1)]).nodes[0].cut


def test_a_cycle_with_a_way_out_takes_it() -> None:
    spans = [
        Link("top", [], "t", 0),
        Link("a", ["b", "top"], "a", 1),
        Link("b", ["a"], "b", 2),
    ]
    assert drawn(spans) == [(0, "top"), (1, "a"), (2, "b")]
    assert not any(node.cut for node in grow(spans).nodes)


def test_a_span_of_two_parents_is_shown_once_and_names_the_other() -> None:
    spans = [
        Link("top", [], "t", 0),
        Link("left", ["top"], "l", 1),
        Link("right", ["top"], "r", 2),
        Link("join", ["right", "left"], "j", 3),
    ]
    assert drawn(spans) == [(0, "top"), (1, "left"), (1, "right"), (2, "join")]
    assert grow(spans).nodes[-1].other_parents == ["left"]


def test_of_two_parents_the_one_that_was_received_is_taken() -> None:
    assert drawn([Link("a", ["gone", "top"], "a", 1), Link("top", [], "t", 0)]) == [
        (0, "top"),
        (1, "a"),
    ]


@pytest.mark.parametrize(("count", "folds"), [(10, False), (11, True)])
def test_siblings_of_one_name_fold_beyond_ten(count: int, folds: bool) -> None:
    spans = [Link("top", [], "t", 0)]
    spans += [Link(f"e{number}", ["top"], "embed", number) for number in range(count)]
    spans.append(Link("last", ["top"], "chat", 99))
    labels = [label for _, label in drawn(spans)]
    assert (f"{count} x embed" in labels) == folds
    assert labels[-1] == "last"
    assert len(labels) == count + 2 + folds


def test_alternating_siblings_are_read_in_turn() -> None:
    spans = [Link("top", [], "t", 0)]
    spans += [Link(f"s{n}", ["top"], ("chat", "tool")[n % 2], n) for n in range(30)]
    assert [label for _, label in drawn(spans)][1:] == [f"s{n}" for n in range(30)]


def test_two_rows_of_one_span_id_are_both_seen() -> None:
    assert len(drawn([Link("a", [], "x", 0), Link("a", [], "x", 1), Link("b", ["a"], "y", 2)])) == 3


def test_a_chain_of_ten_thousand_spans_is_no_deeper_than_the_stack() -> None:
    chain = [Link(str(n), [str(n - 1)] if n else [], "step", n) for n in range(10_000)]
    nodes = grow(chain).nodes
    assert nodes[0].size == 9_999
    assert nodes[-1].depth == 9_999


@pytest.mark.parametrize("seed", range(30))
def test_any_links_at_all_show_every_span_once(seed: int) -> None:
    chance = random.Random(seed)
    names = [str(number) for number in range(chance.randrange(1, 40))]
    spans = [
        Link(
            chance.choice(names),
            [chance.choice([*names, "gone"]) for _ in range(chance.randrange(4))],
            chance.choice("ab"),
            chance.random(),
        )
        for _ in names
    ]
    nodes = grow(spans).nodes
    seen = [node.span for node in nodes if node.kind == "span" and node.span is not None]
    assert sorted(seen) == list(range(len(spans)))
    for position, node in enumerate(nodes):
        below = nodes[position + 1 : position + 1 + node.size]
        assert all(inner.depth > node.depth for inner in below)
        after = nodes[position + 1 + node.size :][:1]
        assert all(inner.depth <= node.depth for inner in after)


def test_the_critical_path_goes_through_what_finished_last() -> None:
    spans = [Interval(0, 10, [1, 2, 3]), Interval(1, 2), Interval(3, 9), Interval(4, 8)]
    assert critical_path(spans, [0]) == {0: [(0, 1), (2, 3), (9, 10)], 1: [(1, 2)], 2: [(3, 9)]}


def test_of_overlapping_siblings_the_earlier_counts_up_to_the_later() -> None:
    spans = [Interval(0, 10, [1, 2]), Interval(0, 4), Interval(2, 10)]
    assert critical_path(spans, [0]) == {1: [(0, 2)], 2: [(2, 10)]}


def test_a_child_that_outlives_its_parent_counts_as_far_as_the_parent_reaches() -> None:
    assert critical_path([Interval(0, 5, [1]), Interval(3, 8)], [0]) == {0: [(0, 3)], 1: [(3, 5)]}


def test_roots_that_follow_each_other_are_all_on_the_path() -> None:
    assert critical_path([Interval(0, 2), Interval(3, 4)], [0, 1]) == {0: [(0, 2)], 1: [(3, 4)]}


@pytest.mark.parametrize("seed", range(30))
def test_the_critical_path_never_counts_a_moment_twice(seed: int) -> None:
    chance = random.Random(seed)
    spans = [Interval(0, 100)]
    for number in range(1, 30):
        start = chance.randrange(0, 99)
        spans.append(Interval(start, start + chance.randrange(0, 40)))
        spans[chance.randrange(number)].children.append(number)
    covered = [piece for pieces in critical_path(spans, [0]).values() for piece in pieces]
    covered.sort()
    assert all(end > start for start, end in covered)
    assert sum(end - start for start, end in covered) == pytest.approx(100)
