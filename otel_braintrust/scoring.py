"""score_span(): a score beside other people's, as a span of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanContext, TraceFlags

from otel_braintrust.annotate import start_span
from otel_braintrust.annotations import checked
from otel_braintrust.living import living_processors
from otel_braintrust.slugs import decode_slug
from otel_braintrust.traced_span import TracedSpan


def score_span(
    target: Span | str | None = None,
    scores: Mapping[str, float | None] | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    expected: Any = None,
    **named: float | None,
) -> list[TracedSpan]:
    """Score a span beside other people's scores: a span of type ``score`` beneath it for each.

    Feedback replaces a score of the same name; these are kept side by side, and Braintrust shows
    their average on the spans above.

    Args:
        target: A span or a slug (``export_span()``); default the current span.
        scores: Numbers from 0 to 1 by name.
        metadata: About the score, such as who gave it.
        expected: What should have come out.
        named: More scores, as arguments.

    Returns:
        The spans, which have ended.

    Raises:
        ValueError: There is no score, one has a wrong form, or the target is a mere row id.

    Example::

        score_span(slug, helpful=1, metadata={"user_id": "u1"})
    """
    given = checked({"scores": {**(scores or {}), **named}, "metadata": metadata})
    if not given["scores"]:
        raise ValueError("score_span() needs at least one score")
    parent = _parent_in(target) if isinstance(target, str) else target
    if parent is None:
        parent = trace.get_current_span()
    spans = []
    for name, score in given["scores"].items():
        span = start_span(
            name,
            type="score",
            parent=parent,
            scores={name: score},
            metadata=metadata,
            expected=expected,
            attributes={"braintrust.span_attributes.purpose": "scorer"},
        )
        span.end()
        spans.append(span)
    return spans


def _parent_in(text: str) -> str | SpanContext:
    try:
        slug = decode_slug(text)
    except ValueError as error:
        raise ValueError(
            f"what is given is no span slug, for {error}; a score's span needs to know the trace "
            "it belongs to, so give it the span itself or export_span()"
        ) from error
    if not slug.span_id:
        raise ValueError("the slug names a project or an experiment, but no span in it")
    trace_id, span_id = (int(each, 16) for each in slug.hex_ids or ("0", "0"))
    if not any(processor.is_left_out(trace_id) for processor in living_processors()):
        return text
    # As beneath the span itself: tail sampling left that out, and a score of it goes nowhere.
    return SpanContext(trace_id, span_id, False, TraceFlags(TraceFlags.SAMPLED))
