"""The query as a JSON tree, as the official SDK sends it, made into a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otel_braintrust.local.query.plan import (
    SHAPES,
    SPANS,
    Expression,
    Output,
    Plan,
    QueryError,
    Sort,
)

SOURCES = ("project_logs", "experiment", "dataset")
KNOWN_CLAUSES = frozenset({"select", "from", "filter", "sort", "limit", "cursor", "preview_length"})


def plan_of(query: Mapping[str, Any]) -> Plan:
    """Make a plan of a query tree.

    Args:
        query: `{"select": [...], "from": {...}, "filter": {...}, "sort": [...], "limit": 10}`.

    Raises:
        QueryError: names the clause that is missing, malformed or not supported.
    """
    for clause, value in query.items():
        if clause not in KNOWN_CLAUSES and value not in (None, [], False):
            supported = ", ".join(sorted(KNOWN_CLAUSES))
            raise QueryError(f"{clause}: this clause is not supported; there are {supported}")
    object_type, object_id, shape = _source(query.get("from"))
    return Plan(
        object_type=object_type,
        object_id=object_id,
        shape=shape,
        outputs=_outputs(query.get("select")),
        condition=_optional_expression(query.get("filter"), "filter"),
        sorts=_sorts(query.get("sort")),
        limit=_count(query.get("limit"), "limit"),
        cursor=_cursor(query.get("cursor")),
        preview_length=_preview_length(query.get("preview_length")),
    )


def path_of(expression: Expression) -> tuple[str | int, ...] | None:
    """The path that an identifier names, None for any other expression."""
    name = expression.get("name")
    if expression.get("op") != "ident" or not isinstance(name, list) or not name:
        return None
    if not all(type(part) in (str, int) for part in name):
        return None
    return tuple(name)


def as_expression(value: Any, clause: str) -> Expression:
    """Check that a value is an expression's node.

    Raises:
        QueryError: it is not an object with an `op`.
    """
    if isinstance(value, Mapping) and isinstance(value.get("op"), str):
        return value
    raise QueryError(f"{clause}: expected an expression, an object with 'op', got {value!r:.60}")


def _optional_expression(value: Any, clause: str) -> Expression | None:
    return None if value is None else as_expression(value, clause)


def _source(value: Any) -> tuple[str, str, str]:
    if value is None:
        raise QueryError("from: is required, for example project_logs('<project id>')")
    source = as_expression(value, "from")
    name = source.get("name")
    path = path_of(name) if isinstance(name, Mapping) else None
    if source["op"] != "function" or path is None or path[0] not in SOURCES:
        raise QueryError(f"from: expected one of {', '.join(SOURCES)} with an id")
    arguments = source.get("args")
    ids = [
        argument.get("value")
        for argument in (arguments if isinstance(arguments, list) else [])
        if isinstance(argument, Mapping) and argument.get("op") == "literal"
    ]
    if len(ids) != 1 or not isinstance(ids[0], str) or len(arguments or ()) != 1:
        raise QueryError(f"from: {path[0]} takes exactly one id, as a string")
    shape = source.get("shape") or SPANS
    if shape not in SHAPES:
        raise QueryError(f"from: shape {shape!r} is not supported; there are {', '.join(SHAPES)}")
    return str(path[0]), ids[0], shape


def _outputs(value: Any) -> tuple[Output, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value:
        raise QueryError("select: expected a list of expressions, or a star")
    found: list[Output] = []
    for item in value:
        if isinstance(item, Mapping) and item.get("op") == "star":
            return None
        inner = item.get("expr", item) if isinstance(item, Mapping) else item
        path = path_of(as_expression(inner, "select"))
        if path is None:
            raise QueryError(f"select: only fields can be selected, not {inner.get('op')!r}")
        alias = item.get("alias")
        found.append(Output(path, alias if isinstance(alias, str) else str(path[-1])))
    return tuple(found)


def _sorts(value: Any) -> tuple[Sort, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise QueryError("sort: expected a list")
    found: list[Sort] = []
    for item in value:
        if not isinstance(item, Mapping):
            raise QueryError(f"sort: expected an object with 'expr' and 'dir', got {item!r:.60}")
        direction = item.get("dir") or "asc"
        if direction not in ("asc", "desc"):
            raise QueryError(f"sort: the direction is asc or desc, got {direction!r:.20}")
        expression = as_expression(item.get("expr", item), "sort")
        found.append(Sort(expression, descending=direction == "desc"))
    return tuple(found)


def _count(value: Any, clause: str) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 <= value < 2**31:
        raise QueryError(f"{clause}: expected a whole number of at least 0, got {value!r:.40}")
    return value


def _cursor(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    raise QueryError(f"cursor: expected the string that the last page gave, got {value!r:.40}")


def _preview_length(value: Any) -> int | None:
    if value in (None, -1):
        return None
    return _count(value, "preview_length")


def join(op: str, parts: Sequence[Expression]) -> Expression:
    """Join conditions by `and` or `or`; one alone stays as it is."""
    return parts[0] if len(parts) == 1 else {"op": op, "children": list(parts)}
