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
    Children that outlive their parent count as far as the parent reaches.

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
    waiting = _waited_for(intervals, roots, begin_s, until_s)[0]
    while waiting:
        index, reach_s = waiting.pop()
        span = intervals[index]
        found, own = _waited_for(intervals, span.children, span.start_s, reach_s)
        waiting.extend(found)
        if own:
            segments[index] = sorted(own)
    return dict(sorted(segments.items()))


def _waited_for(
    intervals: Sequence[Interval], children: Sequence[int], start_s: float, reach_s: float
) -> tuple[list[tuple[int, float]], list[tuple[float, float]]]:
    """The children waited for, each with how far, and what time is left over."""
    found: list[tuple[int, float]] = []
    own: list[tuple[float, float]] = []
    for child in sorted(children, key=lambda index: intervals[index].end_s, reverse=True):
        span = intervals[child]
        child_end_s = min(span.end_s, reach_s)
        if span.start_s >= reach_s or child_end_s <= start_s:
            continue
        if child_end_s < reach_s:
            own.append((child_end_s, reach_s))
        found.append((child, child_end_s))
        reach_s = max(span.start_s, start_s)
    if reach_s > start_s:
        own.append((start_s, reach_s))
    return found, own
