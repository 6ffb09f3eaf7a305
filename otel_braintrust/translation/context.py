"""Where a span came from: code location, instrumentation, environment, resource and links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation.reading import Reading
from otel_braintrust.translation.span import SpanView
from otel_braintrust.translation.times import iso

CALLER: dict[str, str] = {
    "code.function.name": "caller_functionname",
    "code.function": "caller_functionname",
    "code.file.path": "caller_filename",
    "code.filepath": "caller_filename",
    "code.line.number": "caller_lineno",
    "code.lineno": "caller_lineno",
}
_ENVIRONMENT = ("deployment.environment.name", "deployment.environment")
# Facts on the SDK stand in the context, arguments of a process may be secrets.
_NOT_SHOWN = ("telemetry.sdk.", "process.command_args", "process.command_line")
MAX_EVENTS = 100


def describe(reading: Reading) -> dict[str, Any]:
    """Return the row's context: the caller, and the span's origin.

    Args:
        reading: a span, read; attributes used are taken out of its leftovers.
    """
    span = reading.span
    context: dict[str, Any] = {}
    for key, name in CALLER.items():
        if key in span.attributes:
            value = span.attributes[key]
            if context.setdefault(name, value) == value:
                reading.leftovers.pop(key, None)
    origin: dict[str, Any] = {"name": "opentelemetry"}
    version = span.resource.get("telemetry.sdk.version")
    if version:
        origin["version"] = version
    if span.scope_name:
        origin["instrumentation"] = {"name": span.scope_name}
    environment = reading.context.get("environment") or _environment(span)
    if environment:
        origin["environment"] = environment
    context["span_origin"] = origin
    return _merged(context, reading.own.get("context", {}))


def _environment(span: SpanView) -> dict[str, Any] | None:
    name = next((span.resource[key] for key in _ENVIRONMENT if span.resource.get(key)), None)
    return {"name": name} if name else None


def _merged(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Merge a given context over the derived one, objects into objects."""
    merged = dict(ours)
    for key, value in theirs.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _merged(before, value)
        else:
            merged[key] = value
    return merged


def add_facts(reading: Reading, metadata: dict[str, Any]) -> None:
    """Add the resource, the scope, the links and what is unusual about the span to the metadata."""
    span = reading.span
    resource = _shown(span.resource)
    if resource:
        metadata.setdefault("resource", resource)
    version, attributes = span.scope_version, span.scope_attributes
    if version or attributes:
        scope = {"version": version, "attributes": dict(attributes)}
        told = {key: value for key, value in scope.items() if value}
        metadata.setdefault("otel.scope", {"name": span.scope_name, **told})
    otel = _unusual(span)
    if otel:
        metadata.setdefault("otel", otel)
    if span.links:
        metadata.setdefault("links", [_link(link) for link in span.links])


def _unusual(span: SpanView) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if span.kind not in ("INTERNAL", "UNSPECIFIED"):
        told["kind"] = span.kind
    if not span.has_only_attributes:
        told["trace_state"] = span.trace_state
        told["dropped_attributes"] = span.dropped_attributes
        told["dropped_events"] = span.dropped_events
        told["dropped_links"] = span.dropped_links
    told["status_description"] = span.status_description
    return {key: value for key, value in told.items() if value}


# What is shown of a resource whose mapping, the SDK's, is slow to read and never changes; that is
# held beside it, so that no other object gets its id.
_resources: dict[int, tuple[Mapping[str, Any], dict[str, Any]]] = {}
_MAX_RESOURCES = 64


def _shown(resource: Mapping[str, Any]) -> dict[str, Any]:
    known = _resources.get(id(resource))
    if known is not None:
        return known[1].copy()
    shown = {key: value for key, value in resource.items() if not key.startswith(_NOT_SHOWN)}
    if type(resource) is not dict:
        if len(_resources) >= _MAX_RESOURCES:
            _resources.clear()
        _resources[id(resource)] = (resource, shown)
        return shown.copy()
    return shown


def _link(link: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {"trace_id": link.trace_id, "span_id": link.span_id}
    if link.attributes:
        shown["attributes"] = dict(link.attributes)
    return shown


def show_event(name: str, time_ns: int | None, attributes: Any) -> dict[str, Any]:
    """Write an event as the metadata shows it."""
    shown: dict[str, Any] = {"name": name}
    if time_ns:
        shown["time"] = iso(time_ns)
    if attributes:
        shown["attributes"] = dict(attributes)
    return shown
