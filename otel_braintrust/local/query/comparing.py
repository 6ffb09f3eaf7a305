"""Comparisons that respect JSON's types: a text is never greater than a number, `true` is not 1.

Each function gives SQL that is NULL where a field is missing or null, as SQL has it, and 0 where
the types differ: `!=` holds between values of different types, nothing holds with null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from otel_braintrust.local.query.operands import (
    BOOLEAN,
    LIST,
    NULL,
    NUMBER,
    TEXT,
    TIME,
    XACT_ID,
    Operand,
    constant,
)
from otel_braintrust.local.query.plan import QueryError
from otel_braintrust.local.timestamps import parse_timestamp

Sql = tuple[str, tuple[Any, ...]]

ORDERINGS = {"eq": "=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_MIRRORED = {"eq": "eq", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}

NEVER: Sql = ("0", ())
UNKNOWN: Sql = ("NULL", ())

_LISTED = "(SELECT value FROM json_each(?))"


def compare(op: str, left: Operand, right: Operand) -> Sql:
    """Compare two operands by one of `ORDERINGS`.

    Raises:
        QueryError: the kinds cannot be put in order, or a text is no time.
    """
    if NULL in (left.kind, right.kind):
        return UNKNOWN
    if LIST in (left.kind, right.kind):
        raise QueryError(f"{op}: a list cannot be compared; use IN or INCLUDES")
    left, right = _adapted(left, right), _adapted(right, left)
    if left.kind is None and right.kind is None:
        return _compare_fields(op, left, right)
    if left.kind is None and right.kind is not None:
        return _compare_field(op, left, right)
    if right.kind is None:
        return _compare_field(_MIRRORED[op], right, left)
    if left.kind != right.kind:
        if op == "eq":
            return NEVER
        raise QueryError(f"{op}: a {left.kind} and a {right.kind} have no order")
    return f"({left.sql} {ORDERINGS[op]} {right.sql})", (*left.parameters, *right.parameters)


def _adapted(operand: Operand, other: Operand) -> Operand:
    """A constant as the other side needs it: a text beside a time is read as a time."""
    if not operand.is_constant:
        return operand
    if other.kind == TIME and operand.kind == TEXT:
        moment = parse_timestamp(operand.value)
        if moment is None:
            raise QueryError(f"{operand.value!r:.60} is not a time such as 2026-01-14T21:01:52Z")
        return constant(moment)
    if other.kind == XACT_ID and operand.kind in (TEXT, NUMBER):
        digits = str(operand.value)
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            raise QueryError(f"{operand.value!r:.60} is not a transaction id")
        return Operand("?", (min(int(digits), 2**63 - 1),), XACT_ID)
    return operand


def _compare_field(op: str, field: Operand, other: Operand) -> Sql:
    """Compare a field, whose type each row decides, with a value of known kind."""
    kind = other.kind or TEXT
    if kind == BOOLEAN:
        return _compare_truth(op, field, other)
    if kind == XACT_ID:
        raise QueryError(f"{op}: a transaction id can only be compared with a constant")
    guard, parameters = field.guarded(kind)
    return (
        f"({guard} AND {field.sql} {ORDERINGS[op]} {other.sql})",
        (*parameters, *field.parameters, *other.parameters),
    )


def _compare_truth(op: str, field: Operand, other: Operand) -> Sql:
    if op != "eq":
        raise QueryError(f"{op}: true and false have no order")
    return (
        f"({field.json_type} = CASE WHEN {other.sql} THEN 'true' ELSE 'false' END)",
        (*field.type_parameters, *other.parameters),
    )


def _compare_fields(op: str, left: Operand, right: Operand) -> Sql:
    classes = " WHEN 'integer' THEN 'n' WHEN 'real' THEN 'n' WHEN 'text' THEN 't' ELSE 'o' END"
    same = f"(CASE {left.json_type}{classes}) = (CASE {right.json_type}{classes})"
    return (
        f"({same} AND {left.sql} {ORDERINGS[op]} {right.sql})",
        (
            *left.type_parameters,
            *right.type_parameters,
            *left.parameters,
            *right.parameters,
        ),
    )


def equals_any(left: Operand, values: Sequence[Any]) -> Sql:
    """Whether an operand equals one of some values; texts and numbers go as one parameter each."""
    texts = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if type(value) in (int, float)]
    others = [value for value in values if not isinstance(value, (str, int, float))]
    parts = [compare("eq", left, constant(value)) for value in [*others, *_truths(values)]]
    for kind, listed in ((TEXT, texts), (NUMBER, numbers)):
        if not listed:
            continue
        if left.kind in (None, kind):
            parts.append(_equals_listed(left, kind, listed))
        else:
            parts += [compare("eq", left, constant(value)) for value in listed]
    return joined("OR", parts)


def _truths(values: Sequence[Any]) -> list[bool]:
    return [value for value in values if isinstance(value, bool)]


def _equals_listed(left: Operand, kind: str, listed: Sequence[Any]) -> Sql:
    test = f"{left.sql} IN {_LISTED}"
    parameters = (*left.parameters, orjson.dumps(listed).decode())
    if left.kind is not None:
        return f"({test})", parameters
    guard, guard_parameters = left.guarded(kind)
    return f"({guard} AND {test})", (*guard_parameters, *parameters)


def joined(word: str, parts: Sequence[Sql]) -> Sql:
    """Join conditions by AND or OR as a balanced tree: SQLite takes no deeper than 1000."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    left, right = joined(word, parts[:middle]), joined(word, parts[middle:])
    return f"({left[0]} {word} {right[0]})", (*left[1], *right[1])


