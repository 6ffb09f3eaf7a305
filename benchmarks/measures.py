"""What is measured, within the process of one peer."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.kinds import KINDS, Trace
from benchmarks.peers import Peer, WithProcessor
from benchmarks.recordings import Recording, record

# A number of traces that no other measurement of this process had, so that no text comes again.
_numbers = iter(range(0, 1_000_000_000, 1_000_000))


def _traces(kind: str, spans: int) -> list[Trace]:
    first = next(_numbers)
    count = max(1, spans // len(KINDS[kind](0)))
    return [KINDS[kind](first + number) for number in range(count)]


def export_cpu(peer: Peer, *, kind: str, spans: int) -> float:
    """CPU of the whole process for one span, from its start to its arrival, in microseconds."""
    traces = _traces(kind, spans)
    prepared = peer.prepare(traces)
    gc.collect()
    begun = time.process_time()
    peer.send(prepared)
    return (time.process_time() - begun) / sum(map(len, traces)) * 1e6


def hooks_cpu(peer: Peer, *, kind: str, spans: int) -> tuple[float, float]:
    """CPU of the application's thread for on_start and on_end of one span, in microseconds."""
    assert isinstance(peer, WithProcessor)
    recording = record(_traces(kind, spans))
    processor = peer.processor
    on_start, on_end = processor.on_start, processor.on_end
    started_s = ended_s = 0.0
    for trace in _by_trace(recording):
        started = [(span, context) for is_start, span, context in trace if is_start]
        ended = [span for is_start, span, _ in trace if not is_start]
        begun = time.thread_time()
        for span, context in started:
            on_start(span, context)
        between = time.thread_time()
        for span in ended:
            on_end(span)
        ended_s += time.thread_time() - between
        started_s += between - begun
    processor.force_flush()
    count = len(recording.spans)
    return started_s / count * 1e6, ended_s / count * 1e6


def _by_trace(recording: Recording) -> Sequence[list[tuple[bool, Any, Any]]]:
    """Calls by 32 traces together, so that the clock is not read too often."""
    numbers: dict[int, int] = {}
    groups: dict[int, list[Any]] = {}
    for call in recording.calls:
        number = numbers.setdefault(call[1].context.trace_id, len(numbers))
        groups.setdefault(number // 32, []).append(call)
    return list(groups.values())


MEASURES: Mapping[str, Callable[..., Any]] = {
    "export_cpu": export_cpu,
    "hooks_cpu": hooks_cpu,
}
