"""The tables, each measured in rounds in which the peers take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks.kinds import KINDS
from benchmarks.receiver import Receiver
from benchmarks.tables import Table, median, microseconds, ratio
from benchmarks.workers import Worker

EXPORTERS = ("ours", "OTLP/HTTP", "braintrust.otel", "native logger", "floor")
HOOKS = ("bare BatchSpanProcessor", "ours, all spans", "ours")
# A BatchSpanProcessor drops what comes when 2048 wait, so no round may have more.
SPANS = 1600
LARGE_SPANS = 240


class Bench:
    """One run: where spans are sent to, how often, and how many.

    Args:
        receiver: The server.
        rounds: How often each peer is measured.
        share: Share of the spans that are made; less than 1 for a trial.
    """

    def __init__(self, receiver: Receiver, *, rounds: int, share: float) -> None:
        self.receiver = receiver
        self.rounds = rounds
        self.share = share

    def count(self, spans: int) -> int:
        """So many spans, or the share of them."""
        return max(8, int(spans * self.share))

    @contextmanager
    def workers(self, peers: Iterable[str]) -> Iterator[Sequence[Worker]]:
        """A process for each peer, warm: each has sent some spans of every kind."""
        with ExitStack() as stack:
            made = [stack.enter_context(Worker(peer, self.receiver.url)) for peer in peers]
            for worker in made:
                for kind in KINDS:
                    worker.ask("export_cpu", kind=kind, spans=self.count(100))
            yield made

    def measured(
        self, workers: Sequence[Worker], measure: str, **arguments: Any
    ) -> dict[str, list[Any]]:
        """What every peer found in each round; each round begins with another peer."""
        found: dict[str, list[Any]] = {worker.peer: [] for worker in workers}
        for number in range(self.rounds):
            first = number % len(workers)
            for worker in (*workers[first:], *workers[:first]):
                found[worker.peer].append(worker.ask(measure, **arguments))
        return found


def export(bench: Bench) -> Iterator[Table]:
    """CPU of the whole process for one span."""
    times, ratios = [], []
    with bench.workers(EXPORTERS) as workers:
        for kind in KINDS:
            spans = bench.count(LARGE_SPANS if kind == "large" else SPANS)
            found = bench.measured(workers, "export_cpu", kind=kind, spans=spans)
            cpu = {peer: median(values) for peer, values in found.items()}
            ours = cpu["ours"]
            ratios.append([kind, *(ratio(ours, cpu[peer]) for peer in EXPORTERS[1:])])
            times.append([kind, *(microseconds(cpu[peer]) for peer in EXPORTERS)])
    yield Table(
        "Export: ours as a share of theirs",
        "CPU of the whole process for one span: what our processor and exporter take, divided by "
        "what the other takes. All but the native logger are shown the same spans, made before; "
        "the native logger makes its own.",
        ["Spans", *EXPORTERS[1:]],
        ratios,
    )
    yield Table("Export: on this machine", "The same figures.", ["Spans", *EXPORTERS], times)


def hooks(bench: Bench) -> Iterator[Table]:
    """CPU of the application's thread at a span's start and end."""
    rows = []
    with bench.workers(HOOKS) as workers:
        for kind in KINDS:
            spans = bench.count(LARGE_SPANS if kind == "large" else SPANS)
            found = bench.measured(workers, "hooks_cpu", kind=kind, spans=spans)
            starts = {peer: median(each[0] for each in values) for peer, values in found.items()}
            ends = {peer: median(each[1] for each in values) for peer, values in found.items()}
            bare = starts[HOOKS[0]] + ends[HOOKS[0]]
            for peer in HOOKS:
                both = starts[peer] + ends[peer]
                rows.append([
                    kind,
                    peer,
                    ratio(ends[peer], ends[HOOKS[0]]),
                    ratio(both, bare),
                    microseconds(starts[peer]),
                    microseconds(ends[peer]),
                ])  # fmt: skip
    yield Table(
        "The application's thread",
        "CPU of the thread that starts and ends spans, in the processor alone, as multiples of a "
        "BatchSpanProcessor with an exporter that does nothing.",
        ["Spans", "Processor", "End", "Start and end", "Start", "End "],
        rows,
    )


TABLES: Mapping[str, Callable[[Bench], Iterator[Table]]] = {
    "export": export,
    "hooks": hooks,
}
