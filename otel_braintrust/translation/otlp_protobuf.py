"""OTLP protobuf messages as span views and log events; needs the `opentelemetry-proto` package."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_braintrust.translation.span import (
    HAS_IS_REMOTE,
    IS_REMOTE,
    SPAN_KINDS,
    STATUS_CODES,
    LogEvent,
    OtlpSpan,
    SpanEvent,
    SpanLink,
)


class UnfitError(ValueError):
    """A message that parses but cannot be what it was read as."""


def spans(data: bytes) -> list[OtlpSpan]:
    """Decode an ExportTraceServiceRequest.

    Raises:
        UnfitError: the bytes are something else.
    """
    request = _parse(ExportTraceServiceRequest(), data)
    found: list[OtlpSpan] = []
    for group in request.resource_spans:
        resource = _attributes(group.resource.attributes)
        for scoped in group.scope_spans:
            scope_attributes = _attributes(scoped.scope.attributes)
            found.extend(
                _span(span, resource, scoped.scope, scope_attributes) for span in scoped.spans
            )
    return found


def logs(data: bytes) -> list[LogEvent]:
    """Decode an ExportLogsServiceRequest; records that belong to no span are left aside.

    Raises:
        UnfitError: the bytes are something else.
    """
    request = _parse(ExportLogsServiceRequest(), data)
    records = [
        record
        for group in request.resource_logs
        for scoped in group.scope_logs
        for record in scoped.log_records
    ]
    if any(len(record.trace_id) not in (0, 16) for record in records):
        raise UnfitError("trace ids of a wrong length")
    return [_log(record) for record in records if record.trace_id and record.span_id]


def _parse(request: Any, data: bytes) -> Any:
    try:
        request.ParseFromString(data)
    except DecodeError as error:
        raise UnfitError(str(error)) from None
    if _has_unknown_fields(request):
        raise UnfitError("unknown fields")
    return request


def _has_unknown_fields(request: Message) -> bool:
    """Tell whether the request holds fields of no known number."""
    return len(UnknownFieldSet(request)) > 0


def _span(
    span: Span, resource: dict[str, Any], scope: Any, scope_attributes: dict[str, Any]
) -> OtlpSpan:
    if len(span.trace_id) != 16 or len(span.span_id) != 8:
        raise UnfitError(
            f"span {span.name!r:.60} has ids of {len(span.trace_id)} and {len(span.span_id)} bytes"
        )
    flags = span.flags
    return OtlpSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex() if any(span.parent_span_id) else None,
        parent_is_remote=bool(flags & IS_REMOTE) if flags & HAS_IS_REMOTE else None,
        name=span.name,
        kind=SPAN_KINDS[span.kind] if span.kind < len(SPAN_KINDS) else SPAN_KINDS[0],
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano or None,
        attributes=_attributes(span.attributes),
        events=[
            SpanEvent(event.name, _attributes(event.attributes), event.time_unix_nano or None)
            for event in span.events
        ],
        links=[
            SpanLink(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))
            for link in span.links
        ],
        status_code=STATUS_CODES[span.status.code]
        if span.status.code < len(STATUS_CODES)
        else STATUS_CODES[0],
        status_description=span.status.message or None,
        scope_name=scope.name,
        scope_version=scope.version or None,
        scope_attributes=scope_attributes,
        resource=resource,
        trace_state=span.trace_state or None,
        dropped_attributes=span.dropped_attributes_count,
        dropped_events=span.dropped_events_count,
        dropped_links=span.dropped_links_count,
    )


def _log(record: LogRecord) -> LogEvent:
    attributes = _attributes(record.attributes)
    return LogEvent(
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        name=getattr(record, "event_name", "") or str(attributes.get("event.name") or ""),
        attributes=attributes,
        body=_value(record.body),
        time_ns=record.time_unix_nano or record.observed_time_unix_nano or None,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    inner = getattr(value, kind)
    if kind == "array_value":
        return [_value(item) for item in inner.values]
    if kind == "kvlist_value":
        return _attributes(inner.values)
    return inner
