"""What became of feedback and updates: each change of a row stands in exactly one column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from otel_braintrust.tallies import in_words

# Why changes are lost. The words are part of the public ledger; keep them.
CHANGE_LOSS_REASONS: Mapping[str, str] = {
    "no_row": "the span it is about was left out by a rule, or lost",
    "masked": "nothing of it may be sent",
    "refused": "the server refused it",
    "late": "it could not be delivered for longer than rows are tried",
    "queue_full": "more changes waited than may",
    "spool_full": "it could not wait on disk, where the spool holds all that it may",
    "internal": "it could not be made into a row",
    "shutdown": "time ran out at shutdown",
    "after_shutdown": "it came after shutdown",
}
# Losses that were asked for: by a rule about spans, or by masking.
OF_CHOICE = frozenset(("no_row", "masked"))


@dataclass(frozen=True)
class ChangeCounts:
    """The feedback and updates made so far.

    Attributes:
        made: All of them; the sum of the other columns.
        sent: Changes that the server took.
        spooled: Changes left on disk, for this or a later process to send.
        lost: Changes lost, by reason; see :data:`CHANGE_LOSS_REASONS`.
        pending: Changes that wait to be sent, or for their row to arrive.
    """

    made: int = 0
    sent: int = 0
    spooled: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)
    pending: int = 0

    @property
    def total_lost(self) -> int:
        """How many were lost, but for those that were not to be sent."""
        return sum(count for reason, count in self.lost.items() if reason not in OF_CHOICE)

    def __bool__(self) -> bool:
        """True when there was any change."""
        return self.made > 0

    def __str__(self) -> str:
        columns = {"spooled": self.spooled, "pending": self.pending}
        first = [f"{self.made} changes made", f"{self.sent} sent"]
        return in_words(first, columns, self.lost, "lost")


class ChangeBook:
    """Counts changes when their fate is known."""

    def __init__(self) -> None:
        self._settled: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()

    def enter(self, count: int, column: str = "", *, lost: str = "") -> None:
        """Enter changes in a column, or with the reason of their loss.

        Args:
            count: How many.
            column: ``sent`` or ``spooled``.
            lost: One of :data:`CHANGE_LOSS_REASONS`.
        """
        if lost:
            self._lost[lost] += count
        else:
            self._settled[column] += count

    def counts(self, pending: int) -> ChangeCounts:
        """The columns now.

        Args:
            pending: How many changes wait.
        """
        lost = {reason: count for reason, count in self._lost.items() if count}
        settled = {column: self._settled[column] for column in ("sent", "spooled")}
        made = sum(settled.values()) + sum(lost.values()) + pending
        return ChangeCounts(made=made, lost=lost, pending=pending, **settled)