def truth(operand: Operand) -> Sql:
    """An operand as a condition: true where it is the JSON value `true`.

    Raises:
        QueryError: its kind has no truth.
    """
    if operand.kind is None:
        return f"({operand.json_type} = 'true')", operand.type_parameters
    if operand.kind in (BOOLEAN, NULL):
        return operand.sql, operand.parameters
    raise QueryError(f"a {operand.kind} is not a condition; compare it with something")


def is_null(operand: Operand) -> Sql:
    """Whether an operand is missing or null."""
    if operand.kind is None:
        return f"({operand.json_type} IS NULL)", operand.type_parameters
    return f"({operand.sql} IS NULL)", operand.parameters


def text_test(function: str, field: Operand, pattern: Operand, *, of_any_type: bool = False) -> Sql:
    """Ask one of the server's own SQL functions whether a text fits a pattern.

    Args:
        function: the function's name.
        field: the text; a field that holds no text fits nothing.
        pattern: a constant text.
        of_any_type: take the JSON of objects and lists as text too.

    Raises:
        QueryError: the pattern is not a constant text, or the field is of another kind.
    """
    if not pattern.is_constant or pattern.kind != TEXT:
        raise QueryError(f"{function.removeprefix('bt_')}: the pattern must be a text")
    test = f"{function}({field.sql}, ?)"
    if field.kind is None:
        parameters = (*field.type_parameters, *field.parameters, pattern.value)
        guard = "IS NOT NULL" if of_any_type else "IN ('text')"
        return f"({field.json_type} {guard} AND {test})", parameters
    if field.kind not in (TEXT, TIME, NULL):
        raise QueryError(f"{function.removeprefix('bt_')}: a {field.kind} is not a text")
    return test, (*field.parameters, pattern.value)


def number_of(operand: Operand) -> Operand:
    """An operand as a number; NULL where it is none.

    Raises:
        QueryError: it never is one.
    """
    if operand.kind is None:
        guard, parameters = operand.guarded(NUMBER)
        return Operand(
            f"(CASE WHEN {guard} THEN {operand.sql} END)",
            (*parameters, *operand.parameters),
            NUMBER,
        )
    if operand.kind in (NUMBER, NULL):
        return operand
    raise QueryError(f"a {operand.kind} cannot be calculated with")
