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
    @property
    def has_only_attributes(self) -> bool: ...
    @property
    def frame(self) -> tuple[Any, ...]: ...


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
    scope_attributes: Mapping[str, Any] = field(default_factory=lambda: NO_MAPPING)
    resource: Mapping[str, Any] = field(default_factory=lambda: NO_MAPPING)
    trace_state: str | None = None
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0

    @property
    def has_only_attributes(self) -> bool:
        """No events, no links, no trace state, and nothing was dropped."""
        return not (
            self.events
            or self.status_description
            or self.links
            or self.trace_state
            or self.dropped_attributes
            or self.dropped_events
            or self.dropped_links
        )

    @property
    def frame(self) -> tuple[Any, ...]:
        """All but ids, times, attributes and resource, of a span that has no more than these."""
        return (
            self.name,
            self.scope_name,
            self.scope_version,
            self.kind,
            self.status_code,
            self.parent_span_id is None,
            id(self.scope_attributes),  # the same object where there are none
        )


class SdkSpan:
    """An SDK span as a `SpanView`: what every row needs is read at once, all else when asked for.

    Its attributes are a plain copy: the SDK's own mapping is slow to read, and another thread may
    change it while the span runs.

    Args:
        span: an ended or running SDK span.
    """

    __slots__ = (
        "_context",
        "_events",
        "_scope",
        "_span",
        "_status",
        "attributes",
        "end_ns",
        "name",
        "parent_is_remote",
        "parent_span_id",
        "resource",
        "scope_name",
        "span_id",
        "start_ns",
        "status_code",
        "trace_id",
    )

    def __init__(self, span: Any) -> None:
        context = span.context
        parent = span.parent
        scope = span.instrumentation_scope
        resource = span.resource
        status = span.status
        self._span = span
        self._context = context
        self._scope = scope
        self._status = status
        self._events: Sequence[SpanEvent] | None = None
        # Not `format`, which takes twice as long.
        self.trace_id = "%032x" % context.trace_id  # noqa: UP031
        self.span_id = "%016x" % context.span_id  # noqa: UP031
        self.name: str = span.name
        self.start_ns: int = span.start_time or 0
        self.end_ns: int | None = span.end_time
        self.parent_span_id: str | None = None
        self.parent_is_remote: bool | None = None
        if parent is not None:
            self.parent_is_remote = parent.is_remote
            if parent.span_id:
                self.parent_span_id = "%016x" % parent.span_id  # noqa: UP031
        self.attributes: Mapping[str, Any] = _plain_attributes(span)
        self.status_code: str = status.status_code._name_  # `name` is a slow property of enums
        self.scope_name: str = (scope.name or "") if scope else ""
        attributes = resource.attributes if resource is not None else None
        self.resource: Mapping[str, Any] = NO_MAPPING if attributes is None else attributes

    @property
    def trace_state(self) -> str | None:
        trace_state = self._context.trace_state
        return trace_state.to_header() if trace_state else None

    @property
    def kind(self) -> str:
        name: str = self._span.kind._name_
        return name

    @property
    def events(self) -> Sequence[SpanEvent]:
        if self._events is None:
            self._events = [
                SpanEvent(event.name, event.attributes or NO_MAPPING, event.timestamp)
                for event in self._span.events
            ]
        return self._events

    @property
    def links(self) -> Sequence[SpanLink]:
        if not getattr(self._span, "_links", True):  # the public property makes a copy
            return ()
        return [
            SpanLink(
                format(link.context.trace_id, "032x"),
                format(link.context.span_id, "016x"),
                link.attributes or NO_MAPPING,
            )
            for link in self._span.links
        ]

    @property
    def has_only_attributes(self) -> bool:
        """No events, no links, no trace state, and nothing was dropped."""
        span = self._span
        try:
            # The public properties copy what they give, which here is almost always nothing.
            events, links = span._events, span._links  # noqa: SLF001
            left_out = span._attributes.dropped or events.dropped or links.dropped  # noqa: SLF001
        except AttributeError:  # another SDK, or no attributes at all
            events, links = span.events, span.links
            left_out = self.dropped_attributes or self.dropped_events or self.dropped_links
        return not (events or links or left_out or self._context.trace_state)

    @property
    def frame(self) -> tuple[Any, ...]:
        """All but ids, times, attributes and resource, of a span that has no more than these."""
        scope = self._scope
        return (
            self.name,
            self.scope_name,
            scope.version if scope is not None else None,
            self._span.kind._name_,
            self.status_code,
            self.parent_span_id is None,
            id(self.scope_attributes),
        )

    @property
    def status_description(self) -> str | None:
        description: str | None = self._status.description
        return description

    @property
    def scope_version(self) -> str | None:
        return (self._scope.version or None) if self._scope else None

    @property
    def scope_attributes(self) -> Mapping[str, Any]:
        return getattr(self._scope, "attributes", None) or NO_MAPPING

    @property
    def dropped_attributes(self) -> int:
        return getattr(self._span, "dropped_attributes", 0) or 0

    @property
    def dropped_events(self) -> int:
        return getattr(self._span, "dropped_events", 0) or 0

    @property
    def dropped_links(self) -> int:
        return getattr(self._span, "dropped_links", 0) or 0


def _plain_attributes(span: Any) -> dict[str, Any]:
    # `BoundedAttributes` is a Python mapping around this dict; a copy of the dict is one call.
    held = getattr(getattr(span, "_attributes", None), "_dict", None)
    return dict(held) if type(held) is dict else dict(span.attributes or ())


def sdk_span_view(span: Any) -> SpanView:
    """Read an SDK span (`opentelemetry.sdk.trace.ReadableSpan`) into a view.

    Args:
        span: an ended or running SDK span; a `SpanView` is handed back as it is.
    """
    return span if isinstance(span, (OtlpSpan, SdkSpan)) else SdkSpan(span)
