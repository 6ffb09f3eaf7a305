"""Which spans of this process have no row at Braintrust yet, and which never will."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from otel_braintrust.accounts import Ticket
from otel_braintrust.contexts import SPAN_ID

# More open spans than this belong to a process that never ends them.
MAX_SPANS = 100_000


class Undelivered:
    """Follows each span from its start until its row is there, or is given up.

    Args:
        max_spans: Most spans remembered; the oldest are forgotten first.
    """

    def __init__(self, *, max_spans: int = MAX_SPANS) -> None:
        self._max_spans = max_spans
        # Called when rows arrived or were given up, from the thread that learned it.
        self.on_change: Callable[[], None] | None = None
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child: what waits belongs to the parent."""
        self._waiting = _Recent(self._max_spans)
        self._lost = _Recent(self._max_spans)
        self._on_disk = _Recent(self._max_spans)

    def note_starts(self, span_ids: Sequence[int]) -> None:
        """Remember spans that start."""
        self._waiting.add(span_ids)

    def note_settled(self, tickets: Sequence[Ticket], column: str) -> None:
        """Note what became of spans; those on disk still wait, and nobody will say of them more."""
        ids = [ticket.context[SPAN_ID] for ticket in tickets if ticket.context is not None]
        if column == "spooled":
            self._on_disk.add(ids)
        else:
            self._note_ends(ids, is_lost=column != "sent")
        if self.on_change is not None:
            self.on_change()

    def note_end(self, span_id: int, *, is_lost: bool) -> None:
        """Note that a span's row is there, or never will be."""
        self._note_ends([span_id], is_lost=is_lost)

    def note_filtered(self, span_ids: Sequence[int]) -> None:
        """Note spans that will never have a row."""
        self._note_ends(span_ids, is_lost=True)
        if self.on_change is not None:
            self.on_change()

    def _note_ends(self, span_ids: Sequence[int], *, is_lost: bool) -> None:
        self._waiting.discard(span_ids)
        self._on_disk.discard(span_ids)
        if is_lost:
            self._lost.add(span_ids)

    def is_waiting(self, row_id: str) -> bool:
        """Tell whether a row is still to come."""
        return _number(row_id) in self._waiting

    def is_on_disk(self, row_id: str) -> bool:
        """Tell whether a row was left to the disk."""
        return _number(row_id) in self._on_disk

    def is_lost(self, row_id: str) -> bool:
        """Tell whether a row will never come, because its span was left out or lost."""
        return _number(row_id) in self._lost


class _Recent:
    """The latest ids, in two sets: when one is full, the older one is forgotten at once.

    A dict whose oldest key is removed again and again is searched through its gaps each time. Sets
    take and lose many ids by one call, which CPython does at once.
    """

    def __init__(self, max_ids: int) -> None:
        self._max_ids = max(1, max_ids // 2)
        self._latest: set[int] = set()
        self._earlier: set[int] = set()

    def add(self, numbers: Sequence[int]) -> None:
        if len(self._latest) + len(numbers) > self._max_ids:
            self._earlier, self._latest = self._latest, set()
        self._latest.update(numbers)

    def discard(self, numbers: Sequence[int]) -> None:
        # Either may have become the other meanwhile, but what it holds is found in this order.
        for some in (self._latest, self._earlier):
            if some:
                some.difference_update(numbers)

    def __contains__(self, number: int) -> bool:
        return number in self._latest or number in self._earlier


def _number(row_id: str) -> int:
    """A row id as a span id; -1 when it is none."""
    try:
        return int(row_id, 16) if len(row_id) == 16 else -1
    except ValueError:
        return -1
