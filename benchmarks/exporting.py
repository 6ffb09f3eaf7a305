"""Tables of what it costs to send spans: CPU, bytes on the wire, threads, and growth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.kinds import KINDS
from benchmarks.suite import Bench
from benchmarks.tables import Table, median, microseconds, ratio
from benchmarks.workers import Worker

OTHERS = ("OTLP/HTTP", "braintrust.otel", "native logger", "floor")
EXPORTERS = ("ours", *OTHERS)
THREADS = 8
# What the README calls the kinds.
NAME_BY_KIND = {
    "plain": "a plain span",
    "chat": "a chat span",
    "flat": "a span of 40 messages in 86 attributes",
    "agent": "a span of an agent with tools",
    "large": "a span of 100 KB",
}
CONTENT_BYTES = (1_000, 10_000, 100_000, 1_000_000)
MESSAGES = (1, 10, 40, 200)
TURNS = (1, 5, 20, 50)
SUMMED_UP_TURNS = 20
# About how much content is sent in one round of a growth table.
CONTENT_AT_ONCE = 20_000_000
MESSAGES_AT_ONCE = 8_000


def export(bench: Bench) -> Iterator[Table]:
    """CPU of the whole process for one span, by one thread and by several."""
    times: list[list[str]] = []
    ratios: list[list[str]] = []
    workers = bench.workers(EXPORTERS)
    for kind in KINDS:
        _add_row(bench, workers, kind, 1, times, ratios)
    _add_row(bench, workers, "chat", THREADS, times, ratios)
    yield Table(
        "Export: ours as a share of theirs",
        "CPU of the whole process for one span: what our processor and exporter take, divided by "
        "what the other takes. All but the native logger are shown the same spans, made before; "
        "the native logger makes its own.",
        ["Spans", *OTHERS],
        ratios,
    )
    yield Table("Export: on this machine", "The same figures.", ["Spans", *EXPORTERS], times)


def _add_row(
    bench: Bench,
    workers: Sequence[Worker],
    kind: str,
    threads: int,
    times: list[list[str]],
    ratios: list[list[str]],
) -> None:
    spans = bench.spans_of(kind)
    found = bench.measured(workers, "threads_cpu", kind=kind, spans=spans, threads=threads)
    cpu = {peer: median(values) for peer, values in found.items()}
    name = kind if threads == 1 else f"{kind}, {threads} threads"
    if threads == 1:
        bench.sum_up(f"CPU to send {NAME_BY_KIND[kind]}", cpu["ours"], cpu)
    ratios.append([name, *(ratio(cpu["ours"], cpu[peer]) for peer in OTHERS)])
    times.append([name, *(microseconds(cpu[peer]) for peer in EXPORTERS)])


def wire(bench: Bench) -> Iterator[Table]:
    """Bytes of requests for one span."""
    rows = []
    workers = bench.workers(EXPORTERS)
    for kind in KINDS:
        sizes = {worker.peer: _request_bytes(bench, worker, kind) for worker in workers}
        rows.append([kind, *(f"{size:.0f} B" for size in sizes.values())])
        if kind == "chat":
            bench.sum_up("Bytes on the wire for a chat span", sizes["ours"], sizes)
    yield Table(
        "Bytes on the wire",
        "Bodies and headers of the requests for one span. Nobody compresses by default.",
        ["Spans", *EXPORTERS],
        rows,
    )


def _request_bytes(bench: Bench, worker: Worker, kind: str) -> float:
    spans = bench.count(400) // 4 * 4
    before = bench.receiver.counts()
    worker.ask("export_cpu", kind=kind, spans=spans)
    after = bench.receiver.counts()
    return sum(after[key] - before[key] for key in ("body_bytes", "header_bytes")) / spans


def content(bench: Bench) -> Iterator[Table]:
    """CPU for one model call as its text grows."""
    rows = []
    peers = ("ours", "OTLP/HTTP", "floor")
    workers = bench.workers(peers)
    for size in CONTENT_BYTES:
        kind, spans = f"content {size}", bench.count(min(1600, CONTENT_AT_ONCE // size))
        found = bench.measured(workers, "export_cpu", kind=kind, spans=spans)
        ours, otlp, floor = (median(found[peer]) for peer in peers)
        parsed = bench.measured(workers[2:], "parse_and_dump", kind=kind, spans=spans)
        made = bench.measured(workers[:1], "translate_and_dump", kind=kind, spans=spans)
        parse_and_dump = median(parsed["floor"])
        rows.append([
            f"{size:,} bytes",
            ratio(median(made["ours"]), parse_and_dump),
            ratio(ours, floor),
            ratio(ours, otlp),
            microseconds(ours),
            microseconds(parse_and_dump),
        ])  # fmt: skip
    yield Table(
        "Growth with the bytes of content",
        "CPU for one model call: making its row and dumping it, as multiples of parsing and "
        "dumping the same JSON with orjson; and ours with the request, as multiples of the floor "
        "(which dumps and posts) and of OTLP/HTTP.",
        ["Content", "Parse and dump", "Floor", "OTLP/HTTP", "Ours", "Parse and dump "],
        rows,
    )


def messages(bench: Bench) -> Iterator[Table]:
    """CPU for one message of a model call as their number grows."""
    rows = []
    workers = bench.workers(("ours", "OTLP/HTTP"))
    for form, title in (("messages", "GenAI, one JSON text"), ("flat", "OpenInference, flat")):
        ours: dict[int, float] = {}
        shares: dict[int, str] = {}
        for count in MESSAGES:
            spans = bench.count(min(1600, MESSAGES_AT_ONCE // count))
            found = bench.measured(workers, "export_cpu", kind=f"{form} {count}", spans=spans)
            cpu = {peer: median(values) for peer, values in found.items()}
            ours[count] = cpu["ours"] / count
            shares[count] = ratio(cpu["ours"], cpu["OTLP/HTTP"])
        rows += [
            [title, str(count), ratio(ours[count], ours[10]), shares[count],
             microseconds(ours[count])]
            for count in MESSAGES
        ]  # fmt: skip
    yield Table(
        "Growth with the number of messages",
        "CPU of the whole process for one message of a model call's input, as multiples of what "
        "one of ten takes; and for the whole span, as a share of OTLP/HTTP's.",
        ["Form", "Messages", "Of one of ten", "Of OTLP/HTTP", "One message"],
        rows,
    )


def turns(bench: Bench) -> Iterator[Table]:
    """CPU for one span of an agent as its calls grow in number."""
    rows = []
    workers = bench.workers(EXPORTERS)
    for calls in TURNS:
        spans = (1 + calls) * bench.count(min(400, MESSAGES_AT_ONCE // calls**2))
        found = bench.measured(workers, "export_cpu", kind=f"turns {calls}", spans=spans)
        cpu = {peer: median(values) for peer, values in found.items()}
        if calls == SUMMED_UP_TURNS:
            bench.sum_up(f"CPU to send a span of an agent of {calls} turns", cpu["ours"], cpu)
        ratios = (ratio(cpu["ours"], cpu[peer]) for peer in OTHERS)
        rows.append([str(calls), *ratios, microseconds(cpu["ours"])])
    yield Table(
        "Growth with the turns of an agent",
        "CPU of the whole process for one span of an agent that calls its model so many times, and "
        "tells it each time what was said before, a tool's call and its answer more.",
        ["Calls", *OTHERS, "Ours"],
        rows,
    )
