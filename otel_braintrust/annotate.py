"""What a user writes on spans: log(), start_span(), current_span() and attributes()."""

from __future__ import annotations

import contextvars
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import baggage as otel_baggage
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanContext, Tracer
from opentelemetry.util import types

from otel_braintrust import stamps
from otel_braintrust.annotations import (
    TYPE_ATTRIBUTE,
    as_attributes,
    checked,
    json_text,
    mark_failed,
    merged,
    united,
    write,
)

if TYPE_CHECKING:
    from typing_extensions import Self

TRACER_NAME = "otel_braintrust"
# On a link: the span it leads to is one more parent.
PARENT_LINK = {"braintrust.span_parent": True}
# Exceptions that stop a piece of work without its having failed.
_STOPS = (GeneratorExit, StopIteration, StopAsyncIteration)

_tracer: tuple[Any, Tracer] | None = None


def tracer() -> Tracer | None:
    """The tracer of the process's TracerProvider; None when nothing is configured."""
    global _tracer
    # get_tracer_provider() reads an environment variable each time while there is no provider,
    # which takes longer than all else that a no-op does.
    provider = getattr(trace, "_TRACER_PROVIDER", None)
    if provider is None:
        return None
    known = _tracer
    if known is None or known[0] is not provider:
        known = _tracer = (provider, provider.get_tracer(TRACER_NAME))
    return known[1]


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
        _log(self.wrapped, checked(fields))

    def start_span(self, name: str, **arguments: Any) -> TracedSpan:
        """Start a span beneath this one; arguments as of :func:`start_span`."""
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


def current_span() -> TracedSpan:
    """The span that is current here, whichever library made it.

    Returns:
        Where there is none, a span that takes everything and records nothing.
    """
    span = trace.get_current_span()
    return span if isinstance(span, TracedSpan) else TracedSpan(span)


def log(
    *,
    input: Any = None,  # noqa: A002  (Braintrust's own word)
    output: Any = None,
    expected: Any = None,
    error: Any = None,
    scores: Mapping[str, float | None] | None = None,
    metadata: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Iterable[str] | None = None,
    span: Span | None = None,
) -> None:
    """Say something of a span; again and again, each time merged with what was said before.

    Objects merge key by key, tags are united, everything else is replaced, as in Braintrust. On a
    span that has ended already its row is updated.

    Args:
        input: What went in.
        output: What came out.
        expected: What should have come out.
        error: What went wrong; text, an exception, or any value.
        scores: Numbers from 0 to 1 by name; None for one that could not be given.
        metadata: Anything else, by name.
        metrics: Numbers by name.
        tags: Words for the whole trace; those of a span beneath the root rise to the root while it
            is open.
        span: The span; default the current one, whichever library made it.

    Raises:
        ValueError: A score, metric, tag or metadata has a wrong form; the message names its key.

    Example::

        log(scores={"factuality": 0.8}, metadata={"user_id": "u1"})
    """
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
    target = span if span is not None else trace.get_current_span()
    _log(getattr(target, "wrapped", target), checked(fields))


def start_span(
    name: str,
    *,
    type: str | None = None,  # noqa: A002  (Braintrust's own word)
    parent: Span | SpanContext | Context | str | None = None,
    also_parents: Sequence[Span | SpanContext] = (),
    start_time: int | None = None,
    attributes: types.Attributes = None,
    **fields: Any,
) -> TracedSpan:
    """Start a span through OpenTelemetry's TracerProvider.

    As a context manager it is the current span in its block; by hand it is ended with ``end()``,
    and spans beneath it are started with ``span.start_span`` or ``parent=span``.

    Args:
        name: Its name.
        type: Braintrust's type: ``llm``, ``task``, ``tool``, ``function``, ``score``, ``eval``, ...
        parent: What it hangs on: a span of this process, a span slug (``export_span()``), a context
            (``extract()``), or ``project_name:...`` and the like for a trace of its own in another
            project; default the current span.
        also_parents: Spans of the same trace that it hangs on besides.
        start_time: When it began, in nanoseconds since 1970; default now.
        attributes: OpenTelemetry attributes.
        fields: ``input``, ``output``, ``expected``, ``error``, ``scores``, ``metadata``,
            ``metrics`` and ``tags`` as of :func:`log`.

    Raises:
        ValueError: A field has a wrong form.
        ParentError: The parent is text of none of the forms that can be read.
        TypeError: There is no such field.

    Example::

        with start_span("rerank", type="tool", input=documents) as span:
            span.log(output=rerank(documents))
    """
    unknown = fields.keys() - _FIELDS
    if unknown:
        raise TypeError(f"start_span() has no argument {min(unknown)!r}")
    given = checked(fields)
    maker = tracer()
    context = base = None
    if parent is not None:
        from otel_braintrust.propagation import context_beneath

        context = context_beneath(parent)
        if isinstance(parent, (str, Context)):
            base = context
        else:
            base = getattr(parent, "base_context", None)
    if maker is None:
        return TracedSpan(INVALID_SPAN, base)
    tags = given.pop("tags", None)
    all_attributes: dict[str, Any] = {**(attributes or {}), **as_attributes(given)}
    if type is not None:
        all_attributes[TYPE_ATTRIBUTE] = type
    span = maker.start_span(
        name,
        context,
        attributes=all_attributes,
        links=[Link(_context_of(each), PARENT_LINK) for each in also_parents],
        start_time=start_time,
    )
    if span.is_recording():
        if "error" in given:
            mark_failed(span, given["error"])
        if tags:
            stamps.add_tags(span, tags)
    return TracedSpan(span, base)


