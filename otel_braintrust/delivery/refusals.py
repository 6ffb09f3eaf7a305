"""Keys and places that the server refused: told once, and left in peace for a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.errors import (
    ApiError,
    AuthenticationError,
    NotFoundError,
    RequestError,
)
from otel_braintrust.delivery.parcels import Parcel
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.troubles import Troubles

# After a refusal the same place is left in peace for so long; its rows are counted, not tried.
KEEP_REFUSAL_S = 60.0


@dataclass(frozen=True)
class _Refusal:
    until: float
    reason: str


class Refusals:
    """Drops the rows of a place that refused, with a reason, without asking it again at once.

    Args:
        settlement: Where rows are settled.
        troubles: Where trouble is told.
        clock: Seconds that only go forward; default ``time.monotonic``.
    """

    def __init__(
        self,
        settlement: Settlement,
        troubles: Troubles,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settlement = settlement
        self._troubles = troubles
        self._clock = clock
        self._refused: dict[Destination | None, _Refusal] = {}

    def refuse(self, place: Destination | None, parcels: Sequence[Parcel], error: ApiError) -> None:
        """Drop the rows of a place that refused, and remember it.

        Args:
            place: The destination that refused; None: the server refuses the key or every request.
            parcels: Its rows.
            error: How it refused.
        """
        reason = reason_of(error)
        now = self._clock()
        self._refused = {each: kept for each, kept in self._refused.items() if kept.until > now}
        self._refused[place] = _Refusal(now + KEEP_REFUSAL_S, reason)
        kind = reason if place is None else f"{reason} {place}"
        # Told before it is counted: who waits for the count finds the reason in the log.
        self.tell(kind, len(parcels), error, "" if place is None else f" for {place}")
        self._settlement.dropped(parcels, reason)

    def tell(self, kind: str, count: int, error: ApiError, place: str = "") -> None:
        """Log a refusal, and how many spans it cost."""
        self._troubles.tell(
            kind, logging.ERROR, "%d spans refused%s: %s", count, place, error, count=count
        )

    def is_refused(self, place: Destination) -> bool:
        """Tell whether a place refused, lately or longer ago."""
        return place in self._refused

    def drop_refused(
        self, parcels: Sequence[Parcel], place: Destination | None
    ) -> Sequence[Parcel]:
        """Drop the rows of a place that refused less than a minute ago; else give them all back."""
        refusal = self._refused.get(place)
        if refusal is None:
            return parcels
        if refusal.until <= self._clock():
            del self._refused[place]
            return parcels
        self._settlement.dropped(parcels, refusal.reason)
        return []

    def not_refused(self, part: Sequence[Parcel]) -> Sequence[Parcel]:
        """The rows of a part without those whose place refused while earlier parts were sent."""
        kept = self.drop_refused(part, None)
        for place in [each for each in self._refused if each is not None]:
            gone = [parcel for parcel in kept if parcel.destination == place]
            if gone and not self.drop_refused(gone, place):
                kept = [parcel for parcel in kept if parcel.destination != place]
        return kept


def reason_of(error: ApiError) -> str:
    """The ledger's word for a refusal."""
    if isinstance(error, AuthenticationError):
        return "auth"
    return "not_found" if isinstance(error, NotFoundError) else "rejected"


def place_of(error: ApiError, destination: Destination) -> Destination | None:
    """Whose look-up was refused: one project's, or everyone's because the key is not valid."""
    everyone = error.status == 401 or (isinstance(error, RequestError) and error.status is None)
    return None if everyone else destination
