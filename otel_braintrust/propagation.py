"""Traces that span processes: W3C headers with Braintrust's parent, and spans beneath a slug."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)

from otel_braintrust import w3c
from otel_braintrust.delivery.destinations import parse_parent
from otel_braintrust.places import CONTAINER_KINDS, container_of
from otel_braintrust.routing import PARENT_KEY, is_container
from otel_braintrust.slugs import Slug, decode_slug

# What came in, so that it can go out again byte for byte.
INBOUND_KEY = otel_context.create_key("braintrust-inbound")
PROPAGATED_KEY = otel_context.create_key("braintrust-propagated")
HEADERS = (w3c.TRACEPARENT, w3c.TRACESTATE, w3c.BAGGAGE)


class _Inbound:
    """The headers of a request that came in, as text."""

    def __init__(self, flags: int, trace_id: int, trace_state: str, members: dict[str, Any]):
        self.flags = flags
        self.trace_id = trace_id
        self.trace_state = trace_state
        self.members: dict[str, w3c.Member] = members


def inject(carrier: MutableMapping[str, str], span: Span | None = None) -> None:
    """Write the headers that carry a trace on to another service.

    ``traceparent``, ``tracestate`` if there is one, and ``baggage`` with ``braintrust.parent``,
    which tells where the trace's rows go. Members of others stay as they are, byte for byte.
    Without a span nothing is written. Never raises.

    Args:
        carrier: Headers to write to; other spellings of the same names are taken out.
        span: The span that the other service's spans hang on; default the current one.

    Example::

        headers = {}
        inject(headers)
        httpx.post(url, headers=headers)
    """
    context = otel_context.get_current()
    if span is not None:
        context = set_span_in_context(span, getattr(span, "base_context", None) or context)
    BraintrustPropagator().inject(carrier, context)


def extract(carrier: Mapping[str, Any]) -> Context:
    """Read the headers of a request; the context is a parent for :func:`start_span`.

    Names count in any spelling. A ``traceparent`` that cannot be read begins a new trace. What is
    read counts instead of the current span and baggage. Never raises.

    Args:
        carrier: The request's headers.

    Example::

        with start_span("answer", parent=extract(request.headers)) as span:
            ...
    """
    context = baggage.clear(set_span_in_context(INVALID_SPAN))
    return BraintrustPropagator().extract(carrier, context)


class BraintrustPropagator(TextMapPropagator):
    """What :func:`inject` and :func:`extract` do, for instrumented servers and clients.

    Example::

        opentelemetry.propagate.set_global_textmap(BraintrustPropagator())
    """

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Read a trace from a carrier, as OpenTelemetry's propagators do."""
        context = context if context is not None else Context()
        headers = _headers(carrier, getter)
        members = {each.key: each for each in w3c.parse_baggage(headers.get(w3c.BAGGAGE))}
        for member in members.values():
            if member.key != PARENT_KEY or is_container(member.value):
                context = baggage.set_baggage(member.key, member.value, context)
        parent = w3c.parse_traceparent(headers.get(w3c.TRACEPARENT))
        if parent is None:
            return otel_context.set_value(INBOUND_KEY, _Inbound(0, 0, "", members), context)
        state_text = headers.get(w3c.TRACESTATE) or ""
        inbound = _Inbound(parent.flags, parent.trace_id, state_text, members)
        context = otel_context.set_value(INBOUND_KEY, inbound, context)
        remote = SpanContext(
            parent.trace_id,
            parent.span_id,
            is_remote=True,
            trace_flags=TraceFlags(parent.flags),
            trace_state=TraceState.from_header([state_text]) if state_text else None,
        )
        return set_span_in_context(NonRecordingSpan(remote), context)

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write a trace to a carrier, as OpenTelemetry's propagators do."""
        context = context if context is not None else otel_context.get_current()
        span = get_current_span(context)
        ids = span.get_span_context()
        if not ids.is_valid:
            return
        inbound = otel_context.get_value(INBOUND_KEY, context)
        came_in = inbound if isinstance(inbound, _Inbound) else _Inbound(0, 0, "", {})
        there = _taken_out(carrier) if isinstance(carrier, MutableMapping) else None
        setter.set(carrier, w3c.TRACEPARENT, w3c.format_traceparent(_parent_of(ids, came_in)))
        state = _state_of(ids, came_in)
        if state:
            setter.set(carrier, w3c.TRACESTATE, state)
        parent = container_of(span, context)
        own = [w3c.format_member(PARENT_KEY, parent)] if parent else []
        header = w3c.join_baggage(_relayed(there, context, came_in), own)
        if header:
            setter.set(carrier, w3c.BAGGAGE, header)

    @property
    def fields(self) -> set[str]:
        """The headers that are written."""
        return set(HEADERS)


