"""Tables of what spans cost the application's own thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks import traced
from benchmarks.kinds import KINDS
from benchmarks.suite import Bench
from benchmarks.tables import Table, median, microseconds, ratio

BARE = "bare BatchSpanProcessor"
HOOKS = (BARE, "ours, all spans", "ours")


def hooks(bench: Bench) -> Iterator[Table]:
    """CPU of the application's thread at a span's start and end."""
    rows = []
    workers = bench.workers(HOOKS)
    for kind in KINDS:
        spans = bench.spans_of(kind)
        found = bench.measured(workers, "hooks_cpu", kind=kind, spans=spans)
        whole = bench.measured(workers, "span_cpu", kind=kind, spans=spans)
        starts = {peer: median(each[0] for each in values) for peer, values in found.items()}
        ends = {peer: median(each[1] for each in values) for peer, values in found.items()}
        if kind == "chat":
            _sum_up(bench, starts, ends)
        spans_us = {peer: median(values) for peer, values in whole.items()}
        for peer in HOOKS:
            both, bare = starts[peer] + ends[peer], starts[BARE] + ends[BARE]
            rows.append([
                kind,
                peer,
                ratio(ends[peer], ends[BARE]),
                ratio(both, bare),
                ratio(spans_us[peer], spans_us[BARE]),
                microseconds(starts[peer]),
                microseconds(ends[peer]),
                microseconds(spans_us[peer]),
            ])  # fmt: skip
    yield Table(
        "The application's thread",
        "CPU of the thread that makes spans, as multiples of a BatchSpanProcessor with an exporter "
        "that does nothing: on_end alone, on_start and on_end, and the whole span as "
        "OpenTelemetry's SDK makes it.",
        ["Spans", "Processor", "End", "Start and end", "Whole span", "Start", "End ", "Span"],
        rows,
    )


def _sum_up(bench: Bench, starts: Mapping[str, float], ends: Mapping[str, float]) -> None:
    bench.sum_up("The application's thread at a span's end", ends["ours"], ends)
    both = {peer: starts[peer] + ends[peer] for peer in HOOKS}
    bench.sum_up("The application's thread at start and end", both["ours"], both)


def decorator(bench: Bench) -> Iterator[Table]:
    """What @traced costs beside start_as_current_span."""
    found = [traced.measured(bench.count(traced.CALLS)) for _ in range(min(3, bench.rounds))]
    bare = median(each["start_as_current_span"] for each in found)
    rows = []
    for name in found[0]:
        took = median(each[name] for each in found)
        rows.append([name, ratio(took, bare), microseconds(took)])
    yield Table(
        "@traced",
        "One call of a decorated function that does nothing, as multiples of OpenTelemetry's "
        "start_as_current_span, with no processor.",
        ["Call", "Of start_as_current_span", "One call"],
        rows,
    )
