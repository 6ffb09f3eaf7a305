"""What a row may hold: Braintrust's types for each field, checked before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from otel_braintrust.local.containers import CONTAINER_FIELDS
from otel_braintrust.local.timestamps import parse_timestamp

# SQLite reads JSON to a depth of 1000, Python merges it by recursion; the official SDK cuts at 200.
MAX_DEPTH = 500

AUDIT_SOURCES = ("app", "api", "external")

CONTROL_FIELDS = frozenset(
    {"_is_merge", "_merge_paths", "_array_delete", "_object_delete", "_parent_id"}
    | {"_audit_source", "_audit_metadata"}
)
# Braintrust assigns these itself; a client that sends back what it has read is not harmed.
SERVER_FIELDS = frozenset(
    {"_xact_id", "_pagination_key", "_async_scoring_state", "_async_scoring_control"}
    | {"_skip_async_scoring", "org_id", "is_root", "comments", "audit_data"}
)
NOT_STORED = CONTROL_FIELDS | SERVER_FIELDS | CONTAINER_FIELDS | {"comment"}


class RowError(ValueError):
    """A row that Braintrust would not take: which one, which field, and why."""

    def __init__(self, problem: str, *, index: int, field: str, list_name: str = "rows") -> None:
        place = f"{list_name}[{index}]" + (f".{field}" if field else "")
        super().__init__(f"{place}: {problem}")
        self.index = index
        self.field = field


Check = Callable[[Any], "tuple[str, str] | None"]


def _kind(value: Any) -> str:
    """Name a JSON value's type as a user would."""
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return "null" if value is None else kinds.get(type(value), "a number")


def _typed(wanted: str, *types: type) -> Check:
    def check(value: Any) -> tuple[str, str] | None:
        return None if type(value) in types else ("", f"expected {wanted}, got {_kind(value)}")

    return check


_string = _typed("a string", str)
_boolean = _typed("a boolean", bool)
_object = _typed("an object", dict)
_number = _typed("a number", int, float)


def _identifier(value: Any) -> tuple[str, str] | None:
    return _string(value) or (None if value else ("", "must not be empty"))


def _items(check: Check) -> Check:
    def check_list(value: Any) -> tuple[str, str] | None:
        if type(value) is not list:
            return "", f"expected an array, got {_kind(value)}"
        for index, item in enumerate(value):
            if found := check(item):
                return f"[{index}]{_joined(found[0])}", found[1]
        return None

    return check_list


def _values(check: Check) -> Check:
    def check_object(value: Any) -> tuple[str, str] | None:
        if type(value) is not dict:
            return "", f"expected an object, got {_kind(value)}"
        for key, item in value.items():
            if item is not None and (found := check(item)):
                return f".{key}{_joined(found[0])}", found[1]
        return None

    return check_object


def _fields(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    def check_object(value: Any) -> tuple[str, str] | None:
        if type(value) is not dict:
            return "", f"expected an object, got {_kind(value)}"
        for key in required:
            if value.get(key) is None:
                return f".{key}", "is required"
        for key, check in {**required, **optional}.items():
            if value.get(key) is not None and (found := check(value[key])):
                return f".{key}{_joined(found[0])}", found[1]
        return None

    return check_object


def _joined(inner: str) -> str:
    return inner if not inner or inner[0] in ".[" else f".{inner}"


def _score(value: Any) -> tuple[str, str] | None:
    return _number(value) or (
        None if 0 <= value <= 1 else ("", f"a score must be between 0 and 1, got {value}")
    )


def _timestamp(value: Any) -> tuple[str, str] | None:
    return _string(value) or (
        None
        if parse_timestamp(value)
        else ("", "expected an RFC 3339 time such as 2026-01-14T21:01:52.551Z")
    )


def _audit_source(value: Any) -> tuple[str, str] | None:
    return None if value in AUDIT_SOURCES else ("", f"expected one of {', '.join(AUDIT_SOURCES)}")


def _path(value: Any) -> tuple[str, str] | None:
    return _items(_string)(value) or (None if value else ("", "must name at least one key"))


# null is allowed everywhere: it is the same as a field left out, or clears it on a merge.
FIELD_CHECKS: dict[str, Check] = {
    "id": _identifier,
    "span_id": _identifier,
    "root_span_id": _identifier,
    "span_parents": _items(_identifier),
    "span_attributes": _fields({}, {"name": _string, "type": _string, "purpose": _string}),
    "scores": _values(_score),
    "metrics": _values(_number),
    "metadata": _object,
    "tags": _items(_string),
    "context": _object,
    "created": _timestamp,
    "origin": _fields({"id": _identifier}, {"object_type": _string, "object_id": _string}),
    "comment": _fields({"text": _string}, {}),
    "project_id": _identifier,
    "experiment_id": _identifier,
    "dataset_id": _identifier,
    "prompt_session_id": _identifier,
    "log_id": _string,
    "_parent_id": _string,
    "_is_merge": _boolean,
    "_object_delete": _boolean,
    "_merge_paths": _items(_path),
    "_array_delete": _items(_fields({"path": _path, "delete": _items(lambda _: None)}, {})),
    "_audit_source": _audit_source,
    "_audit_metadata": _object,
}


def check_rows(rows: Sequence[Any], *, list_name: str = "rows") -> None:
    """Check every row; the first thing wrong is raised and nothing may be written.

    Args:
        rows: rows as decoded from JSON.
        list_name: what the list is called in the request, for the message: `rows` or `events`.

    Raises:
        RowError: names the row's index, the field and what was expected there.
    """
    for index, row in enumerate(rows):
        problem = _problem_of(row)
        if problem is not None:
            field, text = problem
            raise RowError(text, index=index, field=field, list_name=list_name)


def _problem_of(row: Any) -> tuple[str, str] | None:
    if type(row) is not dict:
        return "", f"expected an object, got {_kind(row)}"
    for field, value in row.items():
        check = FIELD_CHECKS.get(field)
        if check and value is not None and (found := check(value)):
            return f"{field}{_joined(found[0])}", found[1]
        if type(value) in (dict, list) and _is_deeper(value, MAX_DEPTH):
            return field, f"is nested deeper than {MAX_DEPTH} levels"
    if (row.get("_merge_paths") or row.get("_array_delete")) and not row.get("_is_merge"):
        field = "_merge_paths" if row.get("_merge_paths") else "_array_delete"
        return field, "is only allowed with _is_merge: true"
    return None


def _is_deeper(value: Any, limit: int) -> bool:
    """Whether JSON is nested beyond `limit`; level by level, so no depth overflows the stack."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for item in level
            for inner in (item.values() if type(item) is dict else item)
            if type(inner) in (dict, list)
        ]
        if not level:
            return False
    return True
