"""Rows into requests, and what each answer means for the rows in it."""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.errors import ApiError, ThrottledError, TooLargeError
from otel_braintrust.delivery.failures import GONE
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.overflow import NoWayRound, Overflow
from otel_braintrust.delivery.parcels import Parcel, body_of, halves, pack
from otel_braintrust.delivery.refusals import Refusals
from otel_braintrust.delivery.retrying import RETRYABLE_ERRORS
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.shrinking import without_large_values
from otel_braintrust.delivery.troubles import Troubles

# Finding k bad rows among n by halving takes about 2·k·log2(n) requests.
MAX_REQUESTS_TO_FIND_BAD_ROWS = 64
# Statuses that blame what was sent and not the place it was sent to.
BAD_ROW_STATUSES = (400, 409, 422)
# So often a whole request may fail before one row of it is sent ahead, to see whether the server
# works: a failure that follows one row is no outage.
FAILURES_BEFORE_PROBE = 2
# After so many failures any row is sent ahead, no longer the first one.
FAILURES_IN_ORDER = 6
# So often a row may fail alone while the server takes others.
MAX_FAILURES_ALONE = 3
# An answer that took longer is not worth asking for again in smaller parts.
QUICK_FAILURE_S = 5.0
MAX_OVERFLOW_FAILURES = 3


@dataclass
class Round:
    """What one attempt left to be tried again, and why; and whether any row arrived."""

    waiting: list[Parcel] = field(default_factory=list)
    error: ApiError | None = None
    progress: bool = False


