"""Filters on log rows, written as JSON, compiled to the expressions of Braintrust's query API.

The expression form is used rather than query text: names are lists of segments and values are
literals, so that nothing a filter holds can be read as syntax. Braintrust's own SDK sends the same
form to `POST /btql` (`braintrust.trace`, 0.47); `and`, `or`, `eq`, `ne`, `gt`, `ge`, `lt`, `le`,
`in`, `isnull` and `isnotnull` are all that a filter needs, negations are pushed down to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Expression = dict[str, Any]

ORDERINGS = {"$gt": "gt", "$gte": "ge", "$lt": "lt", "$lte": "le"}
_OPPOSITES = {"gt": "le", "ge": "lt", "lt": "ge", "le": "gt"}
QUOTES = "\"'`"
# Rows hold lists of text here: "in" asks whether one of the given values is among them.
LIST_FIELDS = (["tags"], ["span_parents"])


class FilterError(ValueError):
    """A filter that says nothing the query API can be asked; the message names its path."""


def compile_filters(filters: Mapping[str, Any]) -> Expression | None:
    """Compile filters into one expression of the query API.

    Args:
        filters: a path and what its value must be, all of which must hold: `{"metadata.user_id":
            "u1", "metadata.latency_ms": {"$gt": 2000}}`. Operators: `$eq $ne $gt $gte $lt $lte $in
            $nin $exists $not`, and `$and`, `$or`, `$not` around whole filters. A segment with a dot
            in it is quoted: `metadata."http.method"`. `$ne` and `$nin` also take rows without the
            field.

    Returns:
        The expression, or None when there is nothing to filter.

    Raises:
        FilterError: an operator is unknown or its value has a wrong type.

    Example:
        >>> compile_filters({"metadata.error": True})["op"]
        'eq'
    """
    return _all_of(filters, negated=False) if _mapping(filters, "the filters") else None


def parse_path(path: str) -> list[str]:
    """Split a path at its dots.

    Args:
        path: names joined by dots; one in double quotes, single quotes or backticks is taken whole.

    Returns:
        The names.

    Raises:
        FilterError: a name is empty or a quote stays open.
    """
    names: list[str] = []
    rest = path
    while True:
        if rest[:1] and rest[0] in QUOTES:
            name, closed, rest = rest[1:].partition(rest[0])
            if not closed or (rest and not rest.startswith(".")):
                raise FilterError(f"the path {path!r} has a quote that does not close before a dot")
        else:
            name, dot, after = rest.partition(".")
            rest = dot + after
        if not name:
            raise FilterError(f"the path {path!r} has an empty name")
        names.append(name)
        if not rest:
            return names
        rest = rest[1:]


def _all_of(filters: Mapping[str, Any], *, negated: bool) -> Expression:
    return _join([_entry(key, value, negated) for key, value in filters.items()], negated=negated)


def _entry(key: str, value: Any, negated: bool) -> Expression:
    if key in ("$and", "$or"):
        if not isinstance(value, list) or not value:
            raise FilterError(f"{key} takes a list of filters, found {_shown(value)}")
        parts = [_all_of(_filled(item, key), negated=negated) for item in value]
        return _join(parts, negated=negated != (key == "$or"))
    if key == "$not":
        return _all_of(_filled(value, key), negated=not negated)
    if key.startswith("$"):
        raise FilterError(f"unknown operator {key}: around whole filters there are $and, $or, $not")
    return _condition(parse_path(key), value, negated)


def _condition(path: list[str], condition: Any, negated: bool) -> Expression:
    """Compile what one path must be: a value, operators, or an object that is a path further on."""
    if not isinstance(condition, Mapping):
        return _equal(path, condition, negated)
    here = ".".join(path)
    operators = [key for key in condition if key.startswith("$")]
    if not condition or (operators and len(operators) < len(condition)):
        raise FilterError(f"{here}: expected a value or operators, found {_shown(condition)}")
    if not operators:
        parts = [_condition([*path, key], value, negated) for key, value in condition.items()]
    else:
        parts = [_operator(path, key, value, negated) for key, value in condition.items()]
    return _join(parts, negated=negated)


def _operator(path: list[str], operator: str, value: Any, negated: bool) -> Expression:
    compiler = _OPERATORS.get(operator)
    if compiler is None:
        known = " ".join(_OPERATORS)
        raise FilterError(f"{'.'.join(path)}: unknown operator {operator}; there are {known}")
    return compiler(path, value, negated)


def _equal(path: list[str], value: Any, negated: bool) -> Expression:
    if isinstance(value, (list, Mapping)):
        raise FilterError(
            f"{'.'.join(path)}: a list or an object cannot be compared; ask for one of several "
            "values with $in, for a part of an object by its path"
        )
    if path in LIST_FIELDS and value is not None:
        return _contains(path, [value], negated)
    if value is None:
        return _null_check(path, is_null=not negated)
    if negated:
        return _any([_null_check(path, is_null=True), _compare("ne", path, value)])
    return _compare("eq", path, value)


def _ordering(operator: str) -> Callable[[list[str], Any, bool], Expression]:
    op = ORDERINGS[operator]

    def compile_ordering(path: list[str], value: Any, negated: bool) -> Expression:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise FilterError(
                f"{'.'.join(path)}: {operator} takes a number or a text, found {_shown(value)}"
            )
        if negated:
            opposite = _compare(_OPPOSITES[op], path, value)
            return _any([_null_check(path, is_null=True), opposite])
        return _compare(op, path, value)

    return compile_ordering


def _in(path: list[str], values: Any, negated: bool) -> Expression:
    if not isinstance(values, list) or any(isinstance(item, (list, Mapping)) for item in values):
        raise FilterError(
            f"{'.'.join(path)}: $in and $nin take a list of values, found {_shown(values)}"
        )
    present = [item for item in values if item is not None]
    if path in LIST_FIELDS and present:
        found = _contains(path, present, negated)
    elif negated:
        found = _all([_compare("ne", path, item) for item in present] or [_literal(True)])
    else:
        # Braintrust rejects `in []`; nothing is in an empty list.
        found = _compare("in", path, present) if present else _literal(False)
    if negated:
        null = _null_check(path, is_null=None not in values)
        return _all([null, found]) if None in values else _any([null, found])
    return found if None not in values else _any([_null_check(path, is_null=True), found])


def _exists(path: list[str], value: Any, negated: bool) -> Expression:
    if not isinstance(value, bool):
        raise FilterError(f"{'.'.join(path)}: $exists takes true or false, found {_shown(value)}")
    return _null_check(path, is_null=value == negated)


_OPERATORS: dict[str, Callable[[list[str], Any, bool], Expression]] = {
    "$eq": _equal,
    "$ne": lambda path, value, negated: _equal(path, value, not negated),
    **{operator: _ordering(operator) for operator in ORDERINGS},
    "$in": _in,
    "$nin": lambda path, values, negated: _in(path, values, not negated),
    "$exists": _exists,
    "$not": lambda path, condition, negated: _condition(path, condition, not negated),
}


def _contains(path: list[str], values: list[Any], negated: bool) -> Expression:
    # Braintrust documents `tags IN ('value')` as membership in a list.
    found = _compare("in", path, values)
    return {"op": "not", "expr": found} if negated else found


def _compare(op: str, path: list[str], value: Any) -> Expression:
    return {"op": op, "left": {"op": "ident", "name": path}, "right": _literal(value)}


def _null_check(path: list[str], *, is_null: bool) -> Expression:
    return {"op": "isnull" if is_null else "isnotnull", "expr": {"op": "ident", "name": path}}


def _literal(value: Any) -> Expression:
    return {"op": "literal", "value": value}


def _join(parts: Sequence[Expression], *, negated: bool) -> Expression:
    """All of the parts; of their negations any, as de Morgan has it."""
    return _any(parts) if negated else _all(parts)


def _all(parts: Sequence[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else {"op": "and", "children": list(parts)}


def _any(parts: Sequence[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else {"op": "or", "children": list(parts)}


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise FilterError(f"{name} must be a JSON object, found {_shown(value)}")
    found: Mapping[str, Any] = value
    return found


def _filled(value: Any, operator: str) -> Mapping[str, Any]:
    found = _mapping(value, f"what {operator} takes")
    if not found:
        raise FilterError(f"{operator} holds an empty filter")
    return found


def _shown(value: Any) -> str:
    return f"{value!r:.60}"
