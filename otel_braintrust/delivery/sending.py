"""Parcels into requests, and what each answer means for the rows in it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from otel_braintrust.accounts import Ledger
from otel_braintrust.delivery.destinations import Destination, Projects
from otel_braintrust.delivery.errors import (
    ApiError,
    AuthenticationError,
    ConnectionFailure,
    NotFoundError,
    RequestError,
    TooLargeError,
)
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.parcels import Parcel, address, body_of, halves, pack
from otel_braintrust.delivery.retrying import RETRYABLE_ERRORS
from otel_braintrust.delivery.troubles import Troubles

# After a refusal the same place is left in peace for so long; its rows are counted, not tried.
KEEP_REFUSAL_S = 60.0
# Finding k bad rows among n by halving takes about 2·k·log2(n) requests.
MAX_REQUESTS_TO_FIND_BAD_ROWS = 64
# Statuses that blame what was sent and not the place it was sent to.
BAD_ROW_STATUSES = (400, 409, 422)


@dataclass(frozen=True)
class _Refusal:
    until: float
    reason: str


@dataclass
class Round:
    """What one attempt left to be tried again, and why; and whether any row arrived."""

    waiting: list[Parcel]
    error: ApiError | None
    progress: bool


class _Unfinished(Exception):  # noqa: N818  (a way out of the work, not an error)
    """The rest of the work waits for better times."""

    def __init__(self, error: ApiError, waiting: list[Parcel]) -> None:
        super().__init__(str(error))
        self.error = error
        self.waiting = waiting


class Sender:
    """Sends parcels and settles each span whose fate is known; what may heal is given back.

    A 413 halves the request and lowers the limit. A refusal of one of several destinations, or of
    one row, is narrowed down, so that the others arrive. A refused key or place is remembered for a
    minute.

    Args:
        connection: Where requests go.
        ledger: Where spans are settled.
        limits: How much fits into a request.
        troubles: Where trouble is told.
        clock: Seconds that only go forward; default ``time.monotonic``.
    """

    def __init__(
        self,
        connection: Connection,
        ledger: Ledger,
        limits: Limits,
        troubles: Troubles,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._projects = Projects(connection, clock=clock)
        self._ledger = ledger
        self._limits = limits
        self._troubles = troubles
        self._clock = clock
        self._refused: dict[Destination | None, _Refusal] = {}
        self._progress = False

    def attempt(self, parcels: list[Parcel], deadline: float | None) -> Round:
        """Try once to send these rows.

        Args:
            parcels: The rows.
            deadline: Moment on ``time.monotonic()`` by which requests must be over; None: each may
                take the connection's own time.
        """
        self._progress = False
        later: list[Parcel] = []
        error: ApiError | None = None
        try:
            known = self._drop_refused(parcels, None)
            if known:
                self._prepare(known, deadline)
            ready, later, error = self._addressed(known, deadline)
            self._post_all(ready, deadline)
        except _Unfinished as unfinished:
            later, error = [*unfinished.waiting, *later], unfinished.error
        return Round(later, error, self._progress)

    def _prepare(self, parcels: list[Parcel], deadline: float | None) -> None:
        """Log in if the API host is not known, and learn the server's limit."""
        try:
            if self._connection.api_url is None:
                self._connection.login(deadline=deadline)
            self._limits.learn(self._connection, deadline)
        except RETRYABLE_ERRORS as error:
            raise _Unfinished(error, parcels) from error
        except ApiError as error:
            self._refuse(None, parcels, error)
            parcels.clear()

    def _addressed(
        self, parcels: list[Parcel], deadline: float | None
    ) -> tuple[list[Parcel], list[Parcel], ApiError | None]:
        """The parcels whose container is known now, those that must wait for it, and why."""
        groups: dict[Destination, list[Parcel]] = {}
        for parcel in parcels:
            groups.setdefault(parcel.destination, []).append(parcel)
        addressed: set[Destination] = set()
        waiting: set[Destination] = set()
        first_error: ApiError | None = None
        for destination, group in groups.items():
            remaining = self._drop_refused(group, destination)
            if not remaining:
                continue
            try:
                container = self._projects.container(destination, deadline=deadline)
            except ConnectionFailure as error:
                raise _Unfinished(error, [p for p in parcels if p.ticket.column is None]) from error
            except RETRYABLE_ERRORS as error:
                first_error = first_error or error
                waiting.add(destination)
            except ApiError as error:
                self._refuse(_place_of(error, destination), remaining, error)
            else:
                addressed.add(destination)
                for parcel in remaining:
                    address(parcel, container)
        ready = [p for p in parcels if p.destination in addressed]
        later = [p for p in parcels if p.destination in waiting]
        return ready, later, first_error

    def _post_all(self, parcels: list[Parcel], deadline: float | None) -> None:
        limits = self._limits
        batches = deque(pack(parcels, max_bytes=limits.max_bytes, max_rows=limits.max_rows))
        try:
            while batches:
                self._post(batches.popleft(), deadline)
        except _Unfinished as unfinished:
            rest = [parcel for batch in batches for parcel in batch]
            raise _Unfinished(unfinished.error, [*unfinished.waiting, *rest]) from unfinished

    def _post(self, batch: list[Parcel], deadline: float | None) -> None:
        """Send one request; on a refusal narrow down whose fault it is, within bounds."""
        parts = [batch]
        requests_left = MAX_REQUESTS_TO_FIND_BAD_ROWS
        while parts:
            part = self._not_refused(parts.pop())
            if not part:
                continue
            requests_left -= 1
            body = body_of(part)
            try:
                self._connection.api("POST", "/logs3", data=body, deadline=deadline)
            except TooLargeError as error:
                parts.extend(self._smaller(part, len(body), error))
            except RETRYABLE_ERRORS as error:
                raise _Unfinished(error, [*part, *(p for rest in parts for p in rest)]) from error
            except ApiError as error:
                parts.extend(self._narrowed(part, error, may_split=requests_left > 0))
            else:
                self._ledger.settle([parcel.ticket for parcel in part], "sent")
                self._progress = True

    def _smaller(
        self, part: list[Parcel], body_bytes: int, error: ApiError
    ) -> Sequence[list[Parcel]]:
        if len(part) > 1:
            self._limits.learn_too_large(body_bytes)
            return halves(part)[::-1]
        parcel = part[0]
        self._troubles.tell(
            "too_large",
            logging.ERROR,
            "span %s dropped: its row has %d bytes; %s",
            format(parcel.ticket.context.span_id, "016x"),
            parcel.size_bytes,
            error,
        )
        self._drop(part, "too_large")
        return ()

    def _narrowed(
        self, part: list[Parcel], error: ApiError, *, may_split: bool
    ) -> Sequence[list[Parcel]]:
        """Smaller parts to try after a refusal; none when the refusal is final for all of it."""
        destinations = list(dict.fromkeys(parcel.destination for parcel in part))
        if error.status == 401 or error.status is None:
            self._refuse(None, part, error)
        elif len(destinations) > 1 and may_split:
            return [[p for p in part if p.destination == each] for each in destinations[::-1]]
        elif error.status not in BAD_ROW_STATUSES:
            self._refuse(destinations[0], part, error)
        elif len(part) > 1 and may_split:
            return halves(part)[::-1]
        else:
            self._tell_refusal("rejected", len(part), error)
            self._drop(part, "rejected")
        return ()

    def _refuse(self, place: Destination | None, parcels: list[Parcel], error: ApiError) -> None:
        """Drop the rows of a place that refused, and leave it in peace for a while.

        Args:
            place: The destination that refused; None: the server refuses the key or every request.
        """
        reason = _reason_of(error)
        now = self._clock()
        self._refused = {each: kept for each, kept in self._refused.items() if kept.until > now}
        self._refused[place] = _Refusal(now + KEEP_REFUSAL_S, reason)
        kind = reason if place is None else f"{reason} {place}"
        # Told before it is counted: who waits for the count finds the reason in the log.
        self._tell_refusal(kind, len(parcels), error, "" if place is None else f" for {place}")
        self._drop(parcels, reason)

    def _tell_refusal(self, kind: str, count: int, error: ApiError, place: str = "") -> None:
        self._troubles.tell(
            kind, logging.ERROR, "%d spans dropped%s: %s", count, place, error, count=count
        )

    def _drop_refused(self, parcels: list[Parcel], place: Destination | None) -> list[Parcel]:
        """Drop the rows of a place that refused less than a minute ago; else give them all back."""
        refusal = self._refused.get(place)
        if refusal is None:
            return list(parcels)
        if refusal.until <= self._clock():
            del self._refused[place]
            return list(parcels)
        self._drop(parcels, refusal.reason)
        return []

    def _not_refused(self, part: list[Parcel]) -> list[Parcel]:
        """The rows of a part without those whose place refused while earlier parts were sent."""
        kept = self._drop_refused(part, None)
        for place in [each for each in self._refused if each is not None]:
            gone = [parcel for parcel in kept if parcel.destination == place]
            if gone and not self._drop_refused(gone, place):
                kept = [parcel for parcel in kept if parcel.destination != place]
        return kept

    def _drop(self, parcels: Sequence[Parcel], reason: str) -> None:
        self._ledger.settle([parcel.ticket for parcel in parcels], "dropped", reason)


def _reason_of(error: ApiError) -> str:
    if isinstance(error, AuthenticationError):
        return "auth"
    return "not_found" if isinstance(error, NotFoundError) else "rejected"


def _place_of(error: ApiError, destination: Destination) -> Destination | None:
    """Whose look-up was refused: one project's, or everyone's because the key is not valid."""
    everyone = error.status == 401 or (isinstance(error, RequestError) and error.status is None)
    return None if everyone else destination
