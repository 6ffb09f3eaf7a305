"""One attempt at many rows: what it left to be tried again, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from otel_braintrust.delivery.errors import ApiError
from otel_braintrust.delivery.parcels import Parcel


@dataclass
class Round:
    """What one attempt left to be tried again, and why; and whether any row arrived."""

    waiting: list[Parcel] = field(default_factory=list)
    error: ApiError | None = None
    progress: bool = False


class Unfinished(Exception):  # noqa: N818  (a way out of the work, not an error)
    """The rest of the work waits for better times."""

    def __init__(self, error: ApiError, waiting: list[Parcel]) -> None:
        super().__init__(str(error))
        self.error = error
        self.waiting = waiting
