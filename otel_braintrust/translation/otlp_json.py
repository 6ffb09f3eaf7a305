"""OTLP/JSON requests read into span views and log events, each mistake with its path.

Source: opentelemetry-proto 1.x (`trace.proto`, `logs.proto`, `common.proto`) in the JSON mapping of
the OTLP specification: ids in hex, enums as numbers. What generic protobuf printers write is taken
too: enums by name, ids in base64, names in snake_case.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

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

MAX_VALUE_DEPTH = 64


class OtlpError(ValueError):
    """Bytes that are no OTLP request; `place` says where: a line and column, or a path."""

    def __init__(self, problem: str, place: str) -> None:
        super().__init__(f"{problem} (at {place})")
        self.place = place


@dataclass(slots=True)
class Telemetry:
    """The spans and the log events of one OTLP request or file."""

    spans: list[OtlpSpan] = field(default_factory=list)
    logs: list[LogEvent] = field(default_factory=list)


def read_request(request: Mapping[str, Any], place: str, found: Telemetry) -> None:
    """Add a request's spans and log events to what was found; `place` is where it stands."""
    for path, group in _items(request, "resourceSpans", place):
        resource = _attributes(_child(group, "resource", path), f"{path}.resource")
        for scope_path, scoped in _any_items(
            group, ("scopeSpans", "instrumentationLibrarySpans"), path
        ):
            scope = _scope(scoped, scope_path)
            for span_path, span in _items(scoped, "spans", scope_path):
                found.spans.append(_span(span, resource, scope, span_path))
    for path, group in _items(request, "resourceLogs", place):
        for scope_path, scoped in _any_items(
            group, ("scopeLogs", "instrumentationLibraryLogs"), path
        ):
            for log_path, record in _items(scoped, "logRecords", scope_path):
                event = _log(record, log_path)
                if event is not None:
                    found.logs.append(event)


@dataclass(slots=True)
class _Scope:
    name: str
    version: str | None
    attributes: Mapping[str, Any]


def _scope(scoped: Mapping[str, Any], path: str) -> _Scope:
    scope = _child(scoped, "scope", path) or _child(scoped, "instrumentationLibrary", path)
    return _Scope(
        str(scope.get("name") or ""),
        scope.get("version") or None,
        _attributes(scope, f"{path}.scope"),
    )


def _span(
    span: Mapping[str, Any], resource: Mapping[str, Any], scope: _Scope, path: str
) -> OtlpSpan:
    status = _child(span, "status", path)
    end_ns = _integer(span, "endTimeUnixNano", path)
    return OtlpSpan(
        trace_id=_identifier(span, "traceId", 16, path),
        span_id=_identifier(span, "spanId", 8, path),
        parent_span_id=_identifier(span, "parentSpanId", 8, path, optional=True) or None,
        parent_is_remote=_is_remote(_integer(span, "flags", path)),
        name=str(span.get("name") or ""),
        kind=_enum(span.get("kind"), SPAN_KINDS, "SPAN_KIND_", f"{path}.kind"),
        start_ns=_integer(span, "startTimeUnixNano", path),
        end_ns=end_ns or None,
        attributes=_attributes(span, path),
        events=[
            SpanEvent(
                str(event.get("name") or ""),
                _attributes(event, event_path),
                _integer(event, "timeUnixNano", event_path) or None,
            )
            for event_path, event in _items(span, "events", path)
        ],
        links=[
            SpanLink(
                _identifier(link, "traceId", 16, link_path),
                _identifier(link, "spanId", 8, link_path),
                _attributes(link, link_path),
            )
            for link_path, link in _items(span, "links", path)
        ],
        status_code=_enum(status.get("code"), STATUS_CODES, "STATUS_CODE_", f"{path}.status.code"),
        status_description=status.get("message") or None,
        scope_name=scope.name,
        scope_version=scope.version,
        scope_attributes=scope.attributes,
        resource=resource,
        trace_state=_get(span, "traceState") or None,
        dropped_attributes=_integer(span, "droppedAttributesCount", path),
        dropped_events=_integer(span, "droppedEventsCount", path),
        dropped_links=_integer(span, "droppedLinksCount", path),
    )


def _is_remote(flags: int) -> bool | None:
    return bool(flags & IS_REMOTE) if flags & HAS_IS_REMOTE else None


def _log(record: Mapping[str, Any], path: str) -> LogEvent | None:
    """Read a log record; one that belongs to no span is left aside."""
    trace_id = _identifier(record, "traceId", 16, path, optional=True)
    span_id = _identifier(record, "spanId", 8, path, optional=True)
    if not trace_id or not span_id:
        return None
    attributes = _attributes(record, path)
    time_ns = _integer(record, "timeUnixNano", path) or _integer(
        record, "observedTimeUnixNano", path
    )
    return LogEvent(
        trace_id=trace_id,
        span_id=span_id,
        name=str(_get(record, "eventName") or attributes.get("event.name") or ""),
        attributes=attributes,
        body=_value(record.get("body"), f"{path}.body"),
        time_ns=time_ns or None,
    )


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


