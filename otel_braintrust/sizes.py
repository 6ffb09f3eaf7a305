"""About how many bytes a span holds, found fast enough for every span."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_braintrust.attachments import AttachedText

# What a span weighs without its content, and each value beside its text; measured on CPython.
SPAN_BYTES = 2000
VALUE_BYTES = 100
PLAIN = frozenset({int, float, bool, type(None)})


def attribute_values(span: Any) -> Mapping[str, Any]:
    """The attributes of a span, to be read at once and not to be kept.

    The SDK's mapping takes a lock for each value read through ``attributes``, and raises and
    catches an exception for each key that it has not; the dict within it does neither.
    """
    values: Mapping[str, Any] | None
    try:
        values = span._attributes._dict  # noqa: SLF001
    except AttributeError:
        values = getattr(span, "attributes", None)
    return values or {}


def span_bytes(span: Any, values: Mapping[str, Any] | None = None) -> int:
    """About how much memory a span and its attributes, events and links hold, in bytes.

    Args:
        span: The span.
        values: Its attributes, if they are at hand.
    """
    total = SPAN_BYTES + _bytes_of(attribute_values(span) if values is None else values)
    try:
        # The properties make copies, and what they copy takes a lock to tell its length.
        if not (span._events._dq or span._links._dq):  # noqa: SLF001
            return total
    except AttributeError:  # a span of another making
        pass
    for event in span.events:
        total += VALUE_BYTES + _bytes_of(event.attributes or {})
    return total + len(span.links) * VALUE_BYTES


def _bytes_of(attributes: Mapping[str, Any]) -> int:
    total = VALUE_BYTES * len(attributes)
    for value in attributes.values():
        if type(value) is str:
            total += len(value)
        elif type(value) not in PLAIN:
            total += _bytes_of_value(value)
    return total


def _bytes_of_value(value: Any) -> int:
    if isinstance(value, (tuple, list)):
        try:
            return sum(map(len, value))
        except TypeError:  # not only texts
            return sum(len(each) if isinstance(each, str) else 8 for each in value)
    if isinstance(value, (str, bytes)):
        return len(value) + (value.held_bytes if isinstance(value, AttachedText) else 0)
    return 0
