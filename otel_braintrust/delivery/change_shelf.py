"""Changes that wait on disk, in the spool behind the rows that they change."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.parcels import Parcel, seal
from otel_braintrust.delivery.spool import Spool, SpoolError
from otel_braintrust.delivery.troubles import Troubles


@dataclass(slots=True, eq=False)
class Change:
    """One row that changes another.

    Attributes:
        row: What is sent, without the keys of its container.
        row_id: Id of the row that it changes.
        destination: Where that row is.
        is_redacted: True once it is masked.
        first_failed_at: When it first could not be sent, on ``time.monotonic()``.
        spool_number: Its number on disk, if it lies there.
    """

    row: dict[str, Any]
    row_id: str
    destination: Destination
    is_redacted: bool = False
    first_failed_at: float | None = None
    spool_number: int | None = None

    def sealed(self, max_field_bytes: int) -> Parcel:
        """The row as it is sent.

        Args:
            max_field_bytes: Most bytes of one text.
        """
        return seal(None, dict(self.row), self.destination, max_field_bytes=max_field_bytes)


class ChangeShelf:
    """The changes of this process in a spool; whoever sends what lies there sends them, too.

    Args:
        spool: Where they lie, behind the rows that they change; only for changes.
        troubles: Where trouble is told.
        max_field_bytes: Most bytes of one text.
        writes_first: Write every change down before it is sent.
    """

    def __init__(
        self, spool: Spool, troubles: Troubles, *, max_field_bytes: int, writes_first: bool
    ) -> None:
        self.writes_first = writes_first
        self._spool = spool
        self._troubles = troubles
        self._max_field_bytes = max_field_bytes

    def write(self, changes: Sequence[Change], *, owned: bool) -> bool:
        """Write changes down; one that there is no room for gets no number.

        Args:
            changes: The changes, masked.
            owned: Keep them for this process, which sends them itself.

        Returns:
            False when the disk cannot be written to.
        """
        rows = [(str(each.destination), each.sealed(self._max_field_bytes).row) for each in changes]
        try:
            numbers = self._spool.add(rows, owned=owned)
        except SpoolError as error:
            self._tell(error)
            return False
        for change, number in zip(changes, numbers, strict=True):
            change.spool_number = number
        return True

    def release(self, changes: Sequence[Change]) -> None:
        """Leave changes that are written down to whoever sends what lies there."""
        try:
            self._spool.release(_numbers(changes))
        except SpoolError as error:
            self._tell(error)

    def remove(self, changes: Sequence[Change]) -> None:
        """Forget changes that are settled."""
        if numbers := _numbers(changes):
            try:
                self._spool.remove(numbers)
            except SpoolError as error:
                self._tell(error)  # they will be sent once more

    def beat(self) -> None:
        """Say now and then that this process lives and sends the changes it has."""
        try:
            self._spool.beat()
        except SpoolError as error:
            self._tell(error)

    def close(self) -> None:
        """Leave everything to others."""
        self._spool.close()

    def hurry(self, deadline: float) -> None:
        """Wait for the disk no longer than until a moment on ``time.monotonic()``."""
        self._spool.hurry(deadline)

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child."""
        self._spool.renew_after_fork()

    def _tell(self, error: SpoolError) -> None:
        message = "the spool cannot be used, so feedback and updates wait in memory: %s"
        self._troubles.tell("changes: spool", logging.ERROR, message, error)


def _numbers(changes: Sequence[Change]) -> list[int]:
    return [each.spool_number for each in changes if each.spool_number is not None]
