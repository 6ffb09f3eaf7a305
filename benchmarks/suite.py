"""One run: peers in processes of their own that take turns, round after round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any

from benchmarks.kinds import KINDS
from benchmarks.receiver import Receiver
from benchmarks.tables import ratio
from benchmarks.workers import Worker

if TYPE_CHECKING:
    from typing_extensions import Self

# A BatchSpanProcessor drops what comes when 2048 wait, so no round may have more.
SPANS = 1600
LARGE_SPANS = 240
LEAST_SPANS = 8
SUMMARY_PEERS = ("OTLP/HTTP", "braintrust.otel", "native logger", "bare BatchSpanProcessor")


class Bench:
    """Where spans are sent to, how often, and how many; a context manager.

    Args:
        receiver: The server.
        rounds: How often each peer is measured.
        share: Share of the spans that are made; less than 1 for a trial.
    """

    def __init__(self, receiver: Receiver, *, rounds: int, share: float) -> None:
        self.receiver = receiver
        self.rounds = rounds
        self.share = share
        # What the README quotes: what is measured, and ours as multiples of each of SUMMARY_PEERS.
        self.summary: list[list[str]] = []
        self._workers: dict[str, Worker] = {}
        self._stack = ExitStack()

    def count(self, spans: int) -> int:
        """So many spans, or the share of them."""
        return max(LEAST_SPANS, int(spans * self.share))

    def spans_of(self, kind: str) -> int:
        """How many spans of a kind are made at once."""
        return self.count(LARGE_SPANS if kind == "large" else SPANS)

    def workers(self, peers: Iterable[str]) -> list[Worker]:
        """A process for each peer, warm: each has sent some spans of every kind."""
        return [self._workers.get(peer) or self._new_worker(peer) for peer in peers]

    def _new_worker(self, peer: str) -> Worker:
        worker = self._stack.enter_context(Worker(peer, self.receiver.url))
        for kind in KINDS:
            worker.ask("export_cpu", kind=kind, spans=self.count(100))
        self._workers[peer] = worker
        return worker

    def sum_up(self, what: str, ours: float, theirs: Mapping[str, float]) -> None:
        """Enter a row of the summary.

        Args:
            what: What is measured.
            ours: What we take.
            theirs: What others take, by their names in :data:`SUMMARY_PEERS`.
        """
        cells = (ratio(ours, theirs[peer]) if peer in theirs else "" for peer in SUMMARY_PEERS)
        self.summary.append([what, *cells])

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
