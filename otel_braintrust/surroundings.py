"""What a span gets from where it starts: where it goes, and the attributes of a block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.context import Context

from otel_braintrust import stamps
from otel_braintrust.routing import PARENT_KEY, Route, inherited_parent, routed, said_parent
from otel_braintrust.sizes import attribute_values

# OpenTelemetry keeps the names of these keys to itself; any context with a span or baggage tells.
SPAN_KEY = next(iter(trace.set_span_in_context(trace.INVALID_SPAN, Context())))
BAGGAGE_KEY = next(iter(baggage.set_baggage("key", "value", Context())))


class Surroundings:
    """Writes on spans that start what their context, baggage and parent say.

    Args:
        route: The application's function that says where a span goes, if there is one.
        on_failure: Called with what that function raised.
    """

    def __init__(self, route: Route | None, on_failure: Callable[[BaseException], object]) -> None:
        self._route = route
        self._on_failure = on_failure
        self._mark = f"_otel_braintrust_route_{id(self)}"

    def route_of(self, span: Any) -> str | bool | None:
        """What the application's function said of a span, or of those above it."""
        marks = getattr(getattr(span, "wrapped", span), "__dict__", {})
        answer: str | bool | None = marks.get(self._mark)
        return answer

    def write(
        self, span: Any, parent_context: Context | None
    ) -> tuple[Mapping[str, Any] | None, str | bool | None]:
        """Write on a span that starts; for most there is nothing to write.

        Args:
            span: The span.
            parent_context: Where it starts; None: the current context.

        Returns:
            What was written, for rules are about the span as it was made, and what the
            application's function says of where it goes.
        """
        context = otel_context.get_current() if parent_context is None else parent_context
        above = context.get(SPAN_KEY)
        says_more = len(context) > (above is not None) and _says(context)
        if above is not None and not says_more:
            says_more = PARENT_KEY in attribute_values(above)
        if says_more or self._route is not None:
            return self._write(span, context)
        return None, None

    def _write(
        self, span: Any, context: Context
    ) -> tuple[Mapping[str, Any] | None, str | bool | None]:
        said = said_parent(span, context)
        answer: str | bool | None = None
        if self._route is not None and said is None:
            answer = routed(self._route, span, self._on_failure)
        if said is None and answer is None:
            said = inherited_parent(context)
        if self._route is not None and said is None:
            answer = self._marked(span, answer, context.get(SPAN_KEY))
        written: dict[str, Any] = {}
        if said is not None and PARENT_KEY not in attribute_values(span) and span.is_recording():
            span.set_attribute(PARENT_KEY, said)
            written[PARENT_KEY] = said
        stamp = stamps.stamp_in(context)
        if stamp:
            before = dict(attribute_values(span))
            stamps.apply(span, stamp, trace.get_current_span(context))
            after = attribute_values(span).items()
            written |= {key: value for key, value in after if before.get(key) != value}
        return written or None, answer

    def _marked(self, span: Any, answer: str | bool | None, above: Any) -> str | bool | None:
        """The answer for a span, else its parent's; noted on the span for those who ask later."""
        if answer is None and above is not None:
            answer = self.route_of(above)
        marks = getattr(span, "__dict__", None)
        if answer is not None and marks is not None:
            marks[self._mark] = answer
        return answer


def _says(context: Context) -> bool:
    """Tell whether a context or its baggage says anything that spans get from it."""
    if PARENT_KEY in context or stamps.STAMP_KEY in context:
        return True
    carried = context.get(BAGGAGE_KEY)
    if not isinstance(carried, Mapping):
        return False
    return PARENT_KEY in carried or stamps.BAGGAGE_KEY in carried
