"""Running a plan: one page of rows, and the cursor of the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from otel_braintrust.local.containers import EXPERIMENT, PROJECT_LOGS, Container
from otel_braintrust.local.cursors import Cursor, decode_cursor
from otel_braintrust.local.query.comparing import Sql, number_of
from otel_braintrust.local.query.compiler import ARITHMETIC, Compiler
from otel_braintrust.local.query.operands import COLUMNS, HOME_FIELDS, JSON_FIELDS
from otel_braintrust.local.query.plan import SPANS, Output, Plan, QueryError, Sort
from otel_braintrust.local.query.tree import path_of
from otel_braintrust.local.store import Store

DEFAULT_LIMIT = 1000
PREVIEWED_FIELDS = ("input", "output", "expected", "error", "metadata")

_VISIBLE = "container = ? AND xact_id <= ? AND closed_xact_id > ?"


@dataclass(frozen=True)
class ResultPage:
    """Rows of a query, and the cursor of the next page, None at the end."""

    data: list[dict[str, Any]]
    cursor: str | None


def run(store: Store, plan: Plan, *, now: datetime) -> ResultPage:
    """Run a query.

    All pages of one cursor read the data as it was at the first page.

    Args:
        store: where the rows are.
        plan: the query.
        now: what `NOW()` is in it.

    Raises:
        QueryError: a part of the query cannot be run.
        CursorError: the cursor is not one that this function gave out.
        UnknownContainerError: the project or experiment does not exist.
    """
    container = _container(store, plan)
    project_id = store.project_id_of(container)
    compiler = Compiler(_home(store, container, project_id), now)
    condition = compiler.condition(plan.condition) if plan.condition else ("1", ())
    place = decode_cursor(plan.cursor) if plan.cursor else Cursor(int(store.latest_xact_id()), 0)
    limit = DEFAULT_LIMIT if plan.limit is None else plan.limit
    visible: Sql = (_VISIBLE, (container.key, place.xact_id, place.xact_id))
    reader = _Reader(store, container, visible, condition, _order(compiler, plan.sorts))
    try:
        read = reader.spans if plan.shape == SPANS else reader.traces
        events, more = read(limit, place.position)
    except (sqlite3.OperationalError, sqlite3.DataError) as error:
        raise QueryError(f"query: SQLite cannot run it: {error}") from error
    cursor = Cursor(place.xact_id, place.position + limit).encode() if more and limit else None
    return ResultPage([_shown(event, plan) for event in events], cursor)


class _Reader:
    """Reads the rows of one page, in one of the two shapes."""

    def __init__(
        self, store: Store, container: Container, visible: Sql, condition: Sql, order: list[_Term]
    ) -> None:
        self._store = store
        self._container = container
        self._visible = visible
        self._condition = condition
        self._order = order

    def spans(self, limit: int, offset: int) -> tuple[list[dict[str, Any]], bool]:
        """The rows that match; whether there are more."""
        order = ", ".join(term.clause(term.sql) for term in self._order)
        sql = (
            f"SELECT * FROM rows WHERE {self._visible[0]} AND {self._condition[0]}"  # noqa: S608 - compiled from tables, values are parameters
            f" ORDER BY {order}{', ' if order else ''}seq DESC LIMIT ? OFFSET ?"
        )
        parameters = (*self._visible[1], *self._condition[1], *self._order_parameters())
        events = self._store.select(self._container, sql, (*parameters, limit + 1, offset))
        return events[:limit], len(events) > limit

    def traces(self, limit: int, offset: int) -> tuple[list[dict[str, Any]], bool]:
        """All rows of traces of which a row matches; whether there are more traces."""
        order = ", ".join(
            term.clause(f"{'max' if term.descending else 'min'}({term.sql})")
            for term in self._order
        )
        sql = (
            f"SELECT root_span_id FROM rows WHERE {self._visible[0]} AND root_span_id IN"  # noqa: S608 - as above
            f" (SELECT root_span_id FROM rows WHERE {self._visible[0]} AND {self._condition[0]})"
            f" GROUP BY root_span_id ORDER BY {order}{', ' if order else ''}max(seq) DESC"
            " LIMIT ? OFFSET ?"
        )
        parameters = (
            *self._visible[1],
            *self._visible[1],
            *self._condition[1],
            *self._order_parameters(),
        )
        with self._store.database.reading() as connection:
            found = connection.execute(sql, (*parameters, limit + 1, offset)).fetchall()
        roots = [record["root_span_id"] for record in found]
        # json_each counts its items, which keeps the order of the traces.
        members = (
            "SELECT rows.* FROM json_each(?) AS root CROSS JOIN rows ON root_span_id = root.value"  # noqa: S608 - as above
            f" WHERE {self._visible[0]} ORDER BY root.key, pagination_key"
        )
        text = orjson.dumps(roots[:limit]).decode()
        events = self._store.select(self._container, members, (text, *self._visible[1]))
        return events, len(roots) > limit

    def _order_parameters(self) -> tuple[Any, ...]:
        return tuple(value for term in self._order for value in term.parameters)


@dataclass(frozen=True)
class _Term:
    """One term of ORDER BY; rows without the value come last in either direction."""

    sql: str
    parameters: tuple[Any, ...]
    descending: bool

    def clause(self, sql: str) -> str:
        direction = "DESC" if self.descending else "ASC"
        # Said of a column that is never null it would only keep SQLite from using the index.
        return f"{sql} {direction}" + ("" if sql == "pagination_key" else " NULLS LAST")


def _order(compiler: Compiler, sorts: tuple[Sort, ...]) -> list[_Term]:
    terms: list[_Term] = []
    for sort in sorts:
        if path_of(sort.by) == ("_pagination_key",):
            # The number sorts as its text does, and has an index.
            terms.append(_Term("pagination_key", (), sort.descending))
            continue
        operand = compiler.operand(sort.by)
        if sort.by["op"] in ARITHMETIC:
            operand = number_of(operand)
        if operand.is_constant:
            raise QueryError("sort: expected a field, got a constant")
        terms.append(_Term(operand.sql, operand.parameters, sort.descending))
    return terms


def _container(store: Store, plan: Plan) -> Container:
    """The container that the query reads; a project may also be given by its name."""
    if plan.object_type == PROJECT_LOGS and store.project(plan.object_id) is None:
        named = store.project_named(plan.object_id)
        if named is not None:
            return Container(PROJECT_LOGS, named.id)
    return Container(plan.object_type, plan.object_id)


def _home(store: Store, container: Container, project_id: str) -> dict[str, str]:
    home = {"org_id": store.organization.id, "project_id": project_id}
    if container.object_type == EXPERIMENT:
        return {**home, "experiment_id": container.object_id}
    return {**home, "log_id": "g"}


def _shown(event: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The event with the fields that were selected, cut to previews if that was asked."""
    if plan.preview_length is not None:
        event = {
            name: _preview(value, plan.preview_length) if name in PREVIEWED_FIELDS else value
            for name, value in event.items()
        }
    if plan.outputs is None:
        return event
    return {output.name: _dig(event, output) for output in plan.outputs}


def _dig(event: Mapping[str, Any], output: Output) -> Any:
    name = output.path[0]
    known = name in event or name in COLUMNS or name in JSON_FIELDS or name in HOME_FIELDS
    if not known:
        raise QueryError(f"select: {name} is not a field of rows")
    if output.path == ("duration",):
        metrics = event.get("metrics") or {}
        start, end = metrics.get("start"), metrics.get("end")
        return None if start is None or end is None else end - start
    return dig(event, output.path)


def dig(value: Any, path: tuple[str | int, ...]) -> Any:
    """What lies at a path in JSON, None if nothing does."""
    for part in path:
        if isinstance(value, Mapping) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and -len(value) <= part < len(value):
            value = value[part]
        else:
            return None
    return value


def _preview(value: Any, length: int) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return value if len(text) <= length else text[:length] + "..."
