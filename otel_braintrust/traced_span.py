"""TracedSpan: an OpenTelemetry span with what Braintrust knows besides."""

from __future__ import annotations

import contextvars
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext
from opentelemetry.util import types

from otel_braintrust import stamps
from otel_braintrust.annotations import checked, write
from otel_braintrust.current import enter, leave, note_exception

if TYPE_CHECKING:
    from typing_extensions import Self

FIELDS = frozenset(
    ("input", "output", "expected", "error", "scores", "metadata", "metrics", "tags")
)


class TracedSpan(Span):
    """An OpenTelemetry span with what Braintrust knows besides; the same span, not another one.

    As a context manager it is the current span inside the block, takes an exception as its error,
    and ends with the block. Otherwise call :meth:`end`, from any thread or callback.

    Args:
        span: The span.
        base_context: The context around it, where that is not the current one.

    Example::

        with start_span("answer", type="task", input=question) as span:
            span.log(output=answer, scores={"confidence": 0.9})
    """

    def __init__(self, span: Span, base_context: Context | None = None) -> None:
        self.wrapped = span
        self.base_context = base_context
        self._tokens: list[contextvars.Token[Context]] = []

    def log(
        self,
        *,
        input: Any = None,  # noqa: A002  (Braintrust's own word)
        output: Any = None,
        expected: Any = None,
        error: Any = None,
        scores: Mapping[str, float | None] | None = None,
        metadata: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Iterable[str] | None = None,
    ) -> None:
        """Say something of this span; see :func:`log`."""
        fields = {
            "input": input,
            "output": output,
            "expected": expected,
            "error": error,
            "scores": scores,
            "metadata": metadata,
            "metrics": metrics,
            "tags": tags,
        }
        say(self.wrapped, checked(fields))

    def start_span(self, name: str, **arguments: Any) -> TracedSpan:
        """Start a span beneath this one; arguments as of :func:`start_span`."""
        from otel_braintrust.annotate import start_span

        return start_span(name, parent=self, **arguments)

    def export(self) -> str:
        """The slug of this span; see :func:`otel_braintrust.export_span`."""
        from otel_braintrust.links import export_span

        return export_span(self)

    def permalink(self) -> str:
        """The address of this span's page; see :func:`otel_braintrust.permalink`."""
        from otel_braintrust.links import permalink

        return permalink(self)

    def __enter__(self) -> Self:
        """Make this the current span."""
        self._tokens.append(enter(self.wrapped, self.base_context))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: object
    ) -> None:
        """Note the exception, if there is one, and end the span."""
        if self._tokens:
            leave(self._tokens.pop())
        if error is not None:
            note_exception(self.wrapped, error)
        if not self._tokens:
            self.wrapped.end()

    def end(self, end_time: int | None = None) -> None:
        """End the span, now or at a time in nanoseconds since 1970."""
        self.wrapped.end(end_time)

    def get_span_context(self) -> SpanContext:
        """The span's ids."""
        return self.wrapped.get_span_context()

    def set_attributes(self, attributes: Mapping[str, types.AttributeValue]) -> None:
        """Set attributes, as of any OpenTelemetry span."""
        self.wrapped.set_attributes(attributes)

    def set_attribute(self, key: str, value: types.AttributeValue) -> None:
        """Set one attribute, as of any OpenTelemetry span."""
        self.wrapped.set_attribute(key, value)

    def add_event(
        self, name: str, attributes: types.Attributes = None, timestamp: int | None = None
    ) -> None:
        """Add an event, as to any OpenTelemetry span."""
        self.wrapped.add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: types.Attributes = None) -> None:
        """Add a link, as to any OpenTelemetry span."""
        self.wrapped.add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """Change the span's name."""
        self.wrapped.update_name(name)

    def is_recording(self) -> bool:
        """True until the span ends, unless the sampler left it out or nothing is configured."""
        return self.wrapped.is_recording()

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Set the status, as of any OpenTelemetry span."""
        self.wrapped.set_status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: types.Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add an exception as an event, as to any OpenTelemetry span."""
        self.wrapped.record_exception(exception, attributes, timestamp, escaped)

    def __getattr__(self, name: str) -> Any:
        """What the SDK's span has beyond the API's."""
        if name == "wrapped":
            raise AttributeError(name)
        return getattr(self.wrapped, name)


def say(span: Span, given: dict[str, Any]) -> None:
    """Write checked fields on a span, or change its row where it has ended."""
    if not given:
        return
    if not span.is_recording():
        if getattr(span, "end_time", None) is not None:
            from otel_braintrust.feedback import update_ended

            update_ended(span, given)
        return
    tags = given.pop("tags", None)
    if given:
        write(span, given)
    if tags:
        stamps.add_tags(span, tags)
