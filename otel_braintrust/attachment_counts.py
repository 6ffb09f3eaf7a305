"""What became of attachments: each one that a row refers to stands in exactly one column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from otel_braintrust.tallies import in_words

# Why attachments are lost. The words are part of the public ledger; keep them.
ATTACHMENT_LOSS_REASONS: Mapping[str, str] = {
    "row_lost": "the row that refers to it was lost itself",
    "queue_full": "more bytes of attachments waited than may",
    "too_large": "it has more bytes than may wait, or than the server takes",
    "unreadable": "its file could not be read",
    "auth": "the server refused the API key",
    "not_found": "the server takes no attachments",
    "rejected": "the server refused the attachment itself",
    "throttled": "the server asked to wait for longer than attachments are kept",
    "server_error": "the server failed for longer than attachments are kept",
    "connection": "the server could not be reached for longer than attachments are kept",
    "spool_full": "it could not wait on disk, where the spool holds all that it may",
    "spool_expired": "it waited on disk for longer than attachments are kept there",
    "shutdown": "time for uploading ran out at shutdown",
    "after_shutdown": "it came after shutdown",
}


@dataclass(frozen=True)
class AttachmentCounts:
    """The attachments of the rows made so far.

    Attributes:
        uploaded: Attachments that the server has.
        spooled: Attachments that wait on disk.
        lost: Attachments lost, by reason; see :data:`ATTACHMENT_LOSS_REASONS`.
        pending: Attachments that wait to be uploaded, or for their row to arrive.
    """

    uploaded: int = 0
    spooled: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)
    pending: int = 0

    @property
    def total_lost(self) -> int:
        """How many were lost, for whatever reason."""
        return sum(self.lost.values())

    def __bool__(self) -> bool:
        """True when there was any attachment."""
        return bool(self.uploaded or self.spooled or self.lost or self.pending)

    def __str__(self) -> str:
        columns = {"spooled": self.spooled, "pending": self.pending}
        return in_words([f"{self.uploaded} attachments uploaded"], columns, self.lost, "lost")
