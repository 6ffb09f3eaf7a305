"""What is measured, within the process of one peer."""

from __future__ import annotations

import gc
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from benchmarks.kinds import Trace, kind_of
from benchmarks.peers import Peer, WithProcessor
from benchmarks.receiver import hold, release
from benchmarks.recordings import Recording, provider_with, record, start

# A number of traces that no other measurement of this process had, so that no text comes again.
_numbers = iter(range(0, 1_000_000_000, 1_000_000))
TRACES_BETWEEN_CLOCKS = 32
# What getrusage counts memory in.
RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def export_cpu(peer: Peer, *, kind: str, spans: int) -> float:
    """CPU of the whole process for one span, from its start to its arrival, in microseconds."""
    return threads_cpu(peer, kind=kind, spans=spans, threads=1)


def threads_cpu(peer: Peer, *, kind: str, spans: int, threads: int) -> float:
    """As :func:`export_cpu`, of spans that several threads start and end."""
    shares = [list(_traces(kind, spans // threads)) for _ in range(threads)]
    prepared = [peer.prepare(share) for share in shares]
    workers = [threading.Thread(target=peer.play, args=(each,)) for each in prepared[1:]]
    gc.collect()
    begun = time.process_time()
    for worker in workers:
        worker.start()
    peer.play(prepared[0])
    for worker in workers:
        worker.join()
    peer.flush()
    return (
        (time.process_time() - begun) / sum(len(each) for share in shares for each in share) * 1e6
    )


def hooks_cpu(peer: Peer, *, kind: str, spans: int) -> tuple[float, float]:
    """CPU of the application's thread for on_start and on_end of one span, in microseconds."""
    assert isinstance(peer, WithProcessor)
    recording = record(_traces(kind, spans))
    processor = peer.processor
    on_start, on_end = processor.on_start, processor.on_end
    started_s = ended_s = 0.0
    for calls in _by_trace(recording):
        started = [(span, context) for is_start, span, context in calls if is_start]
        ended = [span for is_start, span, _ in calls if not is_start]
        begun = time.thread_time()
        for span, context in started:
            on_start(span, context)
        between = time.thread_time()
        for span in ended:
            on_end(span)
        ended_s += time.thread_time() - between
        started_s += between - begun
    peer.flush()
    count = len(recording.spans)
    return started_s / count * 1e6, ended_s / count * 1e6


def span_cpu(peer: Peer, *, kind: str, spans: int) -> float:
    """CPU of the application's thread for one span that the SDK makes, in microseconds."""
    assert isinstance(peer, WithProcessor)
    provider = provider_with(peer.processor)
    works = [work for each in _traces(kind, spans) for work in (each.root, *each.children)]
    gc.collect()
    begun = time.thread_time()
    for work in works:
        start(work, provider.get_tracer, None).end()
    took_s = time.thread_time() - begun
    peer.flush()
    return took_s / len(works) * 1e6


def parse_and_dump(peer: Peer, *, kind: str, spans: int) -> float:
    """CPU of parsing a span's JSON texts and dumping its ready row, in microseconds."""
    from otel_braintrust.translation import translate

    assert peer.url
    recorded = record(_traces(kind, spans)).spans
    rows = [translate(span) for span in recorded]
    values = [value for span in recorded for value in (span.attributes or {}).values()]
    texts = [value for value in values if isinstance(value, str) and value.startswith(("[", "{"))]
    gc.collect()
    begun = time.process_time()
    for text in texts:
        orjson.loads(text)
    for row in rows:
        orjson.dumps(row)
    return (time.process_time() - begun) / len(recorded) * 1e6


def translate_and_dump(peer: Peer, *, kind: str, spans: int) -> float:
    """CPU of making a span's row and dumping it, in microseconds."""
    from otel_braintrust.traces import TraceAssembler

    assert peer.url
    recorded = record(_traces(kind, spans)).spans
    assembler = TraceAssembler()
    gc.collect()
    begun = time.process_time()
    for assembled in assembler.assemble(recorded):
        orjson.dumps(assembled.row)
    return (time.process_time() - begun) / len(recorded) * 1e6


def memory_bytes(peer: Peer, *, kind: str, spans: int) -> tuple[float, float]:
    """Memory that so many spans take while they wait, and at most until they have arrived."""
    peer.make(_traces(kind, 64))
    peer.flush()
    gc.collect()
    before = _peak_bytes()
    hold(peer.url)
    try:
        peer.make(_traces(kind, spans))
        waiting = _peak_bytes()
    finally:
        release(peer.url)
    peer.flush()
    return waiting - before, _peak_bytes() - before


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT_BYTES


def _traces(kind: str, spans: int) -> Iterator[Trace]:
    first, make = next(_numbers), kind_of(kind)
    return (make(first + number) for number in range(max(1, spans // len(make(0)))))


def _by_trace(recording: Recording) -> Sequence[list[tuple[bool, Any, Any]]]:
    """Calls by some traces together, so that the clock is not read too often."""
    numbers: dict[int, int] = {}
    groups: dict[int, list[Any]] = {}
    for call in recording.calls:
        number = numbers.setdefault(call[1].context.trace_id, len(numbers))
        groups.setdefault(number // TRACES_BETWEEN_CLOCKS, []).append(call)
    return list(groups.values())


MEASURES: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        export_cpu,
        threads_cpu,
        hooks_cpu,
        span_cpu,
        parse_and_dump,
        translate_and_dump,
        memory_bytes,
    )
}
