"""One ended span on its way from its end to its settlement."""

from __future__ import annotations

from typing import Any


class Ticket:
    """One ended span on its way; settled once, in one column.

    Args:
        span: The span; None for one whose row is read back from disk.
        context: The span's context.
        size_bytes: About how much memory it holds.

    Attributes:
        sequence: How many spans had ended by then, those entered together with it included.
        column: Where it is settled; None: it is pending.
        parcel: The row, where it was made before the span was queued.
        route: Where the application's function sends it.
        is_local_root: No span of this process that goes is above it.
    """

    __slots__ = (
        "column",
        "context",
        "is_local_root",
        "parcel",
        "route",
        "sequence",
        "size_bytes",
        "span",
    )

    def __init__(self, span: Any, context: Any, size_bytes: int = 0) -> None:
        self.span = span
        self.context = context
        self.size_bytes = size_bytes
        self.sequence = 0
        self.column: str | None = None
        self.parcel: Any = None
        self.route: str | None = None
        self.is_local_root = False

    @classmethod
    def on_disk(cls) -> Ticket:
        """The ticket of a span of this process whose row is read back from disk."""
        ticket = cls(None, None)
        ticket.column = "spooled"
        return ticket
