"""Log events and feedback as users hand them in: their fields and types, checked before sending."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from otel_braintrust.client.ratings import FIVE_STARS, RatingScale

Check = Callable[[Any], "str | None"]


class EventError(ValueError):
    """A log event or a feedback with a field of a wrong type; names the event and the field."""


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "a text that is not empty"


def _anything(_value: Any) -> str | None:
    return None


def _object(value: Any) -> str | None:
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return None
    return "an object"


def _truth(value: Any) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _texts(value: Any) -> str | None:
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return None
    return "a list of texts"


# RFC 3339; datetime.fromisoformat of Python 3.10 knows neither Z nor a fraction of 1 or 2 digits.
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)"
)


def _moment(value: Any) -> str | None:
    match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    try:
        if match is not None:
            year, month, day, hour, minute, second = map(int, match.groups())
            # 60 is a leap second
            datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone.utc)
            return None
    except ValueError:
        pass
    return "a time such as 2026-01-31T09:30:00Z"


def is_number(value: Any) -> bool:
    """Say whether a value is a finite number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _metrics(value: Any) -> str | None:
    if isinstance(value, Mapping) and all(n is None or is_number(n) for n in value.values()):
        return None
    return "an object of numbers"


def _scores(value: Any) -> str | None:
    if isinstance(value, Mapping) and all(
        score is None or isinstance(score, bool) or (is_number(score) and 0 <= score <= 1)
        for score in value.values()
    ):
        return None
    return "an object of numbers from 0 to 1"


def _paths(value: Any) -> str | None:
    if isinstance(value, list) and all(_texts(path) is None for path in value):
        return None
    return "a list of lists of texts"


def _objects(value: Any) -> str | None:
    if isinstance(value, list) and all(_object(item) is None for item in value):
        return None
    return "a list of objects"


# The fields of InsertProjectLogsEvent in Braintrust's OpenAPI description; null is taken as absent.
EVENT_FIELDS: dict[str, Check] = {
    "id": _text,
    "input": _anything,
    "output": _anything,
    "expected": _anything,
    "error": _anything,
    "scores": _scores,
    "metadata": _object,
    "tags": _texts,
    "metrics": _metrics,
    "context": _object,
    "span_attributes": _object,
    "created": _moment,
    "span_id": _text,
    "root_span_id": _text,
    "span_parents": _texts,
    "origin": _object,
    "facets": _object,
    "_is_merge": _truth,
    "_merge_paths": _paths,
    "_array_delete": _objects,
    "_object_delete": _truth,
    "_parent_id": _text,
}

# What the server adds to a row: left out, so that rows that were fetched can be inserted again.
SERVER_FIELDS = frozenset(
    {
        "_async_scoring_state",
        "_pagination_key",
        "_xact_id",
        "audit_data",
        "classifications",
        "comments",
        "is_root",
        "log_id",
        "org_id",
        "project_id",
    }
)

# What one item of feedback may hold: the fields of FeedbackProjectLogsItem, and a rating.
FEEDBACK_FIELDS: dict[str, Check] = {
    "id": _text,
    "rating": _anything,
    "scores": _scores,
    "expected": _anything,
    "comment": _text,
    "metadata": _object,
    "tags": _texts,
    "source": lambda value: None if value in ("app", "api", "external") else "app, api or external",
}


def check_events(events: Any) -> list[dict[str, Any]]:
    """Check log events and give each that has none an id.

    Args:
        events: a sequence of mappings with the fields of `EVENT_FIELDS`; none needs to be there.

    Returns:
        New events, ready to be sent; a retry of the same events replaces the same rows.

    Raises:
        EventError: an event is no object, or a field is unknown or has a wrong type; nothing of
            `events` has been changed.

    Example:
        >>> [event] = check_events([{"input": "hello", "metadata": {"user_id": "u1"}}])
        >>> sorted(event)
        ['id', 'input', 'metadata']
    """
    if isinstance(events, (str, bytes, Mapping)) or not isinstance(events, Sequence):
        raise EventError(f"the events must be a list of objects, found {_named(events)}")
    checked = [check_event(event, f"event {index}") for index, event in enumerate(events)]
    first_by_id: dict[str, int] = {}
    for index, event in enumerate(checked):
        first = first_by_id.setdefault(event["id"], index)
        if first != index:
            # One request is one transaction: which of two versions of a row wins is left open.
            raise EventError(f"event {index} has the id of event {first}: {event['id']!r}")
    return checked


