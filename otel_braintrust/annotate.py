"""What a user writes on spans: log(), start_span() and current_span()."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanContext
from opentelemetry.util import types

from otel_braintrust import stamps
from otel_braintrust.annotations import TYPE_ATTRIBUTE, as_attributes, checked, mark_failed
from otel_braintrust.current import tracer
from otel_braintrust.traced_span import FIELDS, TracedSpan, say

# On a link: the span it leads to is one more parent.
PARENT_LINK = {"braintrust.span_parent": True}


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
    say(getattr(target, "wrapped", target), checked(fields))


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
    unknown = fields.keys() - FIELDS
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


def _context_of(span: Span | SpanContext) -> SpanContext:
    return span if isinstance(span, SpanContext) else span.get_span_context()
