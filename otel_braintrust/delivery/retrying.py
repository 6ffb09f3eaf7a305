"""How long to wait before a request is tried again, and when to stop trying."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from otel_braintrust.delivery.errors import (
    ApiError,
    ConnectionFailure,
    ServerError,
    ThrottledError,
)

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
# A server that asks for more is asked again sooner: nobody means a year, and rows wait meanwhile.
LONGEST_ASKED_WAIT_S = 900.0

# The errors that time may heal, and the ledger's word for spans that ran out of it.
REASON_BY_RETRYABLE_ERROR: Mapping[type[ApiError], str] = {
    ConnectionFailure: "connection",
    ThrottledError: "throttled",
    ServerError: "server_error",
}
RETRYABLE_ERRORS: tuple[type[ApiError], ...] = tuple(REASON_BY_RETRYABLE_ERROR)


class Backoff:
    """Waits between attempts: exponential with full jitter, or what the server asks for.

    Full jitter (a random time up to the exponential one) keeps many processes from coming back to a
    server that recovers all at once.

    Args:
        chance: A random number from 0 to 1; default ``random.random``.
    """

    def __init__(self, *, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._failures = 0

    def note_progress(self) -> None:
        """Begin anew: something got through."""
        self._failures = 0

    def next_wait_s(self, error: ApiError) -> float:
        """Seconds to wait before the next attempt."""
        self._failures += 1
        if error.retry_after_s:
            return min(error.retry_after_s, LONGEST_ASKED_WAIT_S)
        ceiling_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(self._failures - 1, 10))
        return ceiling_s * self._chance()


class Patience:
    """Waits between attempts at one request, until its time or its number of attempts is over.

    Args:
        max_retry_s: Longest time from the first failure, in seconds.
        num_retries: Most repetitions; None: as many as the time allows.
        clock: Seconds that only go forward; default ``time.monotonic``.
        chance: A random number from 0 to 1; default ``random.random``.
    """

    def __init__(
        self,
        max_retry_s: float,
        num_retries: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._max_retry_s = max_retry_s
        self._num_retries = num_retries
        self._clock = clock
        self._backoff = Backoff(chance=chance)
        self._failures = 0
        self._first_failure_at: float | None = None

    def next_wait_s(self, error: ApiError) -> float | None:
        """Seconds to wait before the next attempt, or None when patience is at its end."""
        now = self._clock()
        if self._first_failure_at is None:
            self._first_failure_at = now
        self._failures += 1
        if self._num_retries is not None and self._failures > self._num_retries:
            return None
        remaining_s = self._first_failure_at + self._max_retry_s - now
        if remaining_s <= 0:
            return None
        # A server that asks for more time than is left gets one last attempt at the end of it.
        return min(self._backoff.next_wait_s(error), remaining_s)


class Tried(Protocol):
    """A row or an attachment, and how it fared."""

    attempts_failed: int
    first_failed_at: float | None


class RowPatience:
    """How long and how often a row, or an attachment, is tried.

    Args:
        max_retry_s: Longest time from a row's first failure, in seconds.
        num_retries: Most repetitions; None: as many as the time allows.
        clock: Seconds that only go forward; default ``time.monotonic``.
    """

    def __init__(
        self,
        max_retry_s: float,
        num_retries: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_retry_s = max_retry_s
        self._num_retries = num_retries
        self._clock = clock

    def note_failure(self, parcel: Tried) -> None:
        """Enter an attempt that ended without an answer about this row."""
        parcel.attempts_failed += 1
        if parcel.first_failed_at is None:
            parcel.first_failed_at = self._clock()

    def is_over(self, parcel: Tried) -> bool:
        """Tell whether this row has been tried for as long or as often as it may."""
        if self._num_retries is not None and parcel.attempts_failed > self._num_retries:
            return True
        return self.remaining_s(parcel) <= 0

    def remaining_s(self, parcel: Tried) -> float:
        """Seconds for which this row may still be tried."""
        if parcel.first_failed_at is None:
            return self._max_retry_s
        return parcel.first_failed_at + self._max_retry_s - self._clock()
