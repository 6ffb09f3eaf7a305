"""The fields of a row: what each may hold, and what says in its place that masking it failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

OBJECTS = frozenset(("metadata", "context", "origin", "_audit_metadata", "span_attributes"))
NUMBERS = frozenset(("scores", "metrics"))
TAGS = "tags"
# Objects of a form of their own: the server would refuse a row in which they say anything else.
STRICT_FORMS = frozenset(("origin", "classifications"))
LEFT_OUT = NUMBERS | STRICT_FORMS
# Of a row's metrics these are its place in time.
TIMES = ("start", "end")
# What the span is to Braintrust; its name, and whatever else stands there, may hold anything.
SPAN_STRUCTURE = frozenset(("type", "purpose", "exec_counter", "log_level"))
SPAN_WORDS = frozenset(
    (
        *("llm", "score", "scorer", "function", "eval", "task", "tool", "automation", "facet"),
        *("preprocessor", "classifier", "review", "decision", "question", "log"),
        *("trace", "debug", "info", "warn", "warning", "error", "fatal"),
    )
)


class UnfitValueError(TypeError):
    """A mask gave a value that cannot stand where it came from."""


def is_structure(name: str, value: Any) -> bool:
    """Tell what the span is to Braintrust from what somebody wrote in its place."""
    if name not in SPAN_STRUCTURE:
        return False
    return value in SPAN_WORDS if isinstance(value, str) else not isinstance(value, (dict, list))


def require_fit(name: str, before: Any, value: Any) -> None:
    """Refuse what cannot stand in a field, for the server would refuse the whole row.

    Args:
        name: The field.
        before: What stood there.
        value: What a mask made of it.

    Raises:
        UnfitValueError: It is of another kind than the field takes.
    """
    is_fit = True
    if name in OBJECTS:
        is_fit = isinstance(value, Mapping)
    elif name in NUMBERS:
        is_fit = isinstance(value, Mapping) and all(map(_is_number, value.values()))
    elif name == TAGS:
        is_fit = isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)
    elif name in ("name", "comment", "filename") and isinstance(before, str):
        is_fit = isinstance(value, str)
    if not is_fit:
        raise UnfitValueError


def require_json(value: Any) -> None:
    """Refuse what JSON does not hold: text made of an unknown object may say anything.

    Raises:
        TypeError: Something in it is of another kind.
        ValueError: It refers to itself.
    """
    try:
        orjson.dumps(value)
    except TypeError:
        # Lone surrogates, long integers and keys that are no text are JSON to the standard library.
        json.dumps(value)


def marker_of_failure(name: str, error: Exception) -> str:
    """What stands in the place of a value that could not be masked, as in Braintrust's own SDK."""
    kind = "TypeError" if isinstance(error, UnfitValueError) else type(error).__name__
    return f"ERROR: Failed to mask field '{name}' - {kind}"


def failed(name: str, value: Any, marker: str) -> Any:
    """What a field holds after masking it failed: the marker, in a form that the field takes.

    None where no marker fits: the field is left out.
    """
    if name in NUMBERS:
        return times_of(name, value) or None
    if name in STRICT_FORMS:
        return None
    if name in OBJECTS:
        return {"error": marker}
    return [marker] if name == TAGS else marker


def times_of(name: str, value: Any) -> dict[str, Any]:
    """The start and the end among a row's metrics."""
    if name != "metrics" or not isinstance(value, Mapping):
        return {}
    return {key: value[key] for key in TIMES if _is_number(value.get(key, ""))}


def with_failures(error: Any, failures: list[str]) -> str:
    """A row's error, and the markers of what only has room for numbers."""
    if error is None:
        return "; ".join(failures)
    return "; ".join([error if isinstance(error, str) else json.dumps(error), *failures])


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
