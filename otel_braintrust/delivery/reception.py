"""How the server receives attachments: at once, after a pause, or not at all."""

from __future__ import annotations

import time
from collections import OrderedDict

from otel_braintrust.delivery.errors import ApiError
from otel_braintrust.delivery.retrying import Backoff

# A flush during an outage is one more probe, but never more than about one in this time.
LEAST_PAUSE_S = 0.5
# A server that takes no attachments is asked again after this time.
CLOSED_S = 600.0
# After an attachment was given up base64 stays in its row for this time, or until one arrives.
DOUBTED_S = 60.0
MAX_KNOWN_KEYS = 10_000


class Reception:
    """What is known of the server; whoever changes it holds the lock of the uploads."""

    def __init__(self) -> None:
        self._backoff = Backoff()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._may_hasten = True
        self._closed_until = 0.0
        self._doubted_until = 0.0
        self._closed_reason = ""
        self.is_failing = False
        self._is_proven = False
        self.resume_at = 0.0

    def has(self, key: str) -> bool:
        """Tell whether the server has this attachment from this process."""
        return key in self._known

    @property
    def closed_reason(self) -> str:
        """Why no attachments are taken at the moment, in the count's word; empty: they are."""
        return self._closed_reason if time.monotonic() < self._closed_until else ""

    @property
    def is_trusted(self) -> bool:
        """Whether base64 may be taken out of a row: what is sent apart from it will arrive."""
        return time.monotonic() >= max(self._closed_until, self._doubted_until)

    def note_given_up(self) -> None:
        """Note that an attachment was tried for as long as it may be."""
        self._doubted_until = time.monotonic() + DOUBTED_S

    def note_arrival(self, key: str) -> bool:
        """Note that an attachment is there; tell whether others need wait no longer."""
        self._known[key] = None
        if len(self._known) > MAX_KNOWN_KEYS:
            self._known.popitem(last=False)
        self._doubted_until = 0.0
        self._backoff.note_progress()
        was_alone = self.goes_ahead_alone
        self.is_failing, self._is_proven = False, True
        self.resume_at = 0.0
        return was_alone

    @property
    def goes_ahead_alone(self) -> bool:
        """Whether one attachment at a time is tried: the server fails, or took none so far."""
        return self.is_failing or not self._is_proven

    def note_failure(self, error: ApiError) -> None:
        """Plan the next attempt after a failure that time may heal."""
        now = time.monotonic()
        if self.is_failing and now < self.resume_at and not error.retry_after_s:
            return  # it was under way when another one failed
        self.is_failing = True
        self.resume_at = now + self._backoff.next_wait_s(error)
        self._may_hasten = not error.retry_after_s

    def hasten(self) -> None:
        """Let the next attempt be soon, unless the server asked for a pause."""
        if self._may_hasten:
            self.resume_at = min(self.resume_at, time.monotonic() + LEAST_PAUSE_S)

    def close(self, reason: str) -> None:
        """Send no attachments for some time."""
        self._closed_until = time.monotonic() + CLOSED_S
        self._closed_reason = reason
