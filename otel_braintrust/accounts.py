"""What became of every span: each one that ended stands in exactly one column."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from otel_braintrust.counts import DROP_REASONS, Counts, FlushResult, Loss
from otel_braintrust.tickets import Ticket

__all__ = ["DROP_REASONS", "Counts", "FlushResult", "Ledger", "Loss", "Ticket", "Watch"]

MAX_IDS_OF_LOSS = 100
SETTLED_COLUMNS = ("sent", "spooled", "filtered", "dropped")


class Watch:
    """Counts how the spans that ended before one moment are settled."""

    def __init__(
        self, last_sequence: int, pending: int, settled: Counter[str], reported: Counter[str]
    ) -> None:
        self.last_sequence = last_sequence
        self.pending = pending
        self.settled = settled
        self.reported_before = reported

    def note(self, tickets: Iterable[Ticket], column: str, previous: str | None) -> None:
        count = sum([ticket.sequence <= self.last_sequence for ticket in tickets])
        self.settled[column] += count
        if previous is None:
            self.pending -= count
        else:
            self.settled[previous] = max(0, self.settled[previous] - count)


class Ledger:
    """Counts spans from their end to their settlement; no lock of it is held across I/O."""

    def __init__(self) -> None:
        # Called with each loss, and never while the lock is held; see Ledger.settle.
        self.on_loss: Callable[[Loss], None] | None = None
        # Called with spans and the column they enter, under the lock: it must not wait.
        self.on_settled: Callable[[Sequence[Ticket], str], None] | None = None
        self._clear()

    def _clear(self) -> None:
        # A re-entrant lock: a finalizer may end a span while its thread is in here.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._ended = 0
        self._sampled = 0
        self._settled: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()
        self._watches: list[Watch] = []
        self._pending_bytes = 0

    def open(self, span: Any, size_bytes: int = 0) -> Ticket:
        """Enter a span that ended; it is pending until it is settled.

        Args:
            span: The span; None for a row that has none.
            size_bytes: About how much memory it holds until then.
        """
        ticket = Ticket(span, getattr(span, "context", None))
        self.open_all([ticket], size_bytes)
        return ticket

    def open_all(self, tickets: Sequence[Ticket], size_bytes: int) -> None:
        """Enter spans that ended, as :meth:`open` does, all at once.

        Args:
            tickets: The spans, each for the first time.
            size_bytes: About how much memory they hold together; each is said to hold its share.
        """
        share_bytes = size_bytes // len(tickets)
        with self._lock:
            self._ended += len(tickets)
            self._pending_bytes += share_bytes * len(tickets)
            for ticket in tickets:
                ticket.sequence = self._ended
                ticket.size_bytes = share_bytes

    def note_filtered(self, count: int) -> None:
        """Enter spans that ended and are filtered, without tickets.

        Args:
            count: How many.
        """
        with self._lock:
            self._ended += count
            self._settled["filtered"] += count

    @property
    def pending_bytes(self) -> int:
        """About how much memory the spans hold that are not settled."""
        return self._pending_bytes

    def note_sampled(self) -> None:
        """Count a span that the sampler left out."""
        with self._changed:
            self._sampled += 1

    def settle(self, tickets: Sequence[Ticket], column: str, reason: str = "") -> int:
        """Put spans into their column; a ticket that is settled already stays where it is.

        Only what waits on disk moves on, when it is sent or lost.

        Args:
            tickets: The spans.
            column: One of :data:`SETTLED_COLUMNS`.
            reason: For ``dropped``, one of :data:`DROP_REASONS`.

        Returns:
            How many were settled now.
        """
        with self._changed:
            fresh = [ticket for ticket in tickets if ticket.column is None]
            moved = []
            if len(fresh) < len(tickets) and column in ("sent", "dropped"):
                moved = [ticket for ticket in tickets if ticket.column == "spooled"]
            self._pending_bytes -= sum([ticket.size_bytes for ticket in fresh])
            self._enter(fresh, column, None)
            self._enter(moved, column, "spooled")
            count = len(fresh) + len(moved)
            if column == "dropped":
                self._dropped[reason] += count
            if self._watches:
                self._changed.notify_all()
        if count and column == "dropped" and self.on_loss is not None:
            self.on_loss(Loss(reason, count, _span_ids([*fresh, *moved])))
        return count

    def _enter(self, tickets: Sequence[Ticket], column: str, previous: str | None) -> None:
        for ticket in tickets:
            ticket.column = column
        self._settled[column] += len(tickets)
        if previous is not None:
            self._settled[previous] -= len(tickets)
            # What was reported of this column cannot be more than what is left in it.
            self._reported[previous] = min(self._reported[previous], self._settled[previous])
        for watch in self._watches:
            watch.note(tickets, column, previous)
        if tickets and self.on_settled is not None:
            self.on_settled(tickets, column)

    @property
    def counts(self) -> Counts:
        """The columns now."""
        with self._changed:
            settled = self._settled
            return Counts(
                ended=self._ended,
                sent=settled["sent"],
                spooled=settled["spooled"],
                filtered=settled["filtered"],
                sampled=self._sampled,
                dropped={reason: count for reason, count in self._dropped.items() if count},
                pending=self._ended - sum(settled.values()),
            )

    def watch(self) -> Watch:
        """Begin to count what becomes of the spans that ended so far, for :meth:`report`."""
        with self._changed:
            unreported = self._settled - self._reported
            pending = self._ended - sum(self._settled.values())
            watch = Watch(self._ended, pending, unreported, Counter(self._reported))
            self._watches.append(watch)
            return watch

    def report(self, watch: Watch, deadline: float) -> FlushResult:
        """Wait until every span of the watch is settled or the deadline has come, and tell.

        Args:
            watch: From :meth:`watch`.
            deadline: Moment on ``time.monotonic()``.
        """
        with self._changed:
            while watch.pending > 0:
                remaining_s = deadline - time.monotonic()
                if remaining_s <= 0:
                    break
                self._changed.wait(remaining_s)
            if watch in self._watches:
                self._watches.remove(watch)
            self._note_reported(watch)
            return FlushResult(pending=max(0, watch.pending), **_columns(watch.settled))

    def wait_for(self, tickets: Sequence[Ticket], deadline: float) -> bool:
        """Wait until these spans are settled or the deadline has come; tell if all arrived."""
        watch = Watch(0, 0, Counter(), Counter())
        with self._changed:
            self._watches.append(watch)  # a watch makes settle() wake us
            while any(ticket.column is None for ticket in tickets):
                remaining_s = deadline - time.monotonic()
                if remaining_s <= 0:
                    break
                self._changed.wait(remaining_s)
            self._watches.remove(watch)
            return all(ticket.column not in (None, "dropped") for ticket in tickets)

    def wait_until(self, is_done: Callable[[], bool], deadline: float) -> None:
        """Wait until something holds that changes with a settlement, or the deadline has come."""
        watch = Watch(0, 0, Counter(), Counter())
        with self._changed:
            self._watches.append(watch)
            while not is_done():
                remaining_s = deadline - time.monotonic()
                if remaining_s <= 0:
                    break
                self._changed.wait(min(remaining_s, 0.05))
            self._watches.remove(watch)

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child: what waited belongs to the parent, which sends it."""
        self._clear()

    def _note_reported(self, watch: Watch) -> None:
        # Flushes may overlap; the larger figure keeps one from taking away what another reported.
        for column, count in watch.settled.items():
            reported = watch.reported_before[column] + count
            self._reported[column] = max(self._reported[column], reported)


def _span_ids(tickets: Sequence[Ticket]) -> tuple[str, ...]:
    contexts = [each.context for each in tickets[:MAX_IDS_OF_LOSS] if each.context is not None]
    return tuple(format(context.span_id, "016x") for context in contexts)


def _columns(settled: Counter[str]) -> dict[str, int]:
    return {column: settled[column] for column in SETTLED_COLUMNS}