def context_beneath(parent: Span | SpanContext | Context | str) -> Context:
    """The context in which a span that hangs on ``parent`` starts.

    Args:
        parent: A span, its ids, a context, a span slug, or ``project_name:...`` and the like.

    Raises:
        ParentError: It is text of none of the forms that can be read.
    """
    if isinstance(parent, Context):
        return parent
    if isinstance(parent, SpanContext):
        return set_span_in_context(NonRecordingSpan(parent))
    if isinstance(parent, str):
        return _context_named(parent) if parent.strip() else otel_context.get_current()
    base = getattr(parent, "base_context", None)
    return set_span_in_context(getattr(parent, "wrapped", parent), base)


def _context_named(parent: str) -> Context:
    destination = parse_parent(parent, origin="start_span(parent=...)")
    try:
        slug = decode_slug(parent)
    except ValueError:
        slug = None
    context = set_span_in_context(INVALID_SPAN)
    if slug is None or slug.span_id is None:
        return otel_context.set_value(PARENT_KEY, str(destination), context)
    ids = slug.hex_ids
    place = str(destination) if destination.kind in CONTAINER_KINDS and ids else parent.strip()
    context = otel_context.set_value(PARENT_KEY, place, context)
    if ids is not None:
        trace_id, span_id = (int(each, 16) for each in ids)
        flags = TraceFlags(TraceFlags.SAMPLED)
        remote = SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
        context = set_span_in_context(NonRecordingSpan(remote), context)
    return _with_propagated(context, slug)


def _with_propagated(context: Context, slug: Slug) -> Context:
    if not slug.propagated_event:
        return context
    from otel_braintrust.blocks import stamped_context

    context = stamped_context(context, slug.propagated_event)
    return otel_context.set_value(PROPAGATED_KEY, dict(slug.propagated_event), context)


def _headers(carrier: Any, getter: Any) -> dict[str, str]:
    if getter is default_getter and isinstance(carrier, Mapping):
        found = {name: w3c.header(carrier, name) for name in HEADERS}
        return {name: text for name, text in found.items() if text}
    values = {name: getter.get(carrier, name) for name in HEADERS}
    return {name: ",".join(texts) for name, texts in values.items() if texts}


def _parent_of(ids: SpanContext, inbound: _Inbound) -> w3c.TraceParent:
    """The ids to send; flags that came in go out as they came, but for what was sampled here."""
    flags = int(ids.trace_flags)
    if inbound.trace_id == ids.trace_id:
        flags = (inbound.flags & ~TraceFlags.SAMPLED) | (flags & TraceFlags.SAMPLED)
    return w3c.TraceParent(ids.trace_id, ids.span_id, flags)


def _state_of(ids: SpanContext, inbound: _Inbound) -> str:
    if not inbound.trace_state or inbound.trace_id != ids.trace_id:
        return ids.trace_state.to_header()
    is_same = TraceState.from_header([inbound.trace_state]) == ids.trace_state
    return inbound.trace_state if is_same else ids.trace_state.to_header()


def _taken_out(carrier: MutableMapping[str, Any]) -> str | None:
    """Take the headers out of a carrier, in any spelling; the baggage that was there."""
    there = w3c.header(carrier, w3c.BAGGAGE)
    for key in [key for key in carrier if isinstance(key, str) and key.lower() in HEADERS]:
        del carrier[key]
    return there


def _relayed(there: str | None, context: Context, inbound: _Inbound) -> list[str]:
    """Members of others: first those in the carrier, then those of the context."""
    texts = {each.key: each.text for each in w3c.parse_baggage(there)}
    for key, value in baggage.get_all(context).items():
        if key in texts:
            continue
        came = inbound.members.get(key)
        same = came is not None and came.value == value
        texts[key] = came.text if came is not None and same else w3c.format_member(key, str(value))
    texts.pop(PARENT_KEY, None)
    return list(texts.values())
