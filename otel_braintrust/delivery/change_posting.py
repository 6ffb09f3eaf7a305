"""Changes into requests, never two of one row in one; and what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from otel_braintrust.delivery.answers import require_taken
from otel_braintrust.delivery.change_shelf import Change
from otel_braintrust.delivery.destinations import Projects
from otel_braintrust.delivery.errors import ApiError
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.packing import body_of, pack
from otel_braintrust.delivery.parcels import Parcel, address
from otel_braintrust.delivery.retrying import RETRYABLE_ERRORS

MAX_REQUEST_BYTES = 3 * 1024 * 1024
MAX_REQUEST_ROWS = 100

Outcome = tuple[list[Change], "ApiError | None"]


class ChangePoster:
    """Posts changes of different rows.

    Args:
        connection: Where requests go.
        max_field_bytes: Most bytes of one text.
    """

    def __init__(self, connection: Connection, *, max_field_bytes: int) -> None:
        self._connection = connection
        self._projects = Projects(connection)
        self._max_field_bytes = max_field_bytes

    def post(self, changes: list[Change], deadline: float | None) -> Iterator[Outcome]:
        """Send changes; which of them went together, and how that failed, or None.

        Args:
            changes: The changes, of different rows, masked.
            deadline: Moment on ``time.monotonic()`` by which requests must be over, or None.
        """
        parcels: list[Parcel] = []
        by_parcel: dict[int, Change] = {}
        for change in changes:
            try:
                container = self._projects.container(change.destination, deadline=deadline)
            except ApiError as error:
                yield [change], error
                continue
            parcel = change.sealed(self._max_field_bytes)
            address([parcel], container)
            parcels.append(parcel)
            by_parcel[id(parcel)] = change
        for batch in pack(parcels, max_bytes=MAX_REQUEST_BYTES, max_rows=MAX_REQUEST_ROWS):
            for part, failure in self._post(batch, deadline):
                yield [by_parcel[id(parcel)] for parcel in part], failure

    def _post(
        self, batch: Sequence[Parcel], deadline: float | None
    ) -> Iterator[tuple[Sequence[Parcel], ApiError | None]]:
        try:
            answer = self._connection.api("POST", "/logs3", data=body_of(batch), deadline=deadline)
            require_taken(answer)
        except ApiError as error:
            if isinstance(error, RETRYABLE_ERRORS) or len(batch) == 1:
                yield batch, error
                return
            for parcel in batch:  # one of them is to blame; the others shall arrive
                yield from self._post([parcel], deadline)
        else:
            yield batch, None
