"""What spans get from where they run: the attributes of a block, and tags that rise to the root."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, get_current_span

from otel_braintrust.annotations import (
    ATTRIBUTE_BY_FIELD,
    TAGS_ATTRIBUTE,
    json_text,
    json_value,
    merged,
    write,
)

STAMP_KEY = otel_context.create_key("braintrust-stamp")
BAGGAGE_KEY = "braintrust.attributes"
_KEY_BY_FIELD = {**ATTRIBUTE_BY_FIELD, "span_attributes": "braintrust.span_attributes"}
# Where instrumentations write tags, Braintrust's own key first.
TAG_ATTRIBUTES = (
    TAGS_ATTRIBUTE,
    "langfuse.trace.tags",
    "tag.tags",
    "langsmith.span.tags",
    "logfire.tags",
    "opik.tags",
)

# More open spans than this belong to a process that never ends them.
MAX_OPEN_SPANS = 20_000

# The local root of every open span that is none itself, by span id; the oldest are forgotten first.
_roots: dict[int, Span] = {}


def local_root(span: Span) -> Span:
    """The outermost span of this process above an open span, or the span itself."""
    return _roots.get(span.get_span_context().span_id, span)


def stamp_in(context: Context) -> Mapping[str, Any]:
    """What every span that starts in this context gets: ``metadata``, ``tags``, and the like."""
    own = otel_context.get_value(STAMP_KEY, context)
    carried = baggage.get_baggage(BAGGAGE_KEY, context)
    if carried is None:
        return own if isinstance(own, Mapping) else {}
    return {**_from_baggage(carried), **(own if isinstance(own, Mapping) else {})}


def on_start(span: Any, parent_context: Context | None) -> bool:
    """Note a span's local root; for the processor.

    Args:
        span: An SDK span.
        parent_context: Where it starts; None: the current context.

    Returns:
        True when the span is to be stamped, by :func:`stamp`.
    """
    context = parent_context if parent_context is not None else otel_context.get_current()
    parent = get_current_span(context)
    if parent.is_recording() and not parent.get_span_context().is_remote:
        _roots[span.context.span_id] = local_root(parent)
        if len(_roots) > MAX_OPEN_SPANS:
            _forget_oldest()
    return bool(stamp_in(context))


def stamp(span: Any, parent_context: Context | None) -> None:
    """Write on a span that starts what its context gives it."""
    context = parent_context if parent_context is not None else otel_context.get_current()
    apply(span, stamp_in(context))


def apply(span: Span, stamp: Mapping[str, Any]) -> None:
    """Write a stamp on a span that starts; what the span says itself goes before it."""
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
        add_tags(span, stamp["tags"])


def on_end(span: Any) -> None:
    """Let the tags of a span that ended rise to its local root, while that is open."""
    root = _roots.pop(span.context.span_id, None)
    if root is None or not span.attributes or not root.is_recording():
        return
    for key in TAG_ATTRIBUTES:
        tags = span.attributes.get(key)
        if tags:
            texts = tags.split(",") if isinstance(tags, str) else tags
            write(root, {"tags": [text for tag in texts if (text := str(tag).strip())]})


def add_tags(span: Span, tags: list[str]) -> None:
    """Put tags on the local root of a span while that is open, else on the span itself."""
    root = local_root(span)
    write(root if root.is_recording() else span, {"tags": tags})


def _forget_oldest() -> None:
    try:
        _roots.pop(next(iter(_roots)), None)
    except (StopIteration, RuntimeError):  # another thread was quicker
        return


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
