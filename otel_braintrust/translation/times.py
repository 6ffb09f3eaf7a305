"""Times that attributes tell, set against a span's own."""

from __future__ import annotations

import functools
from datetime import datetime, timezone
from typing import Any

from otel_braintrust.translation.span import SpanView


def iso(time_ns: int) -> str:
    """Write a time in nanoseconds since 1970 as RFC 3339 with microseconds, in UTC."""
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    return f"{_whole_second(seconds)}.{rest_ns // 1000:06d}+00:00"


@functools.lru_cache(maxsize=256)
def _whole_second(seconds: int) -> str:
    # Spans of one batch began in the same few seconds.
    try:
        moment = datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, OSError, ValueError):
        moment = datetime.fromtimestamp(0, timezone.utc)
    return moment.replace(tzinfo=None).isoformat()


def seconds_since_start(span: SpanView, moment: Any) -> float | None:
    """Return how many seconds after the span's start an ISO time lies; None if it is no time."""
    if not isinstance(moment, str):
        return None
    try:
        parsed = datetime.fromisoformat(moment.strip().strip('"').replace("Z", "+00:00"))
    except ValueError:
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=timezone.utc)
    return parsed.timestamp() - span.start_ns / 1e9