def check_feedback(items: Any, scale: RatingScale = FIVE_STARS) -> list[dict[str, Any]]:
    """Check items of feedback and turn their ratings into scores.

    Args:
        items: a sequence of mappings with the fields of `FEEDBACK_FIELDS`; `id`, the row's id, and
            one thing to say about it are needed.
        scale: the scale of `rating`; default 1 to 5.

    Returns:
        New items for the API: a rating is the score `rating` and stands as given in the metadata.

    Raises:
        EventError: an item lacks its id or says nothing, or a field is unknown or has a wrong type.
        RatingError: a rating is not on the scale.

    Example:
        >>> check_feedback([{"id": "r1", "rating": 4}])[0]["scores"]
        {'rating': 0.75}
    """
    if isinstance(items, (str, bytes, Mapping)) or not isinstance(items, Sequence):
        raise EventError(f"the feedback must be a list of objects, found {_named(items)}")
    return [
        _checked_feedback(item, scale, "the feedback" if len(items) == 1 else f"feedback {index}")
        for index, item in enumerate(items)
    ]


def _checked_feedback(item: Any, scale: RatingScale, name: str) -> dict[str, Any]:
    check_fields(item, FEEDBACK_FIELDS, name)
    given = {field: value for field, value in item.items() if value is not None}
    if "id" not in given:
        raise EventError(f"{name} has no id: name the row it is about")
    if not given.keys() & {"rating", "comment", "scores", "expected", "tags"}:
        raise EventError(f"{name} says nothing: give a rating, a comment, scores, expected or tags")
    given = _with_numeric_scores(given)
    rating = given.pop("rating", None)
    if rating is None:
        return given
    scores = given.get("scores", {})
    if "rating" in scores:
        raise EventError(f"{name} has both a rating and scores.rating: give one of them")
    score = scale.score(rating)
    as_given = {"rating": rating, "rating_scale": str(scale)}
    return {
        **given,
        "scores": {**scores, "rating": score},
        "metadata": {**given.get("metadata", {}), **as_given},
    }


def check_fields(fields: Any, known: Mapping[str, Check], name: str) -> None:
    """Check that an object holds known fields of the right types.

    Args:
        fields: the object; None as a value counts as absent.
        known: the fields and their checks.
        name: what the object is called in a message.

    Raises:
        EventError: it is no object, or a field is unknown or has a wrong type.
    """
    if not isinstance(fields, Mapping):
        raise EventError(f"{name} must be an object, found {_named(fields)}")
    for field, value in fields.items():
        check = known.get(field)
        if check is None:
            raise EventError(f"{name}: unknown field {field!r}; there are {', '.join(known)}")
        expected = check(value) if value is not None else None
        if expected is not None:
            raise EventError(f"{name}: {field} must be {expected}, found {_named(value)}")


def check_event(event: Any, name: str) -> dict[str, Any]:
    """Check one log event and give it an id if it has none; what the server adds is left out.

    Args:
        event: a mapping with the fields of `EVENT_FIELDS`.
        name: what it is called in a message.

    Raises:
        EventError: it is no object, or a field is unknown or has a wrong type.
    """
    if isinstance(event, Mapping):
        event = {field: value for field, value in event.items() if field not in SERVER_FIELDS}
    check_fields(event, EVENT_FIELDS, name)
    checked = {**event, "id": event.get("id") or str(uuid.uuid4())}
    return _with_numeric_scores(checked)


def _with_numeric_scores(fields: dict[str, Any]) -> dict[str, Any]:
    """Write true and false as 1 and 0: the API takes numbers, people write truths."""
    scores = fields.get("scores")
    if not scores:
        return fields
    numbers = {
        name: int(score) if isinstance(score, bool) else score for name, score in scores.items()
    }
    return {**fields, "scores": numbers}


def _named(value: Any) -> str:
    """Name a value's type and show what is short."""
    kinds = {dict: "an object", list: "a list", str: "the text", bool: "", type(None): ""}
    kind = kinds.get(type(value), "the number" if is_number(value) else type(value).__name__)
    if isinstance(value, (dict, list)):
        text = f"{value!r}"
        return f"{kind} {text}" if len(text) <= 60 else kind
    shown = {True: "true", False: "false", None: "null"}
    text = shown[value] if isinstance(value, bool) or value is None else f"{value!r:.60}"
    return f"{kind} {text}".strip()
