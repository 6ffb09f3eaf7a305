"""Where the parts of a SpanContext stand: it is a tuple, and each of its properties is a call."""

from __future__ import annotations

from typing import Final

from opentelemetry.trace import TraceFlags

TRACE_ID: Final = 0
SPAN_ID: Final = 1
IS_REMOTE: Final = 2
TRACE_FLAGS: Final = 3
SAMPLED = int(TraceFlags.SAMPLED)
