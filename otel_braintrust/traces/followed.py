"""Spans of this process that are open, or were dropped lately; bounded in count and time."""

from __future__ import annotations

import threading
from collections import OrderedDict

from opentelemetry.trace import SpanContext

from otel_braintrust.contexts import SPAN_ID, TRACE_ID
from otel_braintrust.traces.kin import Kin


class Followed:
    """The spans that may be asked for, each by its id.

    Args:
        max_open: Most open spans.
        max_dropped: Most dropped spans.
        max_age_s: Time after which a span that never ends, or was dropped, is forgotten.

    Attributes:
        lock: Held by whoever changes anything; re-entrant, since a finalizer may end a span while
            its thread is in here.
        open: Spans that have not ended, or ended and wait for what is beneath them.
        dropped: Spans that were dropped, for children that begin after their end.
        now: The moment up to which time has passed.
    """

    def __init__(self, *, max_open: int, max_dropped: int, max_age_s: float) -> None:
        self._max_open = max_open
        self.max_dropped = max_dropped
        self._max_age_s = max_age_s
        self.now = 0.0
        self.clear()

    def clear(self) -> None:
        """Forget all of them."""
        self.lock = threading.RLock()
        self.open: OrderedDict[int, Kin] = OrderedDict()
        self.dropped: OrderedDict[int, Kin] = OrderedDict()
        self._open_until = 0.0  # until then no open span is too old

    def __len__(self) -> int:
        return len(self.open) + len(self.dropped)

    def get(self, context: SpanContext | None) -> Kin | None:
        """What is known of a span that is open, or was dropped; None: nothing.

        Args:
            context: The span's. A parent's that came by a header may be of this process all the
                same, which called itself; None: there is no parent.
        """
        if context is None:
            return None
        span_id = context[SPAN_ID]
        return self.open.get(span_id) or self.dropped.get(span_id)

    def trace_of(self, span_id: int) -> int | None:
        """The trace of a span that is open; None: it is none of those."""
        kin = self.open.get(span_id)
        return None if kin is None else kin.context[TRACE_ID]

    def drop(self, kin: Kin) -> None:
        """Move a span to those that were dropped."""
        self.open.pop(kin.span_id, None)
        self.dropped[kin.span_id] = kin
        if len(self.dropped) > self.max_dropped:
            self.dropped.popitem(last=False)

    def forget_dropped(self) -> None:
        """Forget the dropped spans that are too old."""
        oldest = self.now - self._max_age_s
        while self.dropped and _first(self.dropped).started_at < oldest:
            self.dropped.popitem(last=False)

    def forget_open(self) -> Kin | None:
        """Forget the oldest open span, if it is too old or one too many; None: it is not."""
        if len(self.open) <= self._max_open and self.now <= self._open_until:
            return None
        oldest = self.now - self._max_age_s
        if len(self.open) > self._max_open or (self.open and _first(self.open).started_at < oldest):
            return self.open.popitem(last=False)[1]
        self._open_until = (
            _first(self.open).started_at if self.open else self.now
        ) + self._max_age_s
        return None


def _first(spans: OrderedDict[int, Kin]) -> Kin:
    return next(iter(spans.values()))
