"""Rows on their way to one project, a bounded number of bytes at a time, each with its outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from otel_braintrust.accounts import Ledger
from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.encoding import encode
from otel_braintrust.delivery.errors import ApiError
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.parcels import Parcel
from otel_braintrust.delivery.retrying import Backoff
from otel_braintrust.delivery.sending import Sender
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.troubles import Troubles

# So often in a row a request may fail before what is left is given up.
MAX_FAILURES = 4
# Refusals that mean every row: nothing more is sent after one.
OF_ALL = frozenset({"auth", "not_found"})
HELD_BACK = "it holds nothing but content, which OTEL_BRAINTRUST_CAPTURE_CONTENT=false keeps back"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row.

    Attributes:
        label: What the row is called in messages.
        has_arrived: True when the server took it.
        is_refused: True when the server refused the row itself; what was neither taken nor refused
            may arrive another time.
        problem: Why it did not arrive, or not whole, in one line; empty when all is well.
    """

    label: str
    has_arrived: bool
    is_refused: bool = False
    problem: str = ""


class _Quiet(Troubles):
    """Remembers the last error it is told, for whoever asks why rows were dropped."""

    error: ApiError | None = None

    def tell(self, kind: str, level: int, message: str, *args: Any, count: int = 1) -> None:  # noqa: ARG002  (said with the row)
        for each in args:
            if isinstance(each, ApiError):
                self.error = each


class _Outcomes(Settlement):
    """Notes with each row that is dropped what error it was dropped for."""

    def __init__(self, ledger: Ledger, troubles: _Quiet) -> None:
        super().__init__(ledger, troubles)
        self.errors: dict[int, tuple[str, ApiError | None]] = {}
        self._quiet = troubles

    def dropped(self, parcels: Sequence[Parcel], reason: str) -> None:
        for parcel in parcels:
            if not parcel.is_settled:
                self.errors[id(parcel)] = (reason, self._quiet.error)
        super().dropped(parcels, reason)


class RowSender:
    """Sends rows to one project as the exporter does, and tells what became of each.

    Too many bytes are halved, a bad row is found and dropped alone, what fails is tried again.

    Args:
        connection: Where requests go.
        destination: The project.
        limits: How much fits into a request.
        redact: Masks each row; None: nothing is masked.
        num_retries: How often in a row a request that failed is repeated; default 3.
        pause: Waits for some seconds between attempts.
    """

    def __init__(
        self,
        connection: Connection,
        destination: Destination,
        limits: Limits,
        *,
        redact: Callable[[dict[str, Any]], dict[str, Any] | None] | None,
        num_retries: int | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._destination = destination
        self._redact = redact
        self._ledger = Ledger()
        quiet = _Quiet()
        self._outcomes = _Outcomes(self._ledger, quiet)
        self._sender = Sender(connection, self._outcomes, limits, quiet)
        self._max_failures = MAX_FAILURES if num_retries is None else num_retries + 1
        self._pause = pause
        # Why nothing more is sent: the server refuses this project or key, or cannot be reached.
        self.stopped: ApiError | None = None

    def send(self, rows: Sequence[tuple[str, dict[str, Any]]]) -> list[Outcome]:
        """Send rows, no two of which have the same id.

        Args:
            rows: What each is called in messages, and the row without the keys of its container.

        Returns:
            What became of each.
        """
        masked = [row if self._redact is None else self._redact(row) for _, row in rows]
        encoded = [encode(row) if row is not None else b"" for row in masked]
        parcels = [
            Parcel(row, self._destination, self._ledger.open(None)) if row else None
            for row in encoded
        ]
        self._outcomes.errors.clear()
        if self.stopped is None:
            self._attempt([parcel for parcel in parcels if parcel is not None])
        return [
            Outcome(label, has_arrived=False, is_refused=True, problem=HELD_BACK)
            if parcel is None
            else self._outcome(label, parcel, is_whole=parcel.row == row)
            for (label, _), row, parcel in zip(rows, encoded, parcels, strict=True)
        ]

    def _attempt(self, waiting: list[Parcel]) -> None:
        backoff = Backoff()
        failures = 0
        while waiting:
            round_ = self._sender.attempt(waiting, None)
            waiting = [parcel for parcel in round_.waiting if not parcel.is_settled]
            if round_.progress:
                backoff.note_progress()
            failures = 0 if round_.progress else failures + 1
            if round_.error is None or not waiting:
                break
            if failures >= self._max_failures:
                self.stopped = round_.error
                break
            self._pause(backoff.next_wait_s(round_.error))
        for reason, error in self._outcomes.errors.values():
            if reason in OF_ALL and error is not None:
                self.stopped = error

    def _outcome(self, label: str, parcel: Parcel, *, is_whole: bool) -> Outcome:
        if parcel.ticket is not None and parcel.ticket.column == "sent":
            lost = "" if is_whole else "it went without its largest values, the server takes less"
            return Outcome(label, has_arrived=True, problem=lost)
        reason, error = self._outcomes.errors.get(id(parcel), ("", self.stopped))
        problem = str(error) if error is not None else f"it was dropped: {reason}"
        is_refused = bool(reason) and reason not in OF_ALL
        return Outcome(label, has_arrived=False, is_refused=is_refused, problem=problem)
