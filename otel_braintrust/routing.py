"""Where a span goes: by itself, its context, baggage, the application's function, or its parent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import get_current_span

PARENT_KEY = "braintrust.parent"

Route = Callable[[Any], "str | bool | None"]


def said_parent(span: Any, context: Context) -> str | None:
    """What a span itself, its context or baggage say of where it goes."""
    own = (span.attributes or {}).get(PARENT_KEY)
    said = own or otel_context.get_value(PARENT_KEY, context)
    return _text(said or baggage.get_baggage(PARENT_KEY, context))


def inherited_parent(context: Context) -> str | None:
    """What the attributes of the parent span say of where it goes."""
    attributes = getattr(get_current_span(context), "attributes", None) or {}
    return _text(attributes.get(PARENT_KEY))


def routed(route: Route, span: Any, on_failure: Callable[[Exception], object]) -> str | bool | None:
    """Ask the application's function; what it raises is told, and is no opinion.

    Args:
        route: Answers with a parent, None for no opinion, or False: the span is not for here.
        span: The span that starts.
        on_failure: Called with what the function raised.
    """
    try:
        answer = route(span)
    except Exception as error:  # noqa: BLE001  (the application's own code)
        on_failure(error)
        return None
    if answer is False or answer is None:
        return answer
    text = _text(answer)
    if text is None:
        on_failure(TypeError(f"it answered {type(answer).__name__}"))
    return text


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
