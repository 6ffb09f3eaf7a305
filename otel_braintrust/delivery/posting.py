"""Rows into requests, and what each answer means for the rows in it."""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Callable, Sequence

from otel_braintrust.delivery.answers import require_taken
from otel_braintrust.delivery.consignments import whole_bundles
from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.errors import ApiError, ThrottledError, TooLargeError
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.overflow import NoWayRound, Overflow
from otel_braintrust.delivery.packing import body_of, halves, pack
from otel_braintrust.delivery.parcels import Parcel
from otel_braintrust.delivery.reducing import Reducer
from otel_braintrust.delivery.refusals import Refusals
from otel_braintrust.delivery.retrying import RETRYABLE_ERRORS
from otel_braintrust.delivery.rounds import Round, Unfinished
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.suspicion import Suspicion
from otel_braintrust.delivery.troubles import Troubles

# Finding k bad rows among n by halving takes about 2·k·log2(n) requests.
MAX_REQUESTS_TO_FIND_BAD_ROWS = 64
# Statuses that blame what was sent and not the place it was sent to.
BAD_ROW_STATUSES = (400, 409, 422)
# An answer that took longer is not worth asking for again in smaller parts.
QUICK_FAILURE_S = 5.0


class Poster:
    """Posts addressed rows and settles each whose fate is known; what may heal is given back.

    A 413 halves the request and lowers the limit; a row that is too large alone goes by way of an
    upload, or at last without its largest values. A refusal of one of several destinations, or of
    one row, and a server error that follows one row, are narrowed down, so that the others arrive.

    Args:
        connection: Where requests go.
        limits: How much fits into a request.
        settlement: Where rows are settled.
        refusals: Where refused places are remembered.
        troubles: Where trouble is told.
        choose: Picks one of several rows at random; default ``random.choice``.
    """

    def __init__(
        self,
        connection: Connection,
        limits: Limits,
        settlement: Settlement,
        refusals: Refusals,
        troubles: Troubles,
        *,
        choose: Callable[[Sequence[Parcel]], Parcel] = random.choice,
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._settlement = settlement
        self._refusals = refusals
        self._troubles = troubles
        self._deadline: float | None = None
        self._suspicion = Suspicion(
            settlement,
            troubles,
            last_resort=lambda parcel: self._reducer.post_bare([parcel], self._deadline),
            choose=choose,
        )
        self._overflow = Overflow(connection)
        self._reducer = Reducer(self._send, self._note_taken, limits, settlement, troubles)

    def post_all(self, parcels: Sequence[Parcel], deadline: float | None) -> Round:
        """Try once to post these rows.

        Args:
            parcels: The rows, addressed.
            deadline: Moment on ``time.monotonic()`` by which requests must be over; None: each may
                take the connection's own time.
        """
        round_ = Round()
        self._deadline = deadline
        self._suspicion.begin(round_)
        limits = self._limits
        suspects = []
        if not whole_bundles(parcels):
            suspects = [[parcel] for parcel in parcels if parcel.failures_alone]
        if suspects:
            parcels = [parcel for parcel in parcels if not parcel.failures_alone]
        batches: deque[Sequence[Parcel]] = deque(
            pack(parcels, max_bytes=limits.max_bytes, max_rows=limits.max_rows)
        )
        batches.extend(suspects)
        try:
            while batches:
                self._post(batches.popleft(), deadline)
        except Unfinished as unfinished:
            rest = [parcel for batch in batches for parcel in batch]
            round_.error = unfinished.error
            round_.waiting = [*round_.waiting, *unfinished.waiting, *rest]
        return round_

    def post_bare(self, parcels: Sequence[Parcel], deadline: float | None) -> None:
        """For rows that are given up: their place in the trace, if the server takes that much.

        Args:
            parcels: The rows; those that arrive without their content are settled as sent.
            deadline: Moment on ``time.monotonic()`` by which requests must be over.
        """
        self._reducer.post_bare(parcels, deadline)

    def _post(self, batch: Sequence[Parcel], deadline: float | None) -> None:
        """Send one request; on a failure narrow down whose fault it is, within bounds."""
        parts: list[Sequence[Parcel]] = [batch]
        requests_left = MAX_REQUESTS_TO_FIND_BAD_ROWS
        while parts:
            part = self._refusals.not_refused(parts.pop())
            if not part:
                continue
            part, rest = self._suspicion.probe(part)
            parts.extend([rest] if rest else [])
            requests_left -= 1
            begin = time.monotonic()
            try:
                if len(part) == 1:
                    self._post_one(part[0], deadline)
                else:
                    self._request(part, deadline)
            except TooLargeError as error:
                parts.extend(self._smaller(part, error))
            except RETRYABLE_ERRORS as error:
                is_quick = time.monotonic() - begin < QUICK_FAILURE_S
                may_split = is_quick and requests_left > 0
                smaller = self._after_failure(part, error, deadline, may_split=may_split)
                if smaller is None:
                    raise Unfinished(error, [*part, *(p for r in parts for p in r)]) from error
                parts.extend(smaller)
            except ApiError as error:
                parts.extend(self._narrowed(part, error, may_split=requests_left > 0))
            except Exception as error:  # noqa: BLE001  (one odd row must not take others with it)
                parts.extend(self._without_odd(part, error))

    def _request(self, part: Sequence[Parcel], deadline: float | None) -> None:
        self._send(part, deadline)
        self._note_taken(part)

    def _send(self, part: Sequence[Parcel], deadline: float | None) -> None:
        self._settlement.sending(part)
        answer = self._connection.api("POST", "/logs3", data=body_of(part), deadline=deadline)
        require_taken(answer)

    def _note_taken(self, part: Sequence[Parcel]) -> None:
        self._settlement.sent(part)
        self._suspicion.note_taken()

    def _post_one(self, parcel: Parcel, deadline: float | None) -> None:
        """Post one row, by way of an upload when it is larger than the server takes directly."""
        is_tried = False
        if not self._goes_round(parcel):
            is_tried = True
            try:
                self._request([parcel], deadline)
            except TooLargeError:
                self._limits.learn_too_large(parcel.size_bytes)
                if not self._overflow.is_open:
                    raise
            else:
                return
        try:
            self._settlement.sending([parcel])
            self._overflow.send(parcel, deadline)
        except NoWayRound as error:
            if not is_tried:  # what a server says of its limit may be less than it takes
                self._request([parcel], deadline)
                return
            raise TooLargeError(
                "POST", f"{self._connection.known_api_url}/logs3", 413, str(error)
            ) from error
        self._note_taken([parcel])

    def _goes_round(self, parcel: Parcel) -> bool:
        """Tell whether a row goes by way of an upload."""
        told_bytes = self._limits.told_bytes
        is_large = told_bytes is not None and parcel.size_bytes > told_bytes
        return parcel.upload is not None or (is_large and self._overflow.is_open)

    def _smaller(self, part: Sequence[Parcel], error: ApiError) -> Sequence[Sequence[Parcel]]:
        """The rows of a request that is too large, in two; or one row with less in it."""
        if len(part) > 1:
            self._limits.learn_too_large(len(body_of(part)))
            return halves(part)[::-1]
        return [part] if self._reducer.shrink(part[0], error) else ()

    def _after_failure(
        self, part: Sequence[Parcel], error: ApiError, deadline: float | None, *, may_split: bool
    ) -> Sequence[Sequence[Parcel]] | None:
        """Smaller parts to try after a failure that may heal; None when all of it must wait."""
        if not isinstance(error, ThrottledError):
            for parcel in part:
                parcel.failures += 1
            goes_round = len(part) == 1 and self._goes_round(part[0])
            if goes_round and self._reducer.post_instead(part[0], error, deadline):
                return ()
        return self._suspicion.isolated(part, error, may_split=may_split)

    def _narrowed(
        self, part: Sequence[Parcel], error: ApiError, *, may_split: bool
    ) -> Sequence[Sequence[Parcel]]:
        """Smaller parts to try after a refusal; none when the refusal is final for all of it."""
        destinations: list[Destination] = list(dict.fromkeys(each.destination for each in part))
        if error.status == 401 or error.status is None:
            self._refusals.refuse(None, part, error)
        elif len(destinations) > 1 and may_split:
            return [[p for p in part if p.destination == each] for each in destinations[::-1]]
        elif error.status not in BAD_ROW_STATUSES:
            self._refusals.refuse(destinations[0], part, error)
        elif len(part) > 1 and may_split:
            return halves(part)[::-1]
        else:
            self._refusals.tell("rejected", len(part), error)
            self._settlement.dropped(part, "rejected")
        return ()

    def _without_odd(self, part: Sequence[Parcel], error: Exception) -> Sequence[Sequence[Parcel]]:
        """Smaller parts to try after an exception that nobody foresaw; one row alone is lost."""
        if len(part) > 1:
            return halves(part)[::-1]
        message = "span %s dropped, it could not be sent (%s); please report it"
        name = type(error).__name__
        self._troubles.tell("internal", logging.ERROR, message, part[0].name, name)
        self._settlement.dropped(part, "unreadable")
        return ()
