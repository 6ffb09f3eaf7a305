"""Spans that wait for the verdict on another, in the order in which they began to; bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from otel_braintrust.traces.kin import Kin


class Waiting:
    """Holds spans for a time; those that waited longest are let go first.

    Args:
        hold_s: Longest time that a span waits, in seconds.
        max_count: Most spans.
        max_bytes: Most bytes of them, about.
        clock: Seconds that only go forward.
    """

    def __init__(
        self, *, hold_s: float, max_count: int, max_bytes: int, clock: Callable[[], float]
    ) -> None:
        self._hold_s = hold_s
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        """Forget all of them."""
        self._held: OrderedDict[int, Kin] = OrderedDict()
        self._size_bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def size_bytes(self) -> int:
        """About how much memory they hold."""
        return self._size_bytes

    @property
    def next_release_at(self) -> float | None:
        """When the first is let go, on the clock; None: there is none."""
        return next(iter(self._held.values())).release_at if self._held else None

    def add(self, kin: Kin) -> None:
        """Let a span wait that has ended; again, if need be, but not for longer."""
        if kin.span_id not in self._held:
            if not kin.release_at:
                kin.release_at = self._clock() + self._hold_s
            self._held[kin.span_id] = kin
            self._size_bytes += kin.ticket.size_bytes

    def remove(self, kin: Kin) -> None:
        """Let a span wait no longer, if it does."""
        if self._held.pop(kin.span_id, None) is not None:
            self._size_bytes -= kin.ticket.size_bytes

    def due(self, now: float) -> Kin | None:
        """The first that has waited long enough, or is one too many; None: there is none."""
        if not self._held:
            return None
        first = next(iter(self._held.values()))
        is_crowded = len(self._held) > self._max_count or self._size_bytes > self._max_bytes
        return first if is_crowded or first.release_at <= now else None