@contextmanager
def attributes(
    *,
    user_id: str | None = None,
    session_id: str | None = None,
    tags: Iterable[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    baggage: bool = False,
) -> Generator[None, None, None]:
    """Give every span that starts in the block these attributes, whichever library makes it.

    They follow the context: over ``await`` and tasks, and into threads that carry it. What a span
    says itself goes before them; inner blocks go before outer ones. Also a decorator.

    Args:
        user_id: The user, as ``metadata.user_id``.
        session_id: The session, as ``metadata.session_id``.
        tags: Words for the whole trace.
        metadata: Anything else, by name.
        baggage: Send them to other services with OpenTelemetry's baggage, where this package gives
            them to the spans of that service; default False, for headers are seen by whoever is
            called.

    Raises:
        ValueError: A tag or the metadata has a wrong form.

    Example::

        with attributes(user_id="u1", session_id="s9"):
            agent.run(question)
    """
    own = {"user_id": user_id, "session_id": session_id}
    entries = {name: value for name, value in own.items() if value is not None}
    fields = {"metadata": {**entries, **(metadata or {})} or None, "tags": tags}
    if metadata is not None:
        checked({"metadata": metadata})
    context = stamped_context(otel_context.get_current(), checked(fields), with_baggage=baggage)
    token = otel_context.attach(context)
    try:
        yield
    finally:
        leave(token)


def stamped_context(
    context: Context, stamp: Mapping[str, Any], *, with_baggage: bool = False
) -> Context:
    """A context whose spans get a stamp, beside what the context gives them already."""
    known = stamps.stamp_in(context)
    combined = merged(known, stamp)
    if known.get("tags") and stamp.get("tags"):
        combined["tags"] = united(known["tags"], stamp["tags"])
    context = otel_context.set_value(stamps.STAMP_KEY, combined, context)
    if with_baggage:
        context = otel_baggage.set_baggage(stamps.BAGGAGE_KEY, json_text(combined), context)
    return context


def enter(span: Span, context: Context | None = None) -> contextvars.Token[Context]:
    """Make a span current, in a context or the current one; undone by :func:`leave`."""
    return otel_context.attach(trace.set_span_in_context(span, context))


def leave(token: Any) -> None:
    """Undo an attach; in silence where another context runs by now.

    A generator that is closed early, by the garbage collector or the event loop, ends where the
    token is not known; OpenTelemetry's own detach would log a traceback there.
    """
    if not isinstance(token, contextvars.Token):
        otel_context.detach(token)
        return
    try:
        token.var.reset(token)
    except (ValueError, RuntimeError):
        return


def note_exception(span: Span, error: BaseException) -> None:
    """Note the exception that ended a span; one that merely stops it is no error."""
    if isinstance(error, _STOPS) or not span.is_recording():
        return
    span.record_exception(error, escaped=True)
    if isinstance(error, Exception):
        mark_failed(span, f"{error.__class__.__name__}: {_text(error)}")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  (a user's exception may fail in any way when it is printed)
        return "<unprintable>"


_FIELDS = frozenset(
    ("input", "output", "expected", "error", "scores", "metadata", "metrics", "tags")
)


def _log(span: Span, given: dict[str, Any]) -> None:
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


def _context_of(span: Span | SpanContext) -> SpanContext:
    return span if isinstance(span, SpanContext) else span.get_span_context()
