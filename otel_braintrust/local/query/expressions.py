"""sqlglot's expressions made into Braintrust's, node by node from tables."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from otel_braintrust.local.query.operands import COLUMNS, HOME_FIELDS, JSON_FIELDS
from otel_braintrust.local.query.plan import QueryError
from otel_braintrust.local.query.tree import SOURCES

Tree = dict[str, Any]

BINARY: Mapping[type[exp.Expression], str] = {
    exp.EQ: "eq",
    exp.NEQ: "ne",
    exp.LT: "lt",
    exp.LTE: "le",
    exp.GT: "gt",
    exp.GTE: "ge",
    exp.Like: "like",
    exp.ILike: "ilike",
    exp.Glob: "match",
    exp.ArrayContainsAll: "includes",
    exp.Add: "add",
    exp.Sub: "sub",
    exp.Mul: "mul",
    exp.Div: "div",
    exp.Mod: "mod",
}
FUNCTIONS: Mapping[type[exp.Expression], str] = {
    exp.CurrentTimestamp: "now",
    exp.CurrentDate: "current_date",
    exp.Lower: "lower",
    exp.Upper: "upper",
    exp.Length: "length",
}
_INTERVAL = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*([A-Za-z]+)?\s*")


def tree_of(node: exp.Expression) -> Tree:
    """Make Braintrust's expression of sqlglot's.

    Raises:
        QueryError: shows the part that is not supported.
    """
    kind = type(node)
    _refuse_unread_parts(node)
    if node.args.get("negate"):  # how sqlglot 30 writes NOT LIKE; earlier ones wrap it in Not
        affirmed = node.copy()
        affirmed.set("negate", None)
        return {"op": "not", "expr": tree_of(affirmed)}
    if isinstance(node, (exp.And, exp.Or)):
        return {"op": node.key, "children": _chain(node)}
    if kind in BINARY:
        return {"op": BINARY[kind], "left": tree_of(node.this), "right": tree_of(node.expression)}
    if kind in FUNCTIONS:
        arguments = [tree_of(node.this)] if isinstance(node.this, exp.Expression) else []
        return _call(FUNCTIONS[kind], arguments)
    reader = _READERS.get(kind)
    if reader is None:
        raise QueryError(f"{_shown(node)}: this is not supported")
    return reader(node)


def _refuse_unread_parts(node: exp.Expression) -> None:
    """Refuse a node with a part that nothing here reads: it would be dropped in silence."""
    kind = type(node)
    read = _READ_PARTS.get(kind, {"this", "expression", "negate"})
    for part, value in node.args.items():
        if value and part not in read and part not in _HARMLESS_PARTS:
            raise QueryError(f"{_shown(node)}: this form of {node.key.upper()} is not supported")


def _chain(node: exp.Expression) -> list[Tree]:
    """The operands of `a AND b AND c`, which sqlglot nests to the left as deep as there are."""
    kind = type(node)
    parts: list[Tree] = []
    while isinstance(node, kind):
        parts.append(tree_of(node.expression))
        node = node.this
    return [tree_of(node), *reversed(parts)]


def source_of(node: exp.Expression) -> Tree:
    """Make Braintrust's source of what stands after FROM: a function with an id, and a shape.

    Raises:
        QueryError: it is no such function.
    """
    alias = node.alias
    call = node.this if isinstance(node, exp.Table) else node
    if not isinstance(call, exp.Anonymous) or call.name.lower() not in SOURCES:
        raise QueryError(
            f"from: expected one of {', '.join(SOURCES)} with an id, got {_shown(node)}"
        )
    shape = alias.lower() or None
    arguments: list[Tree] = []
    for argument in call.expressions:
        if isinstance(argument, (exp.Kwarg, exp.PropertyEQ)) and argument.this.name == "shape":
            shape = argument.expression.name.lower()
        else:
            arguments.append(tree_of(argument))
    return {**_call(call.name.lower(), arguments), "shape": shape}


def _call(name: str, arguments: list[Tree]) -> Tree:
    return {"op": "function", "name": {"op": "ident", "name": [name]}, "args": arguments}


def _literal(node: exp.Expression) -> Tree:
    text = node.this
    if node.args.get("is_string"):
        return {"op": "literal", "value": text}
    try:
        return {"op": "literal", "value": int(text)}
    except ValueError:
        number = float(text)
    if not math.isfinite(number):
        raise QueryError(f"{text:.60}: this number is too large")
    return {"op": "literal", "value": number}


def _negative(node: exp.Expression) -> Tree:
    inner = tree_of(node.this)
    if inner["op"] == "literal" and type(inner["value"]) in (int, float):
        return {"op": "literal", "value": -inner["value"]}
    return {"op": "neg", "expr": inner}


def _column(node: exp.Expression) -> Tree:
    """A path; a name in double quotes that is no field's is a text, as in BTQL."""
    parts = list(node.parts) if isinstance(node, exp.Column) else []
    if len(parts) == 1 and parts[0].args.get("quoted"):
        name = parts[0].name
        if name not in COLUMNS and name not in JSON_FIELDS and name not in HOME_FIELDS:
            return {"op": "literal", "value": name}
    if any(isinstance(part, exp.Star) for part in parts):
        raise QueryError(f"{_shown(node)}: a star can only stand alone")
    return {"op": "ident", "name": [part.name for part in parts]}