class Unfinished(Exception):  # noqa: N818  (a way out of the work, not an error)
    """The rest of the work waits for better times."""

    def __init__(self, error: ApiError, waiting: list[Parcel]) -> None:
        super().__init__(str(error))
        self.error = error
        self.waiting = waiting


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
        self._choose = choose
        self._overflow = Overflow(connection)
        self._round = Round()
        self._taken = 0
        self._is_gone = False

    def post_all(self, parcels: list[Parcel], deadline: float | None) -> Round:
        """Try once to post these rows.

        Args:
            parcels: The rows, addressed.
            deadline: Moment on ``time.monotonic()`` by which requests must be over; None: each may
                take the connection's own time.
        """
        self._round = round_ = Round()
        limits = self._limits
        sound = [parcel for parcel in parcels if not parcel.failures_alone]
        suspects = [[parcel] for parcel in parcels if parcel.failures_alone]
        batches = deque(pack(sound, max_bytes=limits.max_bytes, max_rows=limits.max_rows))
        batches.extend(suspects)
        try:
            while batches:
                self._post(batches.popleft(), deadline)
        except Unfinished as unfinished:
            rest = [parcel for batch in batches for parcel in batch]
            round_.error = unfinished.error
            round_.waiting = [*round_.waiting, *unfinished.waiting, *rest]
        return round_

    def _post(self, batch: list[Parcel], deadline: float | None) -> None:
        """Send one request; on a failure narrow down whose fault it is, within bounds."""
        parts = [batch]
        requests_left = MAX_REQUESTS_TO_FIND_BAD_ROWS
        while parts:
            part = self._refusals.not_refused(parts.pop())
            if not part:
                continue
            part, rest = self._probe(part)
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
                smaller = self._isolated(part, error, may_split=is_quick and requests_left > 0)
                if smaller is None:
                    raise Unfinished(error, [*part, *(p for r in parts for p in r)]) from error
                parts.extend(smaller)
            except ApiError as error:
                parts.extend(self._narrowed(part, error, may_split=requests_left > 0))

    def _request(self, part: list[Parcel], deadline: float | None) -> None:
        self._settlement.sending(part)
        self._connection.api("POST", "/logs3", data=body_of(part), deadline=deadline)
        self._note_taken(part)

    def _note_taken(self, part: list[Parcel]) -> None:
        self._settlement.sent(part)
        self._round.progress = True
        self._taken += 1

    def _post_one(self, parcel: Parcel, deadline: float | None) -> None:
        """Post one row, by way of an upload when it is larger than the server takes directly."""
        if parcel.upload is None and not self._is_beyond_limit(parcel):
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
            raise TooLargeError(
                "POST", f"{self._connection.known_api_url}/logs3", 413, str(error)
            ) from error
        self._note_taken([parcel])

    def _is_beyond_limit(self, parcel: Parcel) -> bool:
        told_bytes = self._limits.told_bytes
        is_large = told_bytes is not None and parcel.size_bytes > told_bytes
        return is_large and self._overflow.is_open

    def _smaller(self, part: list[Parcel], error: ApiError) -> Sequence[list[Parcel]]:
        """The rows of a request that is too large, in two; or one row with less in it."""
        if len(part) > 1:
            self._limits.learn_too_large(len(body_of(part)))
            return halves(part)[::-1]
        parcel = part[0]
        size_bytes = parcel.size_bytes
        row = without_large_values(parcel.row, min(self._limits.max_bytes, size_bytes // 2))
        if row is not None:
            parcel.row, parcel.upload = row, None
            message = "span %s goes without its largest values, for its row has %d bytes: %s"
            self._troubles.tell("shrunk", logging.WARNING, message, parcel.name, size_bytes, error)
            return [part]
        message = "span %s dropped: its row has %d bytes; %s"
        self._troubles.tell("too_large", logging.ERROR, message, parcel.name, size_bytes, error)
        self._settlement.dropped(part, "too_large")
        return ()

    def _probe(self, part: list[Parcel]) -> tuple[list[Parcel], list[Parcel]]:
        """What to send first of a request that failed again and again: one row, to see if it works.

        During an outage it costs no more than the request itself would.
        """
        fewest_failures = min(parcel.failures for parcel in part)
        if len(part) == 1 or self._round.progress or fewest_failures < FAILURES_BEFORE_PROBE:
            return part, []
        # The first row as a rule, so that rows stay in order; but it may itself be the bad one.
        most_failures = max(parcel.failures for parcel in part)
        in_order = self._is_gone or most_failures < FAILURES_IN_ORDER or most_failures % 2 == 1
        probe = part[0] if in_order else self._choose(part)
        return [probe], [parcel for parcel in part if parcel is not probe]

    def _isolated(
        self, part: list[Parcel], error: ApiError, *, may_split: bool
    ) -> Sequence[list[Parcel]] | None:
        """Smaller parts to try after a failure that may follow one row; None when it is an outage.

        That the server works is known once it took anything in this attempt.
        """
        self._is_gone = error.reason in GONE
        if isinstance(error, ThrottledError):
            return None
        for parcel in part:
            parcel.failures += 1
        if len(part) == 1:
            return self._set_aside(part[0], error)
        if not may_split:
            return None
        return halves(part)[::-1] if self._round.progress else None

    def _set_aside(self, parcel: Parcel, error: ApiError) -> Sequence[list[Parcel]] | None:
        """Let a row wait that failed alone; drop it when that happened often enough."""
        if self._is_stuck(parcel, error):
            return self._smaller([parcel], error)
        is_proven = self._round.progress or self._taken > parcel.proven_at
        if not is_proven or (not self._round.progress and not parcel.failures_alone):
            return None
        parcel.failures_alone += 1
        parcel.proven_at = self._taken
        if parcel.failures_alone < MAX_FAILURES_ALONE:
            self._round.waiting.append(parcel)
            self._round.error = error
            return ()
        message = "span %s dropped, the server fails at its row and takes others: %s"
        self._troubles.tell("bad row", logging.ERROR, message, parcel.name, error)
        self._settlement.dropped([parcel], "server_error")
        return ()

    def _is_stuck(self, parcel: Parcel, error: ApiError) -> bool:
        """Tell whether the way by an upload fails for good, though the server itself works."""
        goes_round = parcel.upload is not None or self._is_beyond_limit(parcel)
        is_elsewhere = not error.url.startswith(self._connection.known_api_url + "/")
        works = self._round.progress or is_elsewhere
        return goes_round and works and parcel.failures >= MAX_OVERFLOW_FAILURES

    def _narrowed(
        self, part: list[Parcel], error: ApiError, *, may_split: bool
    ) -> Sequence[list[Parcel]]:
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
