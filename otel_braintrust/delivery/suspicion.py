"""Is it an outage, or one row at which the server fails? What was taken and what failed tells."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence

from otel_braintrust.delivery.consignments import whole_bundles
from otel_braintrust.delivery.errors import ApiError, ThrottledError
from otel_braintrust.delivery.failures import GONE
from otel_braintrust.delivery.packing import halves
from otel_braintrust.delivery.parcels import Parcel
from otel_braintrust.delivery.rounds import Round
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.troubles import Troubles

# So often a whole request may fail before one row of it is sent ahead, to see whether the server
# works: a failure that follows one row is no outage.
FAILURES_BEFORE_PROBE = 2
# After so many failures any row is sent ahead, no longer the first one.
FAILURES_IN_ORDER = 6
# So often a row may fail alone while the server takes others.
MAX_FAILURES_ALONE = 3


class Suspicion:
    """Tells a server that is away from a row that it fails at, and sets such a row aside.

    Args:
        settlement: Where rows are settled.
        troubles: Where trouble is told.
        last_resort: Called with a row before it is dropped; what it settles is not.
        choose: Picks one of several rows at random; default ``random.choice``.
    """

    def __init__(
        self,
        settlement: Settlement,
        troubles: Troubles,
        *,
        last_resort: Callable[[Parcel], object],
        choose: Callable[[Sequence[Parcel]], Parcel] = random.choice,
    ) -> None:
        self._settlement = settlement
        self._troubles = troubles
        self._last_resort = last_resort
        self._choose = choose
        self._round = Round()
        self._taken = 0
        self._is_gone = False

    def begin(self, round_: Round) -> None:
        """A new attempt begins, in which nothing is known yet of the server."""
        self._round = round_

    def note_taken(self) -> None:
        """The server took a request, so it works."""
        self._round.progress = True
        self._taken += 1

    def probe(self, part: Sequence[Parcel]) -> tuple[Sequence[Parcel], Sequence[Parcel]]:
        """What to send first of a request that failed again and again: one row, to see if it works.

        During an outage it costs no more than the request itself would.
        """
        if len(part) == 1 or self._round.progress or whole_bundles(part):
            return part, []
        if any(parcel.failures < FAILURES_BEFORE_PROBE for parcel in part):
            return part, []
        # The first row as a rule, so that rows stay in order; but it may itself be the bad one.
        most_failures = max(parcel.failures for parcel in part)
        in_order = self._is_gone or most_failures < FAILURES_IN_ORDER or most_failures % 2 == 1
        probe = part[0] if in_order else self._choose(part)
        return [probe], [parcel for parcel in part if parcel is not probe]

    def isolated(
        self, part: Sequence[Parcel], error: ApiError, *, may_split: bool
    ) -> Sequence[Sequence[Parcel]] | None:
        """Smaller parts to try after a failure that may follow one row; None when it is an outage.

        That the server works is known once it took anything in this attempt.

        Args:
            part: The rows of the request, with this failure counted.
            error: How it failed.
            may_split: Whether there is time for more requests.
        """
        self._is_gone = error.reason in GONE
        if isinstance(error, ThrottledError):
            return None
        if len(part) == 1:
            return self._set_aside(part[0], error)
        return halves(part)[::-1] if may_split and self._round.progress else None

    def _set_aside(self, parcel: Parcel, error: ApiError) -> Sequence[list[Parcel]] | None:
        """Let a row wait that failed alone; drop it when that happened often enough."""
        is_proven = self._round.progress or self._taken > parcel.proven_at
        if not is_proven or (not self._round.progress and not parcel.failures_alone):
            return None
        parcel.failures_alone += 1
        parcel.proven_at = self._taken
        if parcel.failures_alone < MAX_FAILURES_ALONE:
            self._round.waiting.append(parcel)
            self._round.error = error
            return ()
        self._last_resort(parcel)
        if parcel.is_settled:
            return ()
        message = "span %s dropped, the server fails at its row and takes others: %s"
        self._troubles.tell("bad row", logging.ERROR, message, parcel.name, error)
        self._settlement.dropped([parcel], "server_error")
        return ()
