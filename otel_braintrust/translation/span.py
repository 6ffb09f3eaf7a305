"""The small view of a span that conventions read: an SDK span and a decoded OTLP span look alike.

Nothing here imports the OpenTelemetry SDK: an SDK span is read through the attributes it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

SPAN_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUS_CODES = ("UNSET", "OK", "ERROR")

# span.proto, SpanFlags: bit 8 says that bit 9 is meant, bit 9 that the parent is remote.
HAS_IS_REMOTE, IS_REMOTE = 0x100, 0x200

NO_MAPPING: Mapping[str, Any] = {}


@dataclass(slots=True)
class SpanEvent:
    """Something that happened at one time within a span: its name, attributes and time."""

    name: str
    attributes: Mapping[str, Any]
    time_ns: int | None = None


@dataclass(slots=True)
class SpanLink:
    """A pointer from one span to another: ids in hex, and attributes of its own."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class LogEvent:
    """A log record that belongs to a span: the event's name, its attributes and its body."""

    trace_id: str
    span_id: str
    name: str
    attributes: Mapping[str, Any]
    body: Any = None
    time_ns: int | None = None


class SpanView(Protocol):
    """What translation reads of a span; times in nanoseconds, ids in lower-case hex."""

    @property
    def trace_id(self) -> str: ...
    @property
    def span_id(self) -> str: ...
    @property
    def parent_span_id(self) -> str | None: ...
    @property
    def parent_is_remote(self) -> bool | None: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def start_ns(self) -> int: ...
    @property
    def end_ns(self) -> int | None: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...
    @property
    def events(self) -> Sequence[SpanEvent]: ...
    @property
    def links(self) -> Sequence[SpanLink]: ...
    @property
    def status_code(self) -> str: ...
    @property
    def status_description(self) -> str | None: ...
    @property
    def scope_name(self) -> str: ...
    @property
    def scope_version(self) -> str | None: ...
    @property
    def scope_attributes(self) -> Mapping[str, Any]: ...
    @property
    def resource(self) -> Mapping[str, Any]: ...
    @property
    def trace_state(self) -> str | None: ...
    @property
    def dropped_attributes(self) -> int: ...
    @property
    def dropped_events(self) -> int: ...
    @property
    def dropped_links(self) -> int: ...


@dataclass(slots=True)
class OtlpSpan:
    """A span decoded from OTLP, or built by hand in a test; the plain form of `SpanView`."""

    trace_id: str
    span_id: str
    name: str
    start_ns: int
    end_ns: int | None = None
    parent_span_id: str | None = None
    parent_is_remote: bool | None = None
    kind: str = "INTERNAL"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[SpanEvent] = ()
    links: Sequence[SpanLink] = ()
    status_code: str = "UNSET"
    status_description: str | None = None
    scope_name: str = ""
    scope_version: str | None = None
    scope_attributes: Mapping[str, Any] = field(default_factory=dict)
    resource: Mapping[str, Any] = field(default_factory=dict)
    trace_state: str | None = None
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0


def sdk_span_view(span: Any) -> SpanView:
    """Read an SDK span (`opentelemetry.sdk.trace.ReadableSpan`) into a view.

    Args:
        span: an ended or running SDK span; a `SpanView` is handed back as it is.

    Returns:
        The view; it shares the span's attribute mapping and copies nothing of its content.
    """
    if isinstance(span, OtlpSpan):
        return span
    context = span.get_span_context() if hasattr(span, "get_span_context") else span.context
    parent = span.parent
    scope = span.instrumentation_scope
    resource = span.resource
    status = span.status
    trace_state = context.trace_state
    return OtlpSpan(
        trace_id=format(context.trace_id, "032x"),
        span_id=format(context.span_id, "016x"),
        name=span.name,
        start_ns=span.start_time or 0,
        end_ns=span.end_time,
        parent_span_id=format(parent.span_id, "016x") if parent and parent.span_id else None,
        parent_is_remote=parent.is_remote if parent else None,
        kind=span.kind.name,
        attributes=span.attributes or NO_MAPPING,
        events=[SpanEvent(e.name, e.attributes or NO_MAPPING, e.timestamp) for e in span.events],
        links=[
            SpanLink(
                format(link.context.trace_id, "032x"),
                format(link.context.span_id, "016x"),
                link.attributes or NO_MAPPING,
            )
            for link in span.links
        ],
        status_code=status.status_code.name,
        status_description=status.description,
        scope_name=(scope.name or "") if scope else "",
        scope_version=(scope.version or None) if scope else None,
        scope_attributes=(getattr(scope, "attributes", None) or NO_MAPPING)
        if scope
        else NO_MAPPING,
        resource=(resource.attributes if resource else None) or NO_MAPPING,
        trace_state=trace_state.to_header() if trace_state else None,
        dropped_attributes=getattr(span, "dropped_attributes", 0) or 0,
        dropped_events=getattr(span, "dropped_events", 0) or 0,
        dropped_links=getattr(span, "dropped_links", 0) or 0,
    )
