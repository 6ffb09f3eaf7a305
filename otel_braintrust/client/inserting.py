"""Encoded events into a project, batch after batch."""

from __future__ import annotations

import time
from urllib.parse import quote

from otel_braintrust.client.attempts import Attempts, object_of
from otel_braintrust.client.batches import batches
from otel_braintrust.client.errors import PartialInsertError
from otel_braintrust.delivery.answers import Response
from otel_braintrust.delivery.errors import ApiError, ServerError, TooLargeError
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.limits import Limits


class Inserting:
    """Inserts events; what is too large is found before anything is sent.

    Args:
        connection: where the server is asked for its limit.
        attempts: how to send.
        limits: how much fits into a request.
    """

    def __init__(self, connection: Connection, attempts: Attempts, limits: Limits) -> None:
        self._connection = connection
        self._attempts = attempts
        self._limits = limits

    def insert(self, project_id: str, encoded: list[bytes], ids: list[str]) -> None:
        """Insert batch after batch; a batch that is refused as too large goes in halves.

        Args:
            project_id: the project's id.
            encoded: the events as JSON.
            ids: their ids, in the same order.

        Raises:
            EventTooLargeError: one is larger than the server takes.
            PartialInsertError: a later batch failed after others had arrived.
            ApiError: the request failed.
        """
        path = f"/v1/project_logs/{quote(project_id, safe='')}/insert"
        waiting = self._batches(encoded)[::-1]
        while waiting:
            first, last = waiting.pop()
            try:
                body = b'{"events":[' + b",".join(encoded[first:last]) + b"]}"
                _check_taken(self._attempts.call("POST", path, data=body), last - first)
            except ApiError as error:
                if isinstance(error, TooLargeError) and last - first > 1:
                    # A gateway before the server may take less than the server says it does.
                    middle = (first + last) // 2
                    waiting += [(middle, last), (first, middle)]
                    continue
                if not first:
                    raise
                raise PartialInsertError(
                    f"the first {first} of {len(ids)} events are in, the others are not: {error}",
                    ids[:first],
                ) from error

    def _batches(self, encoded: list[bytes]) -> list[tuple[int, int]]:
        """Ask how much the server takes, and split; what is too large is found before sending."""
        self._limits.learn(self._connection, time.monotonic() + self._connection.http_timeout_s)
        max_bytes, max_rows = self._limits.max_bytes, self._limits.max_rows
        return list(batches(encoded, max_bytes=max_bytes, max_events=max_rows))


def _check_taken(response: Response, sent: int) -> None:
    """Compare the ids of an answer with the events sent: one that is left out is lost."""
    taken = object_of(response).get("row_ids")
    if isinstance(taken, list) and len(taken) != sent:
        reason = f"took {len(taken)} of {sent} events"
        raise ServerError(response.method, response.url, response.status, reason)
