"""Where the parts of a SpanContext stand: it is a tuple, and each of its properties is a call."""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.trace import SpanContext, TraceFlags

TRACE_ID: Final = 0
SPAN_ID: Final = 1
IS_REMOTE: Final = 2
TRACE_FLAGS: Final = 3
SAMPLED = int(TraceFlags.SAMPLED)


def origin_of(span: Any) -> tuple[Any, SpanContext | None, str | None]:
    """A span's context, its parent's, and the name of its scope, as any span has them.

    Args:
        span: A span of any making. Those of the SDK's have all three without a call, as
            ``_context``, ``_parent`` and ``_instrumentation_scope._name``.
    """
    scope = span.instrumentation_scope
    return span.context, span.parent, None if scope is None else scope.name
