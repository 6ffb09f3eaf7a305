"""Log records that belong to a span, kept until the span is exported; bounded in count and time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from otel_braintrust.translation.span import NO_MAPPING, LogEvent


def log_event_of(record: Any) -> LogEvent | None:
    """Read an SDK log record into a log event; None if it belongs to no span.

    Args:
        record: what a `LogRecordProcessor` is handed: a `ReadWriteLogRecord` or `LogData`, both of
            which hold the record as `log_record`, or a `LogEvent`.
    """
    if isinstance(record, LogEvent):
        return record
    inner = getattr(record, "log_record", record)
    trace_id, span_id = getattr(inner, "trace_id", 0), getattr(inner, "span_id", 0)
    if not trace_id or not span_id:
        return None
    attributes = getattr(inner, "attributes", None) or NO_MAPPING
    name = getattr(inner, "event_name", None) or attributes.get("event.name") or ""
    return LogEvent(
        trace_id=format(trace_id, "032x"),
        span_id=format(span_id, "016x"),
        name=str(name),
        attributes=dict(attributes),
        body=getattr(inner, "body", None),
        time_ns=getattr(inner, "timestamp", None) or getattr(inner, "observed_timestamp", None),
    )


class LogEvents:
    """Content events by span, oldest dropped first.

    Args:
        max_spans: spans for which events are kept.
        max_events: events kept of one span.
        max_age_s: seconds after which events of a span that never ended are dropped.
        clock: seconds, monotonic.
    """

    def __init__(
        self, *, max_spans: int, max_events: int, max_age_s: float, clock: Callable[[], float]
    ) -> None:
        self._max_spans = max_spans
        self._max_events = max_events
        self._max_age_s = max_age_s
        self._clock = clock
        self._lock = threading.Lock()
        self._events: OrderedDict[tuple[str, str], tuple[float, list[LogEvent]]] = OrderedDict()

    def add(self, event: LogEvent) -> None:
        """Keep an event until its span is taken."""
        key = (event.trace_id, event.span_id)
        now = self._clock()
        with self._lock:
            held = self._events.get(key)
            if held is None:
                held = self._events[key] = (now, [])
            if len(held[1]) < self._max_events:
                held[1].append(event)
            while self._events and (
                len(self._events) > self._max_spans
                or next(iter(self._events.values()))[0] < now - self._max_age_s
            ):
                self._events.popitem(last=False)

    def take(self, trace_id: str, span_id: str) -> list[LogEvent]:
        """Return a span's events in the order of their times, and forget them."""
        with self._lock:
            _, events = self._events.pop((trace_id, span_id), (0.0, []))
        return sorted(events, key=lambda event: event.time_ns or 0)

    def __len__(self) -> int:
        return len(self._events)
