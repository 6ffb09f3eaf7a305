"""Query text, BTQL or SQL, made into the JSON tree that the SDKs send."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from otel_braintrust.local.query.clauses import is_sql, split_clauses
from otel_braintrust.local.query.dialect import Braintrust
from otel_braintrust.local.query.expressions import source_of, tree_of
from otel_braintrust.local.query.plan import SHAPES, QueryError

_SHAPE = re.compile(r"\)\s*(\w+)\s*$")
_QUOTED = re.compile(r"""\s*(['"])(.*)\1\s*""", re.DOTALL)
_SQL_PARTS = frozenset(
    {
        "kind",
        "expressions",
        "from",
        "from_",
        "where",
        "order",
        "limit",
        "offset",
        "hint",
        "distinct",
    }
)


def parse_query(text: str) -> dict[str, Any]:
    """Parse a query; SQL and BTQL are told apart by their first word.

    Args:
        text: for example `select: * | from: project_logs('id') | filter: scores.rating < 0.5`.

    Returns:
        The tree, with the clauses `select`, `from`, `filter`, `sort`, `limit` and `cursor` that are
        there; clauses that are not supported stand in it under their names, for the plan to refuse.

    Raises:
        QueryError: names the clause that cannot be parsed.
    """
    try:
        return _parse_sql(text) if is_sql(text) else _parse_btql(split_clauses(text))
    except RecursionError as error:
        raise QueryError("query: nested too deeply") from error


def _parse_btql(clauses: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, text in clauses.items():
        with _named(name):
            parser = _CLAUSE_PARSERS.get(name)
            tree[name] = parser(text) if parser else text
    return tree


@contextmanager
def _named(clause: str) -> Iterator[None]:
    """Put the clause's name before an error that comes out of it."""
    try:
        yield
    except QueryError as error:
        text = str(error)
        named = text if text.startswith(f"{clause}: ") else f"{clause}: {text}"
        raise QueryError(named) from error


def _parse_sql(text: str) -> dict[str, Any]:
    # sqlglot reads a word after a source as its alias: `FROM project_logs('id') traces`.
    select = _parsed(text, "query")
    if not isinstance(select, exp.Select):
        raise QueryError(f"query: only SELECT is supported, not {select.key.upper()}")
    for part, value in select.args.items():
        if value and part not in _SQL_PARTS:
            raise QueryError(f"{part.upper().rstrip('S')}: this part of SQL is not supported")
    if select.args.get("distinct"):
        raise QueryError("DISTINCT: this part of SQL is not supported")
    source = select.args.get("from_") or select.args.get("from")
    tree: dict[str, Any] = {}
    with _named("SELECT"):
        tree["select"] = [_output(item) for item in select.expressions]
    if source is not None:
        tree["from"] = source_of(source.this)
    where, order = select.args.get("where"), select.args.get("order")
    limit, offset = select.args.get("limit"), select.args.get("offset")
    if where is not None:
        with _named("WHERE"):
            tree["filter"] = tree_of(where.this)
    if order is not None:
        with _named("ORDER BY"):
            tree["sort"] = [_sort(item) for item in order.expressions]
    if limit is not None:
        tree["limit"] = _constant(limit.expression, "LIMIT")
    if offset is not None:
        cursor = _constant(offset.expression, "OFFSET")
        if not isinstance(cursor, str):
            raise QueryError("OFFSET: expected the last page's cursor in quotes, not a number")
        tree["cursor"] = cursor
    return tree


def _parse_select(text: str) -> list[dict[str, Any]]:
    select = _parsed(f"SELECT {text}", "select")
    if any(value for part, value in select.args.items() if part != "expressions"):
        raise QueryError(f"select: {text!r:.60}: start the next clause after a | or on a new line")
    return [_output(item) for item in select.expressions]


def _parse_source(text: str) -> dict[str, Any]:
    found = _SHAPE.search(text)
    shape = found.group(1) if found else None
    source = text[: found.start() + 1] if found else text
    tree = source_of(_parsed(source, "from"))
    if shape is not None:
        tree["shape"] = shape.lower()
        if shape.lower() not in SHAPES:
            raise QueryError(
                f"from: shape {shape!r} is not supported; there are {', '.join(SHAPES)}"
            )
    return tree


def _parse_filter(text: str) -> dict[str, Any]:
    return tree_of(_parsed(text, "filter"))


def _parse_sort(text: str) -> list[dict[str, Any]]:
    select = _parsed(f"SELECT 1 ORDER BY {text}", "sort")
    return [_sort(item) for item in select.args["order"].expressions]


def _parse_number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise QueryError(f"{text!r:.40}: expected a whole number") from error


def _parse_cursor(text: str) -> str | None:
    if text.lower() == "null":
        return None
    quoted = _QUOTED.fullmatch(text)
    return quoted.group(2) if quoted else text


_CLAUSE_PARSERS = {
    "select": _parse_select,
    "from": _parse_source,
    "filter": _parse_filter,
    "sort": _parse_sort,
    "limit": _parse_number,
    "preview_length": _parse_number,
    "cursor": _parse_cursor,
}


def _parsed(text: str, clause: str) -> exp.Expression:
    try:
        statements = sqlglot.parse(text, dialect=Braintrust)
    except SqlglotError as error:
        # sqlglot underlines the place with terminal codes; its first line says what and where.
        reason = str(error).splitlines()[0]
        raise QueryError(f"{clause}: cannot be parsed: {_plain(reason)}") from error
    if len(statements) == 1 and isinstance(statements[0], exp.Expression):
        return statements[0]
    raise QueryError(f"{clause}: expected one expression, got {text!r:.60}")


def _plain(text: str) -> str:
    """A parser's message without terminal codes and names of Python classes."""
    text = re.sub(r"\x1b\[\d+m", "", text)
    return re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", text)


def _output(item: exp.Expression) -> dict[str, Any]:
    if isinstance(item, exp.Star):
        return {"op": "star"}
    if isinstance(item, exp.Alias):
        return {"expr": tree_of(item.this), "alias": item.alias}
    return {"expr": tree_of(item)}


def _sort(item: exp.Expression) -> dict[str, Any]:
    return {"expr": tree_of(item.this), "dir": "desc" if item.args.get("desc") else "asc"}


def _constant(expression: exp.Expression, clause: str) -> Any:
    tree = tree_of(expression)
    if tree["op"] != "literal":
        raise QueryError(f"{clause}: expected a constant, got {expression.sql()!r:.40}")
    return tree["value"]
