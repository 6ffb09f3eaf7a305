"""A span becomes a row: pure functions over tables, no I/O, no clock, no environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otel_braintrust.translation import row as _row
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.conventions.users import checked as _checked
from otel_braintrust.translation.conventions.users import dispatch_for as _dispatch_for
from otel_braintrust.translation.span import LogEvent, OtlpSpan, SpanEvent, SpanLink, SpanView
from otel_braintrust.translation.span import sdk_span_view as _sdk_span_view
from otel_braintrust.translation.strict import strict_row as _strict_row

__all__ = ["LogEvent", "OtlpSpan", "SpanEvent", "SpanLink", "SpanView", "translate"]


def translate(
    span: Any, *, log_events: Sequence[LogEvent] = (), conventions: Sequence[Convention] = ()
) -> dict[str, Any]:
    """Translate one span to the row that Braintrust's own SDK would have logged.

    Args:
        span: an SDK span (`ReadableSpan`) or a `SpanView` such as `OtlpSpan`.
        log_events: log records of this span that carry its content.
        conventions: dialects of your own, see `otel_braintrust.conventions`; they go before those
            that installed distributions offer, and these before ours.

    Returns:
        The row without its container: strict JSON values only. Never raises on what a span holds:
        where a step fails, `metadata.mapping_error` names it and the raw attributes remain.

    Raises:
        TypeError: a convention is none.
        ValueError: a convention has no name, or a prefix without a dot at its end.

    Example:
        >>> from otel_braintrust.translation import OtlpSpan, translate
        >>> row = translate(OtlpSpan("0" * 31 + "1", "0" * 15 + "1", "hello", start_ns=0))
        >>> row["span_attributes"]
        {'name': 'hello', 'type': 'task'}
    """
    dispatch = _dispatch_for(_checked(conventions))
    view = _sdk_span_view(span)
    try:
        reading, row = _row.make(view, log_events, dispatch)
        return _strict_row(row if row is not None else _row.write(reading))
    except Exception as problem:  # noqa: BLE001 - a span's content must never harm its export
        return _row.bare(view, problem)
