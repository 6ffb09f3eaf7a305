"""What a user says of a span: checked, merged as Braintrust merges, written as attributes.

They are ordinary attributes, `braintrust.*`, so that they travel through any other pipeline, too.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson
from opentelemetry.trace import Span, Status, StatusCode

from otel_braintrust.attachments import (
    AttachedText,
    Attachment,
    attachments_of,
    carrying,
    referrer,
)
from otel_braintrust.translation.strict import strict

ATTRIBUTE_BY_FIELD: Mapping[str, str] = {
    "input": "braintrust.input_json",
    "output": "braintrust.output_json",
    "expected": "braintrust.expected_json",
    "error": "braintrust.error",
    "scores": "braintrust.scores",
    "metadata": "braintrust.metadata",
    "metrics": "braintrust.metrics",
    "tags": "braintrust.tags",
}
TYPE_ATTRIBUTE = "braintrust.span_attributes.type"
TAGS_ATTRIBUTE = ATTRIBUTE_BY_FIELD["tags"]

_lock = threading.RLock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are given, each checked.

    Args:
        fields: Values by the names in :data:`ATTRIBUTE_BY_FIELD`; None means not given.

    Raises:
        ValueError: A score, metric, tag or metadata has a wrong form; the message names its key.
    """
    given = {}
    for name, value in fields.items():
        if value is not None:
            check = _CHECKS.get(name)
            given[name] = check(value) if check is not None else value
    return given


def json_text(value: Any) -> str:
    """A value as JSON text; what JSON cannot hold is changed, and nothing is ever raised.

    Attachments in it become references; they travel with the text, as :class:`AttachedText`.
    """
    try:
        return orjson.dumps(value).decode()
    except Exception:  # noqa: BLE001, S110  (what orjson cannot write, the slower way can)
        pass
    found: dict[str, Attachment] = {}
    refer = referrer(found)
    try:
        text = _slowly_written(value, refer).decode()
    except Exception:  # noqa: BLE001  (a user's object may fail in any way when it is looked at)
        return orjson.dumps(f"<non-sanitizable: {type(value).__name__}>").decode()
    return AttachedText(text, found.values()) if found else text


def _slowly_written(value: Any, refer: Callable[[Any], Any]) -> bytes:
    try:
        return orjson.dumps(value, default=refer)
    except TypeError:
        return orjson.dumps(strict(value, refer))


def json_value(value: Any) -> Any:
    """A value as JSON has it: objects, lists, texts, numbers, true, false and null only."""
    return parsed(json_text(value))


def json_value_and_files(value: Any) -> tuple[Any, dict[str, Attachment]]:
    """A value as JSON has it, with references, and the attachments that they stand for."""
    text = json_text(value)
    return parsed(text), attachments_of(text)


def parsed(text: str) -> Any:
    """Parse JSON text, also text that attachments travel with."""
    return orjson.loads(str(text))  # orjson takes no subclass of str


def as_attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    """Checked fields as the attributes of a span that has none of them yet."""
    return {ATTRIBUTE_BY_FIELD[name]: _encoded(name, value) for name, value in given.items()}


def write(span: Span, given: Mapping[str, Any]) -> None:
    """Write checked fields on a span, merged with what it says already.

    Args:
        span: A span that records.
        given: From :func:`checked`.
    """
    with _lock:
        existing = getattr(span, "attributes", None) or {}
        for name, value in given.items():
            key = ATTRIBUTE_BY_FIELD[name]
            span.set_attribute(key, _combined(name, existing.get(key), value))
    if "error" in given:
        mark_failed(span, given["error"])


def mark_failed(span: Span, error: Any) -> None:
    """Give a span the status of one that failed."""
    description = str(error) if isinstance(error, (str, BaseException)) else json_text(error)
    span.set_status(Status(StatusCode.ERROR, description[:1000]))


def merged(before: Any, value: Any) -> Any:
    """Merge as Braintrust does: objects key by key, everything else is replaced.

    Example:
        >>> merged({"a": 5, "b": {"c": 1}}, {"b": {"d": 2}})
        {'a': 5, 'b': {'c': 1, 'd': 2}}
    """
    if not (isinstance(before, Mapping) and isinstance(value, Mapping)):
        return value
    result = dict(before)
    for key, inner in value.items():
        result[key] = merged(result[key], inner) if key in result else inner
    return result


def united(*lists: Iterable[str]) -> list[str]:
    """All tags, in order, each once."""
    return list(dict.fromkeys(tag for tags in lists for tag in tags))


def _combined(name: str, before: Any, value: Any) -> Any:
    """An attribute that had a value before, encoded."""
    if name == "tags" and before is not None:
        value = united(before if isinstance(before, (list, tuple)) else [str(before)], value)
    text = _encoded(name, value)
    if name in ("tags", "error") or not isinstance(before, str):
        return text
    try:
        known = parsed(before)
    except ValueError:
        return text
    # By way of JSON, so that the keys 1 and "1" are the same here as in the row.
    return carrying(json_text(merged(known, parsed(text))), before, text)


def _encoded(name: str, value: Any) -> Any:
    if name == "tags":
        return list(value)
    if name == "error" and isinstance(value, (str, BaseException)):
        return _error_text(value)
    return json_text(value)


def _error_text(error: str | BaseException) -> str:
    if isinstance(error, str):
        return error
    import traceback

    return "".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip()


def shown(value: Any) -> str:
    """A value as a message may name it: messages are logged, and must not carry what it holds."""
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    if isinstance(value, str):
        return "a text" if value else "empty"
    return f"of the type {type(value).__name__}"


def _mapping(field: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        kind = type(value).__name__
        raise ValueError(f"{field} must map names to values, found {kind}")  # noqa: TRY004
    for key in value:
        if not isinstance(key, str):
            raise ValueError(  # noqa: TRY004  (one kind of error for all that can be wrong)
                f"{field} has a key that is {shown(key)}, but keys must be text"
            )
    return value


def _scores(value: Any) -> dict[str, float | None]:
    return {name: _score(name, score) for name, score in _mapping("scores", value).items()}


def _score(name: str, score: Any) -> float | None:
    if score is None:
        return None
    if isinstance(score, bool):
        return int(score)
    number = _number(score)
    if number is None or not 0 <= number <= 1:
        raise ValueError(f"scores[{name!r}] is {shown(score)}, but must be a number from 0 to 1")
    return number


def _metrics(value: Any) -> dict[str, float]:
    metrics = {}
    for name, metric in _mapping("metrics", value).items():
        number = None if isinstance(metric, bool) else _number(metric)
        if number is None:
            raise ValueError(f"metrics[{name!r}] is {shown(metric)}, but must be a finite number")
        metrics[name] = number
    return metrics


def _number(value: Any) -> float | None:
    """A finite number as Python's own, also from numpy's and others' kinds of number; or None."""
    if isinstance(value, (str, bytes)):
        return None
    if isinstance(value, int):
        return int(value)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _metadata(value: Any) -> Mapping[str, Any]:
    return _mapping("metadata", value)


def _tags(value: Any) -> list[str]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        kind = type(value).__name__
        raise ValueError(f"tags must be a list of texts, found {kind}")  # noqa: TRY004
    tags = list(value)
    for index, tag in enumerate(tags):
        if not isinstance(tag, str) or not tag:
            raise ValueError(f"tags[{index}] is {shown(tag)}, but must be a text that is not empty")
    return united(tags)


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "scores": _scores,
    "metrics": _metrics,
    "metadata": _metadata,
    "tags": _tags,
}
