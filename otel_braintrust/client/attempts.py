"""A request to the API, made again after a failure that passes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from otel_braintrust.delivery.answers import Response
from otel_braintrust.delivery.errors import ApiError, ServerError, ThrottledError
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.retrying import RETRYABLE_ERRORS, Patience

MAX_ATTEMPTS = 3

# Reading, and inserting events that have an id, may be done twice; a comment may not.
REPEATABLE = RETRYABLE_ERRORS
UNREPEATABLE = (ThrottledError,)


class Attempts:
    """Requests over one connection, each with a time that its repetitions share.

    Args:
        connection: where requests go.
        timeout_s: longest time for one request and its repetitions, in seconds.
    """

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: tuple[type[ApiError], ...] = REPEATABLE,
    ) -> Response:
        """Send one request, and again after a passing failure while there is time.

        Args:
            method: the HTTP method.
            path: the path on the API host.
            json: a value to send as JSON, or None.
            data: bytes to send as they are, or None.
            headers: more headers.
            repeat: the failures that pass; `REPEATABLE`, or `UNREPEATABLE` for what must not
                happen twice.

        Raises:
            ApiError: the last failure.
        """
        deadline = time.monotonic() + self._timeout_s
        patience = Patience(self._timeout_s, MAX_ATTEMPTS - 1)
        while True:
            try:
                return self._connection.api(
                    method, path, json=json, data=data, headers=headers, deadline=deadline
                )
            except repeat as error:  # noqa: PERF203 - an attempt is a network request
                wait_s = patience.next_wait_s(error)
                if wait_s is None or time.monotonic() + wait_s >= deadline:
                    raise
                time.sleep(wait_s)


def object_of(response: Response) -> dict[str, Any]:
    """Read an answer that must be a JSON object.

    Raises:
        ServerError: it is none; perhaps another service answers at this address.
    """
    answer = response.json()
    if not isinstance(answer, dict):
        reason = f"expected a JSON object, found {type(answer).__name__}"
        raise ServerError(response.method, response.url, response.status, reason)
    return answer
