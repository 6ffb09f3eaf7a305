"""The rows in hand: when they are tried, when they go to the disk, and when they are given up."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence

from otel_braintrust.accounts import Ledger
from otel_braintrust.delivery.errors import ApiError, ServerError, ThrottledError
from otel_braintrust.delivery.failures import GONE
from otel_braintrust.delivery.parcels import Parcel
from otel_braintrust.delivery.replaying import Replay
from otel_braintrust.delivery.retrying import REASON_BY_RETRYABLE_ERROR, Backoff, RowPatience
from otel_braintrust.delivery.rounds import Round
from otel_braintrust.delivery.sending import Sender
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.troubles import Troubles

SPANS_AT_ONCE = 512
# A flush during an outage is one more probe, but never more than about one in this time.
LEAST_PAUSE_S = 0.5
# Rows that wait for a failed project's look-up, or that fail alone, hold up others no longer.
PAUSE_BESIDE_OTHERS_S = 0.1
# An outage of this length sends spans to the disk, if there is a spool.
SPOOL_AFTER_S = 2.0
DISK_PAUSE_S = 5.0


class Load:
    """Up to so many rows in hand, tried again and again until each is settled or on disk.

    Only the thread that delivers calls :meth:`deliver`; others may look at :attr:`parcels`.

    Args:
        sender: Tries parcels.
        settlement: Where rows are settled.
        ledger: Where spans are counted.
        troubles: Where trouble is told.
        patience: How long rows are tried.
        replay: Sends what waits on disk; None: there is no spool.
    """

    def __init__(
        self,
        *,
        sender: Sender,
        settlement: Settlement,
        ledger: Ledger,
        troubles: Troubles,
        patience: RowPatience,
        replay: Replay | None,
    ) -> None:
        self._sender = sender
        self._settlement = settlement
        self._ledger = ledger
        self._troubles = troubles
        self._patience = patience
        self._replay = replay
        self.begin()

    def begin(self) -> None:
        """Begin anew, with nothing in hand."""
        self.parcels: Sequence[Parcel] = ()
        self.is_failing = False
        self._backoff = Backoff()
        self._attempt_at = 0.0
        self._resume_at = 0.0
        self._may_hasten = True
        self._is_asked = False
        self._has_tried_to_stop = False
        self._disk_failed_at = -DISK_PAUSE_S

    @property
    def room(self) -> int:
        """How many rows more may be in hand."""
        return SPANS_AT_ONCE - len(self.parcels)

    def add(self, parcels: Sequence[Parcel]) -> None:
        """Take rows in hand."""
        if not self.parcels:
            self._resume_at = 0.0
        self.parcels = [*self.parcels, *parcels] if self.parcels else parcels

    def hasten(self) -> None:
        """Somebody waits: try again soon, unless the server asked for time."""
        self._is_asked = True

    def resume(self) -> None:
        """Try at once what is in hand."""
        self._resume_at = 0.0

    def postpone(self, seconds: float) -> None:
        """Try nothing for some time."""
        self._resume_at = time.monotonic() + seconds

    def due_at(self, now: float, *, spans_behind: int, stop_at: float | None) -> float:
        """When what is in hand is tried again.

        Args:
            now: The present, on ``time.monotonic()``.
            spans_behind: How many spans wait behind what is in hand.
            stop_at: When everything ends, if that is known.
        """
        if self._goes_to_disk(now, spans_behind):
            return now
        due = self._resume_at
        is_asked = self._is_asked or stop_at is not None
        # One more attempt before the end, also where the server asked for more time than is left.
        is_last = stop_at is not None and not self._has_tried_to_stop
        if is_asked and (self._may_hasten or is_last):
            due = min(due, self._attempt_at + LEAST_PAUSE_S)
        if spans_behind and not self.is_failing and self.room > 0:
            due = min(due, self._attempt_at + PAUSE_BESIDE_OTHERS_S)
        return min(due, self._disk_at())

    def deliver(self, *, spans_behind: int, stop_at: float | None) -> None:
        """Try what is in hand once; what stays in hand waits for its next time.

        Args:
            spans_behind: How many spans wait behind what is in hand.
            stop_at: When requests must be over, if that is known.
        """
        if self._goes_to_disk(time.monotonic(), spans_behind) and self._to_disk(self.parcels):
            self.parcels = ()
            return
        self._is_asked = False
        self._has_tried_to_stop = stop_at is not None
        self._attempt_at = time.monotonic()
        round_ = self._attempted(stop_at)
        waiting = [parcel for parcel in round_.waiting if not parcel.is_settled]
        self.note_health(round_)
        if round_.progress:
            self._backoff.note_progress()
        if round_.error is not None:
            waiting = self._wait_out(round_.error, waiting, stop_at)
        self.parcels = waiting

    def note_health(self, round_: Round) -> None:
        """Learn from an attempt whether the server works.

        Args:
            round_: What the attempt left.
        """
        if round_.error is not None:
            self.is_failing = not round_.progress
            kind = f"outage {REASON_BY_RETRYABLE_ERROR[type(round_.error)]}"
            message = "spans wait to be sent and are tried again: %s"
            self._troubles.tell(kind, logging.WARNING, message, round_.error)
        elif round_.progress:
            self.is_failing = False
            self._troubles.are_over("outage", "delivery to Braintrust works again")

    def _attempted(self, stop_at: float | None) -> Round:
        try:
            return self._sender.attempt(self.parcels, stop_at)
        except Exception as error:  # noqa: BLE001  (what nobody foresaw may pass, too)
            name = type(error).__name__
            message = "delivery failed unexpectedly (%s), and is tried again; please report it"
            self._troubles.tell("internal", logging.ERROR, message, name)
            why = ServerError("POST", "/logs3", None, f"an unexpected {name}")
            return Round(list(self.parcels), why)

    def _disk_at(self) -> float:
        """When what is in hand goes to the disk, should the server still fail."""
        if self._replay is None or not self.is_failing:
            return math.inf
        since = self._failing_since()
        if since is None:
            return math.inf
        return max(since + SPOOL_AFTER_S, self._disk_failed_at + DISK_PAUSE_S)

    def _failing_since(self) -> float | None:
        failed = [p.first_failed_at for p in self.parcels if p.first_failed_at is not None]
        return min(failed, default=None)

    def _goes_to_disk(self, now: float, spans_behind: int) -> bool:
        """Tell whether what is in hand should wait on disk and not here."""
        if self._replay is None or now - self._disk_failed_at < DISK_PAUSE_S:
            return False
        if self._ledger.counts.spooled and self._replay.has_backlog():
            return True  # behind what waits there already, so that the order stays
        if not self.is_failing:
            return False
        since = self._failing_since()
        is_long = since is not None and now >= since + SPOOL_AFTER_S
        return spans_behind >= SPANS_AT_ONCE or is_long

    def _to_disk(self, parcels: Sequence[Parcel]) -> bool:
        if self._settlement.spooled(parcels):
            if self._replay is not None:
                wait_s = self._resume_at - time.monotonic() if self.is_failing else 0.0
                self._replay.hasten(max(0.0, wait_s))
            return True
        self._disk_failed_at = time.monotonic()
        return False

    def _wait_out(
        self, error: ApiError, waiting: list[Parcel], stop_at: float | None
    ) -> list[Parcel]:
        """Plan the next attempt, and give up the rows that were tried for long enough."""
        for parcel in waiting:
            self._patience.note_failure(parcel)
        over = [parcel for parcel in waiting if self._patience.is_over(parcel)]
        if over and not (self._replay is not None and self._to_disk(over)):
            self._give_up(over, error, stop_at)
        waiting = [parcel for parcel in waiting if not parcel.is_settled and parcel not in over]
        # A server that asks for more time than is left gets one last attempt at the end of it.
        at_most_s = min(map(self._patience.remaining_s, waiting), default=0.0)
        wait_s = min(self._backoff.next_wait_s(error), max(0.0, at_most_s))
        self._resume_at = time.monotonic() + wait_s
        self._may_hasten = not error.retry_after_s
        return waiting

    def _give_up(self, parcels: list[Parcel], error: ApiError, stop_at: float | None) -> None:
        late = [parcel for parcel in parcels if self._patience.remaining_s(parcel) <= 0]
        if late and not isinstance(error, ThrottledError) and error.reason not in GONE:
            # Either the server is away, or it fails at these rows and would take others.
            self._sender.post_bare(late, stop_at)
        lost = [parcel for parcel in parcels if not parcel.is_settled]
        if not lost:
            return
        reason = REASON_BY_RETRYABLE_ERROR[type(error)]
        self._troubles.tell(
            f"gave up {reason}",
            logging.ERROR,
            "%d spans dropped, tried for as long as OTEL_BRAINTRUST_MAX_RETRY and "
            "BRAINTRUST_NUM_RETRIES allow: %s",
            len(lost),
            error,
            count=len(lost),
        )
        self._settlement.dropped(lost, reason)
