"""Rows that cannot arrive whole, and so arrive with less in them, and say so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from otel_braintrust.attachments import Attachment
from otel_braintrust.delivery.destinations import GIVEN
from otel_braintrust.delivery.errors import ApiError, TooLargeError
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.parcels import Parcel
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.shrinking import bare_row, with_reference, without_large_values
from otel_braintrust.delivery.troubles import Troubles

WHOLE_ROW_NAME = "row.json"
# So often the way by an upload may fail before the row goes without its largest values.
MAX_OVERFLOW_FAILURES = 3
# Of rows that are given up together so many are tried without their content.
MAX_BARE_ROWS = 32


class Reducer:
    """Takes out of a row what keeps it from arriving.

    Args:
        send: Posts rows; raises when the server does not take them.
        note_taken: Settles rows that the server took.
        limits: How much fits into a request.
        settlement: Where rows are settled.
        troubles: Where trouble is told.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Parcel], float | None], None],
        note_taken: Callable[[Sequence[Parcel]], None],
        limits: Limits,
        settlement: Settlement,
        troubles: Troubles,
    ) -> None:
        self._send = send
        self._note_taken = note_taken
        self._limits = limits
        self._settlement = settlement
        self._troubles = troubles

    def shrink(self, parcel: Parcel, error: ApiError) -> bool:
        """Take the largest values out of a row that the server does not take for its size.

        Returns:
            False when nothing more can be taken out, and the row is dropped.
        """
        row = self._smaller_row(parcel)
        if row is not None:
            self._tell_shrunk(parcel, error)
            self._replace(parcel, row)
            return True
        message = "span %s dropped: its row has %d bytes; %s"
        size_bytes = parcel.size_bytes
        self._troubles.tell("too_large", logging.ERROR, message, parcel.name, size_bytes, error)
        self._settlement.dropped([parcel], "too_large")
        return False

    def post_instead(self, parcel: Parcel, error: ApiError, deadline: float | None) -> bool:
        """Post a row without its largest values, when its way by an upload failed often enough.

        Should that fail, too, it is an outage, and the row stays whole.

        Args:
            parcel: The row.
            error: How the upload failed.
            deadline: Moment on ``time.monotonic()`` by which requests must be over.

        Returns:
            True when the server took it.
        """
        if parcel.failures < MAX_OVERFLOW_FAILURES:
            return False
        whole, upload = parcel.row, parcel.upload
        size_bytes = parcel.size_bytes
        while (row := self._smaller_row(parcel)) is not None:
            self._replace(parcel, row)
            try:
                self._send([parcel], deadline)
            except TooLargeError:
                continue
            except ApiError:
                break
            self._tell_shrunk(parcel, error, size_bytes)
            self._note_taken([parcel])
            return True
        parcel.row, parcel.upload, parcel.left_out = whole, upload, None
        return False

    def post_bare(self, parcels: Sequence[Parcel], deadline: float | None) -> None:
        """Post the place in the trace of rows that are given up, and what failed in their stead.

        A server that takes it works, and so the whole row is tried once more. What arrived, whole
        or bare, is settled as sent.

        Args:
            parcels: The rows.
            deadline: Moment on ``time.monotonic()`` by which requests must be over.
        """
        known = [each for each in parcels if each.container or each.destination == GIVEN]
        for parcel in known[:MAX_BARE_ROWS]:
            bare = Parcel(bare_row(parcel.row), parcel.destination, container=parcel.container)
            try:
                self._send([bare], deadline)
            except ApiError:
                return
            try:
                self._send([parcel], deadline)
            except ApiError as error:
                message = "span %s arrived without its content, the server fails at its row: %s"
                self._troubles.tell("bare", logging.ERROR, message, parcel.name, error)
            self._note_taken([parcel])

    def _replace(self, parcel: Parcel, row: bytes) -> None:
        """Let a smaller row go in place of a whole one, which goes beside it as a file."""
        if parcel.left_out is None and self._settlement.keeps_file(len(parcel.row)):
            parcel.left_out = Attachment(parcel.row, WHOLE_ROW_NAME, "application/json")
            row = with_reference(row, parcel.left_out.reference)
        parcel.row, parcel.upload = row, None

    def _smaller_row(self, parcel: Parcel) -> bytes | None:
        max_bytes = min(self._limits.max_bytes, parcel.size_bytes // 2)
        return without_large_values(parcel.row, max_bytes)

    def _tell_shrunk(self, parcel: Parcel, error: ApiError, size_bytes: int | None = None) -> None:
        message = "span %s goes without its largest values, for its row has %d bytes: %s"
        size_bytes = size_bytes or parcel.size_bytes
        self._troubles.tell("shrunk", logging.WARNING, message, parcel.name, size_bytes, error)
