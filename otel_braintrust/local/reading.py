"""Reading rows: a stored version, its comments and its audit entries become one event."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from otel_braintrust.local.containers import EXPERIMENT, Container

# SQLite takes at most 32766 parameters in one statement; this stays far below.
_CHUNK = 500

# Fields an event always shows, null if the row has none, as in Braintrust's answers.
EVENT_FIELDS = (
    "input",
    "output",
    "expected",
    "error",
    "scores",
    "metadata",
    "tags",
    "metrics",
    "context",
    "span_parents",
    "span_attributes",
    "origin",
)


def pagination_key(number: int) -> str:
    """Write a row's place in the order of arrival; it sorts as text and never changes."""
    return f"p{number:020d}"


def events_of(
    connection: sqlite3.Connection,
    container: Container,
    records: Sequence[sqlite3.Row],
    *,
    org_id: str,
    project_id: str,
) -> list[dict[str, Any]]:
    """Turn row versions into events, in the order given.

    Args:
        connection: the one the records were read from, so that all is of one moment.
        container: where the rows live.
        records: rows of the table `rows`.
        org_id: the organization's id.
        project_id: the project's id; an experiment's project for an experiment.
    """
    ids = [record["id"] for record in records]
    comments = _bodies(connection, "comments", container, ids)
    audits = _bodies(connection, "audits", container, ids)
    home = (
        {"project_id": project_id, "experiment_id": container.object_id}
        if container.object_type == EXPERIMENT
        else {"project_id": project_id, "log_id": "g"}
    )
    return [
        {
            "id": record["id"],
            "_xact_id": str(record["xact_id"]),
            "_pagination_key": pagination_key(record["pagination_key"]),
            "created": record["created"],
            "org_id": org_id,
            **home,
            "span_id": record["span_id"],
            "root_span_id": record["root_span_id"],
            "is_root": bool(record["is_root"]),
            **dict.fromkeys(EVENT_FIELDS),
            **orjson.loads(record["event"]),
            "comments": comments.get(record["id"]),
            "audit_data": audits.get(record["id"]),
        }
        for record in records
    ]


def _bodies(
    connection: sqlite3.Connection, table: str, container: Container, row_ids: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """The comments or audit entries of rows, oldest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for chunk in _chunks(row_ids):
        marks = ",".join("?" * len(chunk))
        for record in connection.execute(
            f"SELECT row_id, xact_id, body FROM {table}"  # noqa: S608 - the table is one of two literals
            f" WHERE container = ? AND row_id IN ({marks}) ORDER BY xact_id",
            (container.key, *chunk),
        ):
            body = {**orjson.loads(record["body"]), "_xact_id": str(record["xact_id"])}
            found.setdefault(record["row_id"], []).append(body)
    return found


def _chunks(items: Sequence[str]) -> Iterable[Sequence[str]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
