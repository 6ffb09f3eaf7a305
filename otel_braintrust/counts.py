"""The columns of the ledger, as applications read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from otel_braintrust.attachment_counts import AttachmentCounts
from otel_braintrust.change_counts import ChangeCounts
from otel_braintrust.tallies import in_words

# Why spans are dropped. The words are part of the public ledger; keep them.
DROP_REASONS: Mapping[str, str] = {
    "no_api_key": "no API key was found, so nothing is sent",
    "not_configured": "the settings could not be used, so nothing is sent",
    "queue_full": "more spans waited than the queue holds",
    "auth": "the server refused the API key, or the key may not write there",
    "not_found": "the address or the project does not exist",
    "rejected": "the server refused the row itself",
    "too_large": "the row has more bytes than the server takes",
    "throttled": "the server asked to wait for longer than spans are kept",
    "server_error": "the server failed for longer than spans are kept",
    "connection": "the server could not be reached for longer than spans are kept",
    "unreadable": "the span could not be made into a row",
    "spool_full": "the row could not wait on disk, where the spool holds all that it may",
    "spool_expired": "the row waited on disk for longer than rows are kept there",
    "shutdown": "time for delivery ran out at shutdown or at the end of the process",
    "after_shutdown": "the span ended after shutdown",
}


@dataclass(frozen=True)
class Counts:
    """The ledger's columns at one moment.

    Attributes:
        ended: Spans that ended here; the sum of all columns but ``sampled``.
        sent: Spans whose row the server took.
        spooled: Spans whose row waits on disk.
        filtered: Spans left out because a rule says so.
        sampled: Spans that the sampler left out; they are not among those that ended here.
        dropped: Spans lost, by reason; see :data:`DROP_REASONS`.
        pending: Spans that wait to be sent or tried again.
        attachments: What became of the attachments of the spans' rows.
        changes: What became of feedback and updates.
    """

    ended: int = 0
    sent: int = 0
    spooled: int = 0
    filtered: int = 0
    sampled: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    pending: int = 0
    attachments: AttachmentCounts = field(default_factory=AttachmentCounts)
    changes: ChangeCounts = field(default_factory=ChangeCounts)

    def __str__(self) -> str:
        columns = {"spooled": self.spooled, "filtered": self.filtered, "pending": self.pending}
        first = [f"{self.ended} spans ended", f"{self.sent} sent"]
        spans = in_words(first, columns, self.dropped, "dropped")
        more = [str(each) for each in (self.attachments, self.changes) if each]
        return "; ".join([spans, *more])


@dataclass(frozen=True)
class FlushResult:
    """What became of the spans that ended before a flush and that no earlier flush reported.

    A span still pending in one result is counted again in the next.

    Attributes:
        sent: Spans whose row the server took.
        spooled: Spans whose row waits on disk.
        dropped: Spans lost; the ledger has the reasons.
        pending: Spans, and feedback and updates, not delivered in the time given; they are still
            tried.
        filtered: Spans left out because a rule says so.
        attachments_pending: Attachments not uploaded in the time given; they are still tried.
        attachments_lost: Attachments lost since the last flush; the ledger has the reasons.
        changes_lost: Feedback and updates lost since the last flush; the ledger has the reasons.
    """

    sent: int = 0
    spooled: int = 0
    dropped: int = 0
    pending: int = 0
    filtered: int = 0
    attachments_pending: int = 0
    attachments_lost: int = 0
    changes_lost: int = 0

    @property
    def ok(self) -> bool:
        """True when nothing is pending and nothing was dropped or lost."""
        lost = self.dropped + self.attachments_lost + self.changes_lost
        return self.pending + self.attachments_pending + lost == 0


@dataclass(frozen=True)
class Loss:
    """Spans that were lost together, as ``on_drop`` is told.

    Attributes:
        reason: One of :data:`DROP_REASONS`.
        count: How many spans.
        span_ids: Their ids as 16 hex digits, the first hundred of them.
    """

    reason: str
    count: int
    span_ids: tuple[str, ...] = ()
