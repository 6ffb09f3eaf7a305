"""Attachments on their way with a row, and the count of what became of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from otel_braintrust.attachment_counts import AttachmentCounts
from otel_braintrust.attachments import Attachment


@dataclass(slots=True, eq=False)
class Enclosure:
    """One attachment that a row refers to.

    Attributes:
        attachment: The file.
        sequence: How many enclosures there were by then, this one included; 0 for one of another
            process, which is not counted here.
        column: Where it stands in the count: ``uploaded``, ``spooled``, ``lost``, or None.
        is_put: True once its bytes are there, and only the report is missing.
        is_stored: True while it lies on disk, too.
        attempts_failed: How often it was tried in vain.
        first_failed_at: When it, or one before it, failed first, on ``time.monotonic()``.
    """

    attachment: Attachment
    sequence: int = 0
    column: str | None = None
    is_put: bool = False
    is_stored: bool = False
    attempts_failed: int = 0
    first_failed_at: float | None = None

    @property
    def key(self) -> str:
        """What the file is stored under."""
        return self.attachment.key


class EnclosureBook:
    """Counts enclosures from the row that they belong to, to their end."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        # Notified with every settlement; uploads wait on the same condition.
        self.changed = threading.Condition(threading.RLock())
        self.sequence = 0
        self.pending_bytes = 0
        self._pending: dict[int, Enclosure] = {}
        self._uploaded = 0
        self._spooled = 0
        self._lost: Counter[str] = Counter()
        self._lost_reported = 0

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child: what waited belongs to the parent, which sends it."""
        self._clear()

    def open(self, attachment: Attachment) -> Enclosure:
        """Enter an attachment that a row refers to; it is pending until it is settled."""
        with self.changed:
            self.sequence += 1
            enclosure = Enclosure(attachment, self.sequence)
            self._pending[self.sequence] = enclosure
            self.pending_bytes += attachment.held_bytes
            return enclosure

    def settle(self, enclosures: Iterable[Enclosure], column: str, reason: str = "") -> None:
        """Put enclosures into their column; only one that lies on disk moves on from there.

        Args:
            enclosures: Which.
            column: ``uploaded``, ``spooled`` or ``lost``.
            reason: For ``lost``, one of
                :data:`otel_braintrust.attachment_counts.ATTACHMENT_LOSS_REASONS`.
        """
        with self.changed:
            for enclosure in enclosures:
                self._enter(enclosure, column, reason)
            self.changed.notify_all()

    def _enter(self, enclosure: Enclosure, column: str, reason: str) -> None:
        previous = enclosure.column
        if previous is not None and (previous != "spooled" or column == "spooled"):
            return
        enclosure.column = column
        if not enclosure.sequence:
            return
        if previous is None:
            self._pending.pop(enclosure.sequence, None)
            self.pending_bytes -= enclosure.attachment.held_bytes
        else:
            self._spooled -= 1
        self._uploaded += column == "uploaded"
        self._spooled += column == "spooled"
        if column == "lost":
            self._lost[reason] += 1

    def on_disk(self, attachment: Attachment, *, is_own: bool) -> Enclosure:
        """The enclosure of an attachment that is read back from disk.

        Args:
            attachment: The file.
            is_own: Whether it was written by this process, and so counts here.
        """
        return Enclosure(attachment, -1 if is_own else 0, "spooled", is_stored=True)

    def expire(self, count: int) -> None:
        """Count attachments of this process that waited on disk for too long."""
        with self.changed:
            count = min(count, self._spooled)
            self._spooled -= count
            self._lost["spool_expired"] += count

    @property
    def spooled(self) -> int:
        """How many of this process wait on disk."""
        return self._spooled

    def pending(self, sequence: int) -> int:
        """How many are pending of those up to a sequence number."""
        with self.changed:
            return sum(1 for number in self._pending if number <= sequence)

    def unreported_losses(self) -> int:
        """How many were lost since this was last asked."""
        with self.changed:
            lost = sum(self._lost.values())
            fresh, self._lost_reported = lost - self._lost_reported, lost
            return fresh

    @property
    def counts(self) -> AttachmentCounts:
        """The columns now."""
        with self.changed:
            return AttachmentCounts(
                uploaded=self._uploaded,
                spooled=self._spooled,
                lost={reason: count for reason, count in self._lost.items() if count},
                pending=len(self._pending),
            )