def _dot(node: exp.Expression) -> Tree:
    inner = tree_of(node.this)
    if inner["op"] != "ident" or not isinstance(node.expression, (exp.Identifier, exp.Var)):
        raise QueryError(f"{_shown(node)}: expected a field after the dot")
    return {"op": "ident", "name": [*inner["name"], node.expression.name]}


def _bracket(node: exp.Expression) -> Tree:
    inner = tree_of(node.this)
    keys = [tree_of(key) for key in node.expressions]
    if inner["op"] != "ident" or any(key["op"] != "literal" for key in keys):
        raise QueryError(f"{_shown(node)}: expected a field and a constant in brackets")
    return {"op": "ident", "name": [*inner["name"], *(key["value"] for key in keys)]}


def _in(node: exp.Expression) -> Tree:
    items = node.expressions
    field = node.args.get("field")
    if not items and isinstance(field, exp.Array):
        items = field.expressions
    values = [tree_of(item) for item in items]
    if not values or any(value["op"] != "literal" for value in values):
        raise QueryError(f"{_shown(node)}: IN takes a list of constants")
    right = {"op": "literal", "value": [value["value"] for value in values]}
    return {"op": "in", "left": tree_of(node.this), "right": right}


def _array(node: exp.Expression) -> Tree:
    values = [tree_of(item) for item in node.expressions]
    if any(value["op"] != "literal" for value in values):
        raise QueryError(f"{_shown(node)}: only constants can stand in a list")
    return {"op": "literal", "value": [value["value"] for value in values]}


def _is(node: exp.Expression) -> Tree:
    left = tree_of(node.this)
    if isinstance(node.expression, exp.Null):
        return {"op": "isnull", "expr": left}
    if isinstance(node.expression, exp.Boolean):
        return {"op": "eq", "left": left, "right": tree_of(node.expression)}
    raise QueryError(f"{_shown(node)}: IS takes NULL, TRUE or FALSE")


def _between(node: exp.Expression) -> Tree:
    value = tree_of(node.this)
    low, high = tree_of(node.args["low"]), tree_of(node.args["high"])
    return {
        "op": "and",
        "children": [
            {"op": "ge", "left": value, "right": low},
            {"op": "le", "left": value, "right": high},
        ],
    }


def _interval(node: exp.Expression) -> Tree:
    text = node.this.name if isinstance(node.this, exp.Expression) else ""
    found = _INTERVAL.fullmatch(text)
    unit = node.args.get("unit")
    name = unit.name if isinstance(unit, exp.Expression) else (found and found.group(2))
    if found is None or not name:
        raise QueryError(f"{_shown(node)}: an interval is written as INTERVAL 1 HOUR")
    number = float(found.group(1))
    value = int(number) if number.is_integer() else number
    return {"op": "interval", "value": value, "unit": name.lower()}


def _anonymous(node: exp.Expression) -> Tree:
    return _call(node.name.lower(), [tree_of(argument) for argument in node.expressions])


_READERS: Mapping[type[exp.Expression], Callable[[exp.Expression], Tree]] = {
    exp.Literal: _literal,
    exp.Boolean: lambda node: {"op": "literal", "value": bool(node.this)},
    exp.Null: lambda _: {"op": "literal", "value": None},
    exp.Neg: _negative,
    exp.Column: _column,
    exp.Dot: _dot,
    exp.Bracket: _bracket,
    exp.Paren: lambda node: tree_of(node.this),
    exp.Not: lambda node: {"op": "not", "expr": tree_of(node.this)},
    exp.In: _in,
    exp.Array: _array,
    exp.Is: _is,
    exp.Between: _between,
    exp.Interval: _interval,
    exp.Anonymous: _anonymous,
}


# The parts of each kind of node that its reader looks at; the others have this and expression.
_READ_PARTS: Mapping[type[exp.Expression], set[str]] = {
    exp.Literal: {"this", "is_string"},
    exp.Column: {"this", "table", "db", "catalog"},
    exp.Bracket: {"this", "expressions"},
    exp.In: {"this", "expressions", "field"},
    exp.Array: {"expressions"},
    exp.Between: {"this", "low", "high"},
    exp.Interval: {"this", "unit"},
    exp.Anonymous: {"this", "expressions"},
    exp.CurrentDate: set(),
    exp.CurrentTimestamp: set(),
}
# How the text was written, not what it means.
_HARMLESS_PARTS = frozenset(
    {"value_constructor", "bracket_notation", "typed", "safe", "sysdate", "big_int"}
)


def _shown(node: exp.Expression) -> str:
    text = node.sql()
    return text if len(text) <= 80 else f"{text[:77]}..."
