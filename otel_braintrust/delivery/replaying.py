"""Rows that wait on disk, sent in their order, a few at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from otel_braintrust.accounts import Ledger, Ticket
from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.parcels import Parcel, row_changed_by
from otel_braintrust.delivery.retrying import Backoff
from otel_braintrust.delivery.rounds import Round
from otel_braintrust.delivery.sending import Sender
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.spool import Spool, SpooledRow, SpoolError
from otel_braintrust.delivery.troubles import Troubles

ROWS_AT_ONCE = 500
BYTES_AT_ONCE = 8 * 1024 * 1024
# Other processes leave rows too; so often it is looked whether there are any.
LOOK_EVERY_S = 10.0
AFTER_REFUSAL_S = 60.0


class Replay:
    """Sends what waits in a spool, by the thread that calls :meth:`step`.

    Args:
        spool: Where rows wait.
        sender: Tries parcels.
        settlement: Where rows are settled.
        ledger: Where the rows of this process are counted.
        troubles: Where trouble is told.
        clock: Seconds that only go forward; default ``time.monotonic``.
    """

    def __init__(
        self,
        spool: Spool,
        sender: Sender,
        settlement: Settlement,
        ledger: Ledger,
        troubles: Troubles,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._sender = sender
        self._settlement = settlement
        self._ledger = ledger
        self._troubles = troubles
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """Begin anew, with nothing in hand."""
        self._parcels: list[Parcel] = []
        self._backoff = Backoff()
        self.next_at = 0.0
        self.failures = 0
        self.empties = 0
        self._is_stepping = False

    def has_rows(self) -> bool:
        """Tell whether anything waits on disk, from whichever process."""
        try:
            return self._spool.count() > 0
        except SpoolError:
            return False

    def has_backlog(self) -> bool:
        """Tell whether a row of this process waits for its turn on disk."""
        try:
            return bool(self._parcels) or self._spool.has_backlog()
        except SpoolError:
            return False

    def close(self) -> None:
        """Close the spool."""
        self._spool.close()

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child."""
        self._spool.renew_after_fork()
        self.begin()

    def counts_after_now(self) -> tuple[int, int]:
        """What :attr:`failures` and :attr:`empties` exceed once a step has begun and ended."""
        under_way = int(self._is_stepping)
        return self.failures + under_way, self.empties + under_way

    def hasten(self, within_s: float = 0.0) -> None:
        """Let the next step be due soon."""
        self.next_at = min(self.next_at, self._clock() + within_s)

    def step(self, deadline: float | None) -> Round:
        """Try some rows, and settle when the next step is due.

        Args:
            deadline: Moment on ``time.monotonic()`` by which requests must be over, or None.
        """
        self._is_stepping = True
        try:
            return self._step(deadline)
        finally:
            self._is_stepping = False

    def _step(self, deadline: float | None) -> Round:
        try:
            self._take_more()
        except SpoolError as error:
            self._troubles.tell("spool", logging.ERROR, "the spool cannot be read: %s", error)
            self.failures += 1
            self.next_at = self._clock() + LOOK_EVERY_S
            return Round()
        if not self._parcels:
            self.empties += 1
            self.next_at = self._clock() + LOOK_EVERY_S
            return Round()
        before = len(self._parcels)
        ready, early = _in_turn(self._parcels)
        round_ = self._sender.attempt(ready, deadline)
        self._parcels = [p for p in [*round_.waiting, *early] if not p.is_settled]
        self._plan(round_, before)
        return round_

    def release(self) -> None:
        """Leave what is in hand to others."""
        parcels, self._parcels = self._parcels, []
        numbers = [each.spool_number for each in parcels if each.spool_number is not None]
        if numbers:
            try:
                self._spool.release(numbers)
            except SpoolError as error:
                self._troubles.tell("spool", logging.ERROR, "the spool cannot be used: %s", error)

    def _plan(self, round_: Round, before: int) -> None:
        now = self._clock()
        if round_.progress:
            self._backoff.note_progress()
        if round_.error is not None:
            self.failures += 1
            self.next_at = now + self._backoff.next_wait_s(round_.error)
        elif before and not round_.progress:
            self.failures += 1  # refused: by the key, the place, or row by row
            self.next_at = now + AFTER_REFUSAL_S
        else:
            self.next_at = now

    def _take_more(self) -> None:
        self._spool.beat()
        room = ROWS_AT_ONCE - len(self._parcels)
        size_bytes = sum(parcel.size_bytes for parcel in self._parcels)
        if room <= 0 or size_bytes >= BYTES_AT_ONCE:
            return
        own, others = self._spool.remove_expired()
        if own or others:
            self._tell_expired(own, others)
        rows = self._spool.claim(max_rows=room, max_bytes=BYTES_AT_ONCE - size_bytes)
        self._parcels.extend(self._parcel(row) for row in rows)

    def _parcel(self, row: SpooledRow) -> Parcel:
        kind, _, value = row.destination.partition(":")
        ticket = Ticket.on_disk() if row.writer == self._spool.token else None
        parcel = Parcel(row.row, Destination(kind, value), ticket)
        parcel.spool_number, parcel.is_replayed = row.number, True
        parcel.changes_row = row_changed_by(row.row)
        return parcel

    def _tell_expired(self, own: int, others: int) -> None:
        count = own + others
        self._ledger.settle([Ticket.on_disk() for _ in range(own)], "dropped", "spool_expired")
        message = (
            "%d rows dropped that waited on disk for longer than OTEL_BRAINTRUST_SPOOL_MAX_AGE"
        )
        self._troubles.tell("spool_expired", logging.ERROR, message, count, count=count)


def _in_turn(parcels: list[Parcel]) -> tuple[list[Parcel], list[Parcel]]:
    """The rows to send now, and those that change a row which must be there first."""
    if all(parcel.changes_row is None for parcel in parcels):
        return parcels, []
    coming = {parcel.row_id for parcel in parcels if parcel.changes_row is None}
    early = [parcel for parcel in parcels if parcel.changes_row in coming]
    return [parcel for parcel in parcels if parcel not in early], early