_SNAKE: dict[str, str] = {}


def _get(holder: Mapping[str, Any], name: str) -> Any:
    value = holder.get(name)
    if value is None:
        snake = _SNAKE.get(name)
        if snake is None:
            snake = _SNAKE[name] = _snake(name)
        value = holder.get(snake)
    return value


def expect_object(value: Any, path: str) -> Mapping[str, Any]:
    """Return a value that must be an object; anything else is an error with its path."""
    if not isinstance(value, dict):
        raise OtlpError(f"expected an object, found {_kind(value)}", path)
    return value


def _child(holder: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any]:
    value = _get(holder, name)
    return {} if value is None else expect_object(value, f"{path}.{name}")


def _items(
    holder: Mapping[str, Any], name: str, path: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    value = _get(holder, name)
    if value is None:
        return
    here = f"{path}.{name}" if path and not path.endswith(" ") else f"{path}{name}"
    if not isinstance(value, list):
        raise OtlpError(f"expected a list, found {_kind(value)}", here)
    for index, item in enumerate(value):
        yield f"{here}[{index}]", expect_object(item, f"{here}[{index}]")


def _any_items(
    holder: Mapping[str, Any], names: tuple[str, ...], path: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in names:
        yield from _items(holder, name, path)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")


def _integer(holder: Mapping[str, Any], name: str, path: str) -> int:
    value = _get(holder, name)
    if value is None or value == "":
        return 0
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise OtlpError(f"expected an integer, found {value!r:.40}", f"{path}.{name}") from None


def _identifier(
    holder: Mapping[str, Any], name: str, size_bytes: int, path: str, *, optional: bool = False
) -> str:
    """Read an id: hex as OTLP/JSON has it, or the base64 that a generic protobuf printer writes."""
    value = _get(holder, name)
    if value in (None, "") and optional:
        return ""
    if isinstance(value, str):
        found = _hex(value, size_bytes)
        if found is not None:
            return "" if optional and not found.strip("0") else found
    raise OtlpError(
        f"expected an id of {size_bytes * 2} hex digits, found {value!r:.60}", f"{path}.{name}"
    )


def _hex(value: str, size_bytes: int) -> str | None:
    try:
        if len(value) == size_bytes * 2:
            return bytes.fromhex(value).hex()
        raw = base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw.hex() if len(raw) == size_bytes else None


def _enum(value: Any, names: tuple[str, ...], prefix: str, path: str) -> str:
    if value is None:
        return names[0]
    if isinstance(value, str) and not value.isdigit():
        name = value.removeprefix(prefix).upper()
        if name in names:
            return name
    elif str(value).isdigit() and int(value) < len(names):
        return names[int(value)]
    raise OtlpError(f"expected one of {', '.join(names)}, found {value!r:.40}", path)


def _attributes(holder: Mapping[str, Any], path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item_path, item in _items(holder, "attributes", path):
        key = item.get("key")
        if not isinstance(key, str):
            raise OtlpError("an attribute without a key", item_path)
        found[key] = _value(item.get("value"), item_path)
    return found


def _value(value: Any, path: str, depth: int = 0) -> Any:
    """Decode an AnyValue; an empty one is None."""
    if value is None:
        return None
    holder = expect_object(value, path)
    if depth > MAX_VALUE_DEPTH:
        raise OtlpError("an attribute value is nested too deeply", path)
    for name, inner in holder.items():
        reader = _READERS.get(name)
        if reader is not None:
            try:
                return reader(inner, path, depth)
            except (TypeError, ValueError, OverflowError, binascii.Error) as error:
                if isinstance(error, OtlpError):
                    raise
                raise OtlpError(f"{name} has a wrong value {inner!r:.60}", path) from None
    return None


def _read_double(value: Any, _path: str, _depth: int) -> float | None:
    if value is None:
        return None
    number = float(value)  # proto JSON writes "NaN", "Infinity" and "-Infinity" as text
    return int(number) if isinstance(value, int) and math.isfinite(number) else number


def _read_array(value: Any, path: str, depth: int) -> list[Any]:
    return [
        _value(item, item_path, depth + 1)
        for item_path, item in _items(expect_object(value, path), "values", path)
    ]


def _read_map(value: Any, path: str, depth: int) -> dict[str, Any]:
    return {
        str(item.get("key")): _value(item.get("value"), item_path, depth + 1)
        for item_path, item in _items(expect_object(value, path), "values", path)
    }


_READERS: dict[str, Any] = {
    "stringValue": lambda value, _path, _depth: value,
    "boolValue": lambda value, _path, _depth: value,
    "intValue": lambda value, _path, _depth: None if value is None else int(value),
    "doubleValue": _read_double,
    "arrayValue": _read_array,
    "kvlistValue": _read_map,
    "bytesValue": lambda value, _path, _depth: base64.b64decode(value),
}
_READERS |= {_snake(name): reader for name, reader in list(_READERS.items())}
