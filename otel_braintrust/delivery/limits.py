"""How much fits into one request: what the server says, its answers teach, and the user set."""

from __future__ import annotations

import time
from collections.abc import Callable

from otel_braintrust.delivery.errors import ApiError, ConnectionFailure
from otel_braintrust.delivery.failures import GONE
from otel_braintrust.delivery.http import Connection

DEFAULT_SERVER_MAX_BYTES = 6 * 1024 * 1024
LEAST_MAX_BYTES = 1024
ASK_AGAIN_AFTER_S = 600.0
# Rows need not wait for a limit that the server is slow to tell.
ANSWER_TIMEOUT_S = 5.0
ASK_AGAIN_AFTER_FAILURE_S = 60.0


class Limits:
    """Bytes and rows that go into one request.

    A gateway in front of Braintrust measures a body after wrapping it, so bodies near the limit
    that ``/version`` names are refused; half of it passes.

    Args:
        max_bytes: Most bytes, set by the user; None: only the server's limit counts.
        max_rows: Most rows.
        clock: Seconds that only go forward; default ``time.monotonic``.
    """

    def __init__(
        self,
        max_bytes: int | None,
        max_rows: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_rows = max_rows
        self._set_bytes = max_bytes
        self.told_bytes: int | None = None  # what the server itself says, if it does
        self._taught_bytes: int | None = None
        self._clock = clock
        self._asked = False
        self._ask_again_at = 0.0

    @property
    def max_bytes(self) -> int:
        """Most bytes in the body of one request."""
        server_bytes = self.told_bytes or DEFAULT_SERVER_MAX_BYTES
        known = (server_bytes // 2, self._set_bytes, self._taught_bytes)
        return max(LEAST_MAX_BYTES, min(each for each in known if each is not None))

    def learn(self, connection: Connection, deadline: float | None) -> None:
        """Ask the server for its limit, once; a server that does not tell gets the usual limit.

        Raises:
            ConnectionFailure: The server cannot be reached at all.
        """
        if self._asked or self._clock() < self._ask_again_at:
            return
        soon = time.monotonic() + ANSWER_TIMEOUT_S
        answer_by = soon if deadline is None else min(soon, deadline)
        try:
            version = connection.api("GET", "/version", deadline=answer_by).json()
        except ConnectionFailure as error:
            if error.reason in GONE:
                raise
            # This question may be all that fails; the rows themselves will tell.
            self._ask_again_at = self._clock() + ASK_AGAIN_AFTER_FAILURE_S
            return
        except ApiError:
            # Rows may pass though this does not; it is worth another question later.
            self._ask_again_at = self._clock() + ASK_AGAIN_AFTER_S
            return
        self._asked = True
        told = version.get("logs3_payload_max_bytes") if isinstance(version, dict) else None
        if isinstance(told, int) and told >= LEAST_MAX_BYTES:
            self.told_bytes = told

    def learn_too_large(self, body_bytes: int) -> None:
        """Remember that a body of this size was refused."""
        self._taught_bytes = min(self._taught_bytes or body_bytes, body_bytes // 2)
