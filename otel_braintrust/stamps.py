"""What spans get from where they run: the attributes of a block, and tags for the local root."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span

from otel_braintrust.annotations import (
    ATTRIBUTE_BY_FIELD,
    json_text,
    json_value,
    merged,
    write,
)
from otel_braintrust.living import living_processors

STAMP_KEY = otel_context.create_key("braintrust-stamp")
BAGGAGE_KEY = "braintrust.attributes"
_KEY_BY_FIELD = {**ATTRIBUTE_BY_FIELD, "span_attributes": "braintrust.span_attributes"}


def stamp_in(context: Context) -> Mapping[str, Any]:
    """What every span that starts in this context gets: ``metadata``, ``tags``, and the like."""
    own = otel_context.get_value(STAMP_KEY, context)
    carried = baggage.get_baggage(BAGGAGE_KEY, context)
    if carried is None:
        return own if isinstance(own, Mapping) else {}
    return {**_from_baggage(carried), **(own if isinstance(own, Mapping) else {})}


def apply(span: Span, stamp: Mapping[str, Any], above: Span) -> None:
    """Write a stamp on a span that starts; what the span says itself goes before it.

    Args:
        span: The span.
        stamp: From :func:`stamp_in`.
        above: Its parent, or one that records nothing.
    """
    existing = getattr(span, "attributes", None) or {}
    for name, value in (stamp.get("metadata") or {}).items():
        # Apart from what the span's own library may write as a whole, which goes before it.
        key = f"{ATTRIBUTE_BY_FIELD['metadata']}.{name}"
        if key not in existing:
            is_plain = isinstance(value, (str, bool, int, float))
            span.set_attribute(key, value if is_plain else json_text(value))
    for field, value in stamp.items():
        key = _KEY_BY_FIELD.get(field, "")
        if not key or field in ("metadata", "tags"):
            continue
        said = existing.get(key)
        if said is None:
            span.set_attribute(key, json_text(value))
        elif isinstance(value, Mapping):
            span.set_attribute(key, json_text(merged(json_value(value), _object(said))))
    if stamp.get("tags"):
        is_raised = above.is_recording() and _raise(above, stamp["tags"], also_itself=True)
        if not is_raised:
            write(span, {"tags": stamp["tags"]})


def add_tags(span: Span, tags: list[str]) -> None:
    """Put tags on the local root of a span while that is open, else on the span itself."""
    if not _raise(span, tags, also_itself=False):
        write(span, {"tags": tags})


def _raise(span: Span, tags: list[str], *, also_itself: bool) -> bool:
    """Let tags rise to the local root, though not as its attribute: that would make it an AI span.

    Returns:
        False when no processor knows that root.
    """
    span_id = span.get_span_context().span_id
    known = [each.raise_tags(span_id, tags, also_itself) for each in living_processors()]
    return any(known)


def _from_baggage(text: object) -> dict[str, Any]:
    """What another service put into its baggage; whatever is none of our making is left out."""
    stamp = _object(text)
    metadata, tags = stamp.get("metadata"), stamp.get("tags")
    read: dict[str, Any] = {}
    if isinstance(metadata, dict):
        read["metadata"] = metadata
    if isinstance(tags, list):
        read["tags"] = [tag for tag in tags if isinstance(tag, str) and tag]
    return read


def _object(text: object) -> dict[str, Any]:
    try:
        value = orjson.loads(str(text)) if isinstance(text, str) else None
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}
