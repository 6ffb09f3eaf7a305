"""Operands: a piece of SQLite, its parameters, and what is known of its type."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otel_braintrust.local.query.plan import QueryError
from otel_braintrust.local.reading import EVENT_FIELDS
from otel_braintrust.local.timestamps import format_timestamp

TEXT, NUMBER, BOOLEAN, TIME, XACT_ID, LIST, NULL = (
    "text",
    "number",
    "boolean",
    "time",
    "transaction id",
    "list",
    "null",
)

# The types of SQLite's JSON that a comparison with each kind of value can be true for.
JSON_TYPES = {
    TEXT: "('text')",
    TIME: "('text')",
    NUMBER: "('integer', 'real')",
    BOOLEAN: "('true', 'false')",
    XACT_ID: "('text')",
}


@dataclass(frozen=True)
class Operand:
    """A value in SQL.

    `kind` is None for a field whose type each row decides; then `json_type` is SQL that gives it,
    NULL where the field is missing or null. `value` is what a constant is in Python, `path` where a
    field lies in the event.
    """

    sql: str
    parameters: tuple[Any, ...] = ()
    kind: str | None = None
    json_type: str = ""
    type_parameters: tuple[Any, ...] = ()
    value: Any = None
    is_constant: bool = False
    path: str | None = None

    def guarded(self, kind: str) -> tuple[str, tuple[Any, ...]]:
        """SQL that says whether the value has this kind; NULL where there is no value."""
        return f"{self.json_type} IN {JSON_TYPES[kind]}", self.type_parameters


COLUMNS: dict[str, Operand] = {
    "id": Operand("id", kind=TEXT),
    "span_id": Operand("span_id", kind=TEXT),
    "root_span_id": Operand("root_span_id", kind=TEXT),
    "created": Operand("created", kind=TIME),
    "is_root": Operand("is_root", kind=BOOLEAN),
    "_xact_id": Operand("xact_id", kind=XACT_ID),
    "_pagination_key": Operand("printf('p%020d', pagination_key)", kind=TEXT),
    "duration": Operand(
        "(json_extract(event, '$.metrics.end') - json_extract(event, '$.metrics.start'))",
        kind=NUMBER,
    ),
}
JSON_FIELDS = frozenset({*EVENT_FIELDS, "facets", "classifications"})
HOME_FIELDS = ("project_id", "experiment_id", "org_id", "log_id")


def field_operand(path: Sequence[str | int], home: dict[str, str]) -> Operand:
    """The operand of a field.

    Args:
        path: the field's name and the keys and indexes into it.
        home: the values of `HOME_FIELDS`, the same for each row of a query.

    Raises:
        QueryError: there is no such field, or it cannot be queried.
    """
    name = path[0]
    if len(path) == 1 and name in COLUMNS:
        return COLUMNS[str(name)]
    if len(path) == 1 and name in HOME_FIELDS:
        return constant(home.get(str(name)))
    if name not in JSON_FIELDS:
        known = ", ".join(sorted({*COLUMNS, *JSON_FIELDS, *HOME_FIELDS}))
        shown = ".".join(str(part) for part in path)
        raise QueryError(f"{shown}: this field cannot be queried; there are {known}")
    if any(isinstance(part, str) and ('"' in part or "\\" in part) for part in path):
        return _oddly_named(path)
    text = json_path(path)
    return Operand(
        "json_extract(event, ?)",
        (text,),
        json_type="nullif(json_type(event, ?), 'null')",
        type_parameters=(text,),
        path=text,
    )


def json_path(path: Sequence[str | int]) -> str:
    """A path in SQLite's notation; the names hold neither quotes nor backslashes."""
    return "$" + "".join(f"[{p}]" if isinstance(p, int) else f'."{p}"' for p in path)


def _oddly_named(path: Sequence[str | int]) -> Operand:
    """A field that SQLite's paths cannot name: they know no escape for a quote."""
    text = json.dumps(list(path))
    inner = "bt_dig(event, ?)"
    return Operand(
        f"json_extract({inner}, '$')",
        (text,),
        json_type=f"nullif(json_type({inner}), 'null')",
        type_parameters=(text,),
    )


def constant(value: Any) -> Operand:
    """The operand of a literal value or a time.

    Raises:
        QueryError: the value is an object.
    """
    if isinstance(value, datetime):
        return Operand("?", (format_timestamp(value),), TIME, value=value, is_constant=True)
    kinds: dict[type, str] = {
        str: TEXT,
        bool: BOOLEAN,
        int: NUMBER,
        float: NUMBER,
        list: LIST,
        type(None): NULL,
    }
    kind = kinds.get(type(value))
    if kind is None:
        raise QueryError(
            f"an object cannot be compared ({value!r:.60}); name a field in it instead"
        )
    if kind == NUMBER and abs(value) >= 2**63:
        value = float(value)
    if kind == LIST:  # only IN and INCLUDES take a list, and they take its values one by one
        return Operand("'list'", (), LIST, value=value, is_constant=True)
    return Operand("?", (value,), kind, value=value, is_constant=True)
