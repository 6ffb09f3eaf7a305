"""Which span each moment of a trace was spent waiting for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Interval:
    """The time of one span, and the spans it waited for."""

    start_s: float
    end_s: float
    children: list[int] = field(default_factory=list)


Segments = dict[int, list[tuple[float, float]]]


def critical_path(intervals: Sequence[Interval], roots: Sequence[int]) -> Segments:
    """Walk back from the end of a trace through the spans that finished last.

    A moment belongs to the deepest span that the end of the trace waited for at that moment.
    Children that outlive their parent count as far as the parent reaches, and of siblings that
    overlap the earlier counts up to the start of the later.

    Args:
        intervals: the spans with a time; `children` holds indexes into this sequence.
        roots: indexes of the spans without a parent.

    Returns:
        For each span on the path its segments in seconds, in order of time.

    Example:
        >>> critical_path([Interval(0, 10, [1]), Interval(2, 9)], [0])
        {0: [(0, 2), (9, 10)], 1: [(2, 9)]}
    """
    segments: Segments = {}
    if not roots:
        return segments
    begin_s = min(intervals[root].start_s for root in roots)
    until_s = max(intervals[root].end_s for root in roots)
    # A stack, not recursion: a chain of thousands of spans is deeper than Python's stack.
    waiting, _ = _waited_for(intervals, roots, begin_s, until_s)
    while waiting:
        index, from_s, to_s = waiting.pop()
        found, own = _waited_for(intervals, intervals[index].children, from_s, to_s)
        waiting.extend(found)
        if own:
            segments[index] = sorted(own)
    return dict(sorted(segments.items()))


def _waited_for(
    intervals: Sequence[Interval], children: Sequence[int], from_s: float, to_s: float
) -> tuple[list[tuple[int, float, float]], list[tuple[float, float]]]:
    """The children waited for between two moments, each with its share, and what time is left."""
    found: list[tuple[int, float, float]] = []
    own: list[tuple[float, float]] = []
    for child in sorted(children, key=lambda index: intervals[index].end_s, reverse=True):
        # Clocks of two hosts differ: a child may seem to begin before its parent.
        child_from_s = max(intervals[child].start_s, from_s)
        child_to_s = min(intervals[child].end_s, to_s)
        if child_from_s >= child_to_s:
            continue
        if child_to_s < to_s:
            own.append((child_to_s, to_s))
        found.append((child, child_from_s, child_to_s))
        to_s = child_from_s
    if to_s > from_s:
        own.append((from_s, to_s))
    return found, own
