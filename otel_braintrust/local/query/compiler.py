"""Conditions compiled to SQLite; every value of the query becomes a parameter."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from otel_braintrust.local.query.comparing import (
    ORDERINGS,
    Sql,
    compare,
    equals_any,
    is_null,
    joined,
    number_of,
    text_test,
    truth,
)
from otel_braintrust.local.query.operands import (
    LIST,
    NUMBER,
    TEXT,
    TIME,
    Operand,
    constant,
    field_operand,
)
from otel_braintrust.local.query.plan import Expression, QueryError
from otel_braintrust.local.query.tree import as_expression, path_of

ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%"}
TEXT_TESTS = {"like": "bt_like", "ilike": "bt_ilike", "match": "bt_match"}
INTERVAL_UNITS_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
INTERVAL_UNITS_MONTHS = {"month": 1, "quarter": 3, "year": 12}

MAX_DEPTH = 200


class Compiler:
    """Compiles the expressions of one query.

    Args:
        home: the values of fields that are the same for each row: `project_id`, `org_id`, ...
        now: what `NOW()` is.

    Example:
        >>> from datetime import timezone
        >>> compiler = Compiler({}, datetime.now(timezone.utc))
        >>> compiler.condition({"op": "isnull", "expr": {"op": "ident", "name": ["error"]}})
        ("(nullif(json_type(event, ?), 'null') IS NULL)", ('$."error"',))
    """

    def __init__(self, home: dict[str, str], now: datetime) -> None:
        self._home = home
        self._now = now
        self._depth = 0
        self._conditions: dict[str, Callable[[Expression], Sql]] = {
            "and": self._junction,
            "or": self._junction,
            "not": self._negation,
            "isnull": lambda e: is_null(self.operand(_child(e, "expr"))),
            "isnotnull": lambda e: _not(is_null(self.operand(_child(e, "expr")))),
            "in": self._membership,
            "includes": self._inclusion,
            "contains": self._inclusion,
            "ne": lambda e: _not(self._comparison("eq", e)),
            **{op: self._ordering(op) for op in ORDERINGS},
            **dict.fromkeys(TEXT_TESTS, self._text_test),
        }
        self._functions: dict[str, Callable[[list[Operand]], Operand]] = {
            "now": lambda _: constant(self._now),
            "current_timestamp": lambda _: constant(self._now),
            "current_date": lambda _: constant(_midnight(self._now)),
            "lower": lambda arguments: _text_function("lower", arguments),
            "upper": lambda arguments: _text_function("upper", arguments),
            "length": _length,
            "len": _length,
        }

    def condition(self, expression: Expression) -> Sql:
        """Compile an expression that says which rows are wanted.

        Raises:
            QueryError: names the part that cannot be compiled.
        """
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise QueryError(f"filter: nested deeper than {MAX_DEPTH} levels")
        try:
            compiled = self._conditions.get(expression["op"])
            if compiled is not None:
                return compiled(expression)
            return truth(self.operand(expression))
        finally:
            self._depth -= 1

    def operand(self, expression: Expression) -> Operand:
        """Compile an expression that has a value.

        Raises:
            QueryError: names the part that cannot be compiled.
        """
        op = expression["op"]
        if op == "literal":
            return constant(expression.get("value"))
        if op == "ident":
            path = path_of(expression)
            if path is None:
                raise QueryError(f"ident: expected a list of names, got {expression.get('name')!r}")
            return field_operand(path, self._home)
        if op == "function":
            return self._function(expression)
        if op in ARITHMETIC:
            return self._arithmetic(op, expression)
        if op == "neg":
            inner = number_of(self.operand(_child(expression, "expr")))
            return Operand(f"(- {inner.sql})", inner.parameters, NUMBER)
        if op == "interval":
            raise QueryError("interval: can only be added to or taken from NOW() and CURRENT_DATE")
        raise QueryError(f"{op}: this operator is not supported here")

    def _ordering(self, op: str) -> Callable[[Expression], Sql]:
        return lambda expression: self._comparison(op, expression)

    def _comparison(self, op: str, expression: Expression) -> Sql:
        left = self.operand(_child(expression, "left"))
        return compare(op, left, self.operand(_child(expression, "right")))

    def _junction(self, expression: Expression) -> Sql:
        children = expression.get("children")
        if children is None:
            children = [expression.get("left"), expression.get("right")]
        if not isinstance(children, list) or not children:
            raise QueryError(f"{expression['op']}: expected conditions to join")
        parts = [self.condition(as_expression(child, expression["op"])) for child in children]
        return joined(expression["op"].upper(), parts)

    def _negation(self, expression: Expression) -> Sql:
        return _not(self.condition(_child(expression, "expr")))

    def _membership(self, expression: Expression) -> Sql:
        """`x IN (...)`; a field that holds a list is in if one of its items is."""
        left = self.operand(_child(expression, "left"))
        values = self._list(expression)
        if not values:
            raise QueryError("in: the list must not be empty")
        alone, alone_parameters = equals_any(left, values)
        if left.path is None:
            return alone, alone_parameters
        member, member_parameters = equals_any(_ITEM, values)
        return (
            f"(CASE WHEN {left.json_type} = 'array' THEN {_EXISTS_ITEM} {member})"
            f" ELSE {alone} END)",
            (*left.type_parameters, left.path, *member_parameters, *alone_parameters),
        )

    def _inclusion(self, expression: Expression) -> Sql:
        """`list INCLUDES x`; with a list on the right, all of its values."""
        left = self.operand(_child(expression, "left"))
        if left.path is None:
            raise QueryError("includes: the left side must be a field that holds a list")
        tests: list[Sql] = []
        for value in self._list(expression):
            sql, parameters = compare("eq", _ITEM, constant(value))
            tests.append(
                (
                    f"{_EXISTS_ITEM} {sql})",
                    (left.path, *parameters),
                )
            )
        is_list: Sql = (f"({left.json_type} = 'array')", left.type_parameters)
        return joined("AND", [is_list, *tests])

    def _list(self, expression: Expression) -> list[Any]:
        right = self.operand(_child(expression, "right"))
        if not right.is_constant:
            raise QueryError(f"{expression['op']}: the right side must be a list of constants")
        return right.value if right.kind == LIST else [right.value]

    def _text_test(self, expression: Expression) -> Sql:
        op = expression["op"]
        left = self.operand(_child(expression, "left"))
        right = self.operand(_child(expression, "right"))
        return text_test(TEXT_TESTS[op], left, right, of_any_type=op == "match")

    def _function(self, expression: Expression) -> Operand:
        name = expression.get("name")
        path = path_of(name) if isinstance(name, Mapping) else None
        known = str(path[0]).lower() if path and len(path) == 1 else ""
        compiled = self._functions.get(known)
        if compiled is None:
            functions = ", ".join(sorted(self._functions))
            raise QueryError(f"{known or name!r}: unknown function; there are {functions}")
        arguments = expression.get("args") or []
        return compiled([self.operand(as_expression(item, known)) for item in arguments])

    def _arithmetic(self, op: str, expression: Expression) -> Operand:
        left, right = _child(expression, "left"), _child(expression, "right")
        if right["op"] == "interval" and op in ("add", "sub"):
            return self._shifted(self.operand(left), right, sign=1 if op == "add" else -1)
        first, second = number_of(self.operand(left)), number_of(self.operand(right))
        # SQLite divides whole numbers without a remainder; here as in Braintrust 1 / 2 is 0.5.
        sql = f"(({first.sql}) * 1.0 / ({second.sql}))"
        if op != "div":
            sql = f"(({first.sql}) {ARITHMETIC[op]} ({second.sql}))"
        return Operand(sql, (*first.parameters, *second.parameters), NUMBER)

    def _shifted(self, moment: Operand, interval: Expression, *, sign: int) -> Operand:
        if not moment.is_constant or moment.kind != TIME:
            raise QueryError("interval: can only be added to or taken from NOW() and CURRENT_DATE")
        return constant(shift(moment.value, interval, sign=sign))


# Whether a list has an item such that ...; and that item, within it.
_EXISTS_ITEM = "EXISTS (SELECT 1 FROM json_each(event, ?) AS item WHERE"
_ITEM = Operand("item.value", json_type="nullif(item.type, 'null')")


def shift(moment: datetime, interval: Expression, *, sign: int) -> datetime:
    """Add an interval to a time, or with sign -1 take it off.

    Raises:
        QueryError: the interval has no known unit, or leads out of the calendar.
    """
    unit = str(interval.get("unit", "")).lower().rstrip("s")
    value = interval.get("value")
    if not isinstance(value, (int, float)):
        raise QueryError(f"interval: expected a number, got {value!r:.40}")
    try:
        if unit in INTERVAL_UNITS_S:
            return moment + timedelta(seconds=sign * value * INTERVAL_UNITS_S[unit])
        if unit in INTERVAL_UNITS_MONTHS and value == int(value):
            return _shift_months(moment, sign * int(value) * INTERVAL_UNITS_MONTHS[unit])
    except (OverflowError, ValueError) as error:
        raise QueryError(f"interval: {value} {unit} leads out of the calendar") from error
    units = ", ".join([*INTERVAL_UNITS_S, *INTERVAL_UNITS_MONTHS])
    raise QueryError(f"interval: {value} {unit!r} is not understood; the units are {units}")


def _shift_months(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last_day = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last_day))


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _child(expression: Expression, name: str) -> Expression:
    return as_expression(expression.get(name), f"{expression['op']}.{name}")


def _not(compiled: Sql) -> Sql:
    return f"(NOT {compiled[0]})", compiled[1]


def _text_function(name: str, arguments: list[Operand]) -> Operand:
    if len(arguments) != 1:
        raise QueryError(f"{name}: takes one text")
    [text] = arguments
    if text.kind is None:
        guard, parameters = text.guarded(TEXT)
        sql = f"{name}(CASE WHEN {guard} THEN {text.sql} END)"
        return Operand(sql, (*parameters, *text.parameters), TEXT)
    if text.kind != TEXT:
        raise QueryError(f"{name}: takes a text, not a {text.kind}")
    return Operand(f"{name}({text.sql})", text.parameters, TEXT)


def _length(arguments: list[Operand]) -> Operand:
    if len(arguments) != 1:
        raise QueryError("length: takes one text or list")
    [value] = arguments
    if value.kind is None:
        sql = (
            f"(CASE {value.json_type} WHEN 'text' THEN length({value.sql})"
            f" WHEN 'array' THEN json_array_length({value.sql}) END)"
        )
        return Operand(sql, (*value.type_parameters, *value.parameters, *value.parameters), NUMBER)
    if value.kind != TEXT:
        raise QueryError(f"length: takes a text or list, not a {value.kind}")
    return Operand(f"length({value.sql})", value.parameters, NUMBER)
