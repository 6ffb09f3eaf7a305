"""Spans that ended and wait until their rows are taken in hand."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from otel_braintrust.accounts import Ledger, Ticket
from otel_braintrust.delivery.carrying import SPANS_AT_ONCE, Load
from otel_braintrust.delivery.parcels import Parcel
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.silence import suppressed_instrumentation
from otel_braintrust.delivery.troubles import Troubles

Seal = Callable[[Sequence[Ticket]], Sequence[Parcel]]


class Inbox:
    """Takes spans in from many threads, and hands them on as rows in the one that delivers.

    Args:
        seal: Makes parcels of spans, and settles those that have no row.
        ledger: Where spans are counted.
        settlement: Where rows are settled.
        troubles: Where trouble is told.
        max_spans: Most spans that wait; more are dropped and counted.
        writes_first: Write every row to disk before it waits here.
        hurries: Tells whether nobody may wait for room.
    """

    def __init__(
        self,
        *,
        seal: Seal,
        ledger: Ledger,
        settlement: Settlement,
        troubles: Troubles,
        max_spans: int,
        writes_first: bool,
        hurries: Callable[[], bool],
    ) -> None:
        self._seal = seal
        self._ledger = ledger
        self._settlement = settlement
        self._troubles = troubles
        self._max_spans = max_spans
        self._writes_first = writes_first
        self._hurries = hurries
        self.is_closed = False
        self.begin()

    def begin(self) -> None:
        """Begin anew, with nothing in it."""
        self.changed = threading.Condition(threading.RLock())
        self._waiting: deque[Ticket] = deque()
        self._sealing: list[Ticket] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def accept(self, tickets: Sequence[Ticket], *, wait_for_room: bool = False) -> None:
        """Take spans.

        Args:
            tickets: The spans.
            wait_for_room: Wait while many spans wait already, so that the queue in front fills up
                and not this one, unless somebody is in a hurry.
        """
        if self._writes_first and not self.is_closed:
            tickets = self._written(tickets)
        with self.changed:
            while wait_for_room and not self.is_closed and self._is_crowded():
                self.changed.wait()
            room = 0 if self.is_closed else max(0, self._max_spans - len(self))
            self._waiting.extend(tickets[:room])
            reason = "after_shutdown" if self.is_closed else "queue_full"
            self.changed.notify_all()
        if tickets[room:]:
            self._turn_away(tickets[room:], reason)

    def close(self) -> None:
        """Take no more."""
        with self.changed:
            self.is_closed = True
            self.changed.notify_all()

    def hand_to(self, load: Load) -> None:
        """Make rows of spans, the oldest first, as many as may be in hand.

        Args:
            load: What is in hand.
        """
        with self.changed:
            room = min(len(self), load.room)
            self._sealing = [self._waiting.popleft() for _ in range(room)]
            self.changed.notify_all()
        if not self._sealing:
            return
        fresh: Sequence[Parcel] = ()
        try:
            fresh = self.sealed(self._sealing)
            with self.changed:
                load.add(fresh)
        finally:
            # Only an unforeseen exception leaves any of them without a row and unsettled.
            lost = [ticket for ticket in self._sealing if ticket.column is None]
            if len(lost) > len(fresh):
                known = {id(parcel.ticket) for parcel in load.parcels}
                lost = [ticket for ticket in lost if id(ticket) not in known]
                self._ledger.settle(lost, "dropped", "unreadable")
            self._sealing = []

    def empty(self) -> list[Ticket]:
        """What waits, also what is about to become rows; nothing waits any more."""
        with self.changed:
            tickets = [*self._sealing, *self._waiting]
            self._waiting.clear()
            return tickets

    def sealed(self, tickets: Sequence[Ticket]) -> Sequence[Parcel]:
        """The rows of spans; those that lie on disk have theirs already."""
        waiting = [each for each in tickets if each.parcel is None and each.column is None]
        fresh = self._seal(waiting) if waiting else ()
        if len(waiting) == len(tickets):
            return fresh
        return [*(each.parcel for each in tickets if each.parcel is not None), *fresh]

    def tell_full(self, dropped: int) -> None:
        """Log, now and then, that spans are dropped because too many wait."""
        self._troubles.tell(
            "queue_full",
            logging.WARNING,
            "%d spans dropped: %d wait already, with %d MiB; raise OTEL_BSP_MAX_QUEUE_SIZE, "
            "BRAINTRUST_QUEUE_SIZE or OTEL_BRAINTRUST_QUEUE_BYTES, or make fewer spans",
            dropped,
            self._ledger.counts.pending,
            self._ledger.pending_bytes >> 20,
            count=dropped,
        )

    def _is_crowded(self) -> bool:
        return len(self) >= SPANS_AT_ONCE and not self._hurries()

    def _written(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """The spans whose rows are on disk now, or could not be written."""
        with suppressed_instrumentation():
            parcels = self._seal(tickets)
            self._settlement.store(parcels)
        for parcel in parcels:
            if parcel.ticket is not None:
                parcel.ticket.parcel = parcel
        return [parcel.ticket for parcel in parcels if parcel.ticket is not None]

    def _turn_away(self, tickets: Sequence[Ticket], reason: str) -> None:
        """Lose spans that no room is left for; those on disk stay there."""
        parcels = [ticket.parcel for ticket in tickets if ticket.parcel is not None]
        if parcels:
            self._settlement.spooled(parcels)
        dropped = self._ledger.settle([t for t in tickets if t.column is None], "dropped", reason)
        if dropped and reason == "queue_full":
            self.tell_full(dropped)
