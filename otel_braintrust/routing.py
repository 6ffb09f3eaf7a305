"""Where a span goes: by itself, its context, baggage, the application's function, or its parent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import get_current_span

from otel_braintrust.asking import ask

PARENT_KEY = "braintrust.parent"
# A parent in baggage may have these forms and no other: a slug there must not be honored.
BAGGAGE_PREFIXES = ("project_id:", "project_name:", "experiment_id:")

Route = Callable[[Any], "str | bool | None"]


def said_parent(span: Any, context: Context) -> str | None:
    """What a span itself, its context or baggage say of where it goes."""
    own = (span.attributes or {}).get(PARENT_KEY)
    said = own or otel_context.get_value(PARENT_KEY, context)
    return _text(said) or baggage_parent(context)


def baggage_parent(context: Context | None = None) -> str | None:
    """What baggage says of where spans go: a project or an experiment, else nothing.

    Args:
        context: Where to look; None: the current context.
    """
    said = baggage.get_baggage(PARENT_KEY, context)
    return said if is_container(said) else None


def is_container(parent: object) -> TypeGuard[str]:
    """Tell whether a parent names a project or an experiment, as it may stand in baggage."""
    if not isinstance(parent, str) or not parent.strip().startswith(BAGGAGE_PREFIXES):
        return False
    return bool(parent.partition(":")[2].strip())


def inherited_parent(context: Context) -> str | None:
    """What the attributes of the parent span say of where it goes."""
    attributes = getattr(get_current_span(context), "attributes", None) or {}
    return _text(attributes.get(PARENT_KEY))


def routed(
    route: Route, span: Any, on_failure: Callable[[BaseException], object]
) -> str | bool | None:
    """Ask the application's function; what it raises is told, and is no opinion.

    Args:
        route: Answers with a parent, None for no opinion, or False: the span is not for here.
        span: The span that starts.
        on_failure: Called with what the function raised.
    """
    answer = ask(route, span, on_failure)
    if answer is False or answer is None:
        return answer
    text = _text(answer)
    if text is None:
        on_failure(TypeError(f"it answered {type(answer).__name__}"))
    return text


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
