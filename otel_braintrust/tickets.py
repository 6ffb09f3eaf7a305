"""One ended span on its way from its end to its settlement."""

from __future__ import annotations

from typing import Any


class Ticket:
    """One ended span on its way; settled once, in one column.

    Args:
        span: The span; None for one whose row is read back from disk.
        sequence: How many spans had ended by then, this one included.
        size_bytes: About how much memory it holds.
    """

    # Defaults on the class make a ticket cheap: few have another value for long.
    column: str | None = None
    parcel: Any = None  # the row, where it was made before the span was queued
    route: str | None = None  # where the application's function sends it
    is_local_root = False  # no span of this process that goes is above it

    def __init__(self, span: Any, sequence: int, size_bytes: int = 0) -> None:
        self.span = span
        self.context: Any = span.context if span is not None else None
        self.sequence = sequence
        self.size_bytes = size_bytes

    @classmethod
    def on_disk(cls) -> Ticket:
        """The ticket of a span of this process whose row is read back from disk."""
        ticket = cls(None, 0)
        ticket.column = "spooled"
        return ticket
