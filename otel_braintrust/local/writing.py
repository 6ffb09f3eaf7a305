"""Writing rows: ids and times given, versions closed, comments and audits put beside their row."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any

import orjson

from otel_braintrust.local.containers import Container
from otel_braintrust.local.merging import merge_event
from otel_braintrust.local.rows import NOT_STORED
from otel_braintrust.local.timestamps import format_timestamp, format_unix_time, parse_timestamp

_COLUMN_FIELDS = frozenset({"id", "span_id", "root_span_id", "created"})


class RowWriter:
    """Writes the rows of one request; all of them carry its transaction id.

    Args:
        connection: inside a write transaction.
        xact_id: the request's transaction id.
        now_s: Unix time in seconds, for rows that bring no `created`.
    """

    def __init__(self, connection: sqlite3.Connection, *, xact_id: int, now_s: float) -> None:
        self._connection = connection
        self._xact_id = xact_id
        self._now = format_unix_time(now_s)

    def write(self, container: Container, row: Mapping[str, Any]) -> str:
        """Write one checked row and return its id, made up if the row has none."""
        row_id = row.get("id") or str(uuid.uuid4())
        if row.get("comment") is not None and (row.get("origin") or {}).get("id"):
            self._write_comment(container, row_id, row)
            return row_id
        existing = self._current(container, row_id)
        if row.get("_object_delete"):
            self._delete(container, row_id, existing)
        elif row.get("_is_merge") and existing is not None:
            self._merge(container, existing, row)
        else:
            self._replace(container, row_id, existing, row)
        self._audit(container, row_id, row)
        return row_id

    def _current(self, container: Container, row_id: str) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self._connection.execute(
            "SELECT * FROM current_rows WHERE container = ? AND id = ?",
            (container.key, row_id),
        ).fetchone()
        return found

    def _replace(
        self,
        container: Container,
        row_id: str,
        existing: sqlite3.Row | None,
        row: Mapping[str, Any],
    ) -> None:
        event = _content(row)
        parent = self._parent_of(container, row)
        if parent is not None and not event.get("span_parents"):
            event["span_parents"] = [parent["span_id"]]
        span_id = row.get("span_id") or row_id
        created = row.get("created")
        if created is None:
            created = existing["created"] if existing is not None else self._now
        self._store(
            container,
            existing,
            row_id=row_id,
            span_id=span_id,
            root_span_id=row.get("root_span_id")
            or (parent["root_span_id"] if parent is not None else span_id),
            created=_normalised(created, self._now),
            event=event,
        )

    def _merge(self, container: Container, existing: sqlite3.Row, row: Mapping[str, Any]) -> None:
        event = merge_event(
            orjson.loads(existing["event"]),
            _content(row),
            replaced_paths=row.get("_merge_paths") or (),
            array_deletions=row.get("_array_delete") or (),
        )
        self._store(
            container,
            existing,
            row_id=existing["id"],
            span_id=existing["span_id"],
            root_span_id=existing["root_span_id"],
            created=existing["created"],
            event=event,
        )

    def _parent_of(self, container: Container, row: Mapping[str, Any]) -> sqlite3.Row | None:
        """The row above this one, looked up only if the row itself does not name its trace."""
        if row.get("root_span_id"):
            return None
        if row.get("_parent_id"):
            return self._current(container, row["_parent_id"])
        for span_id in row.get("span_parents") or ():
            found: sqlite3.Row | None = self._connection.execute(
                "SELECT * FROM current_rows WHERE container = ? AND span_id = ?",
                (container.key, span_id),
            ).fetchone()
            if found is not None:
                return found
        return None

    def _store(
        self,
        container: Container,
        existing: sqlite3.Row | None,
        *,
        row_id: str,
        span_id: str,
        root_span_id: str,
        created: str,
        event: dict[str, Any],
    ) -> None:
        self._close(existing)
        cursor = self._connection.execute(
            "INSERT INTO rows (container, id, span_id, root_span_id, is_root, created,"
            " pagination_key, xact_id, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                container.key,
                row_id,
                span_id,
                root_span_id,
                not event.get("span_parents"),
                created,
                existing["pagination_key"] if existing is not None else 0,
                self._xact_id,
                orjson.dumps(event).decode(),
            ),
        )
        seq = cursor.lastrowid
        if existing is None:  # a row keeps the key of its first arrival through all its versions
            self._connection.execute("UPDATE rows SET pagination_key = seq WHERE seq = ?", (seq,))
        self._connection.execute(
            "INSERT OR IGNORE INTO traces (container, root_span_id, first_seq) VALUES (?, ?, ?)",
            (container.key, root_span_id, seq),
        )

    def _close(self, existing: sqlite3.Row | None) -> None:
        """End a version of a row; one that this same request wrote was never visible."""
        if existing is None:
            return
        if existing["xact_id"] == self._xact_id:
            self._connection.execute("DELETE FROM rows WHERE seq = ?", (existing["seq"],))
        else:
            self._connection.execute(
                "UPDATE rows SET closed_xact_id = ? WHERE seq = ?", (self._xact_id, existing["seq"])
            )

    def _delete(self, container: Container, row_id: str, existing: sqlite3.Row | None) -> None:
        self._close(existing)
        # The id may also be a comment's; a deleted row takes its comments along.
        self._connection.execute(
            "DELETE FROM comments WHERE container = ? AND (id = ? OR row_id = ?)",
            (container.key, row_id, row_id),
        )

    def _write_comment(self, container: Container, row_id: str, row: Mapping[str, Any]) -> None:
        body = {
            "id": row_id,
            "created": _normalised(row.get("created") or self._now, self._now),
            "origin": row["origin"],
            "comment": row["comment"],
            "source": row.get("_audit_source") or "external",
            "metadata": row.get("_audit_metadata"),
        }
        self._connection.execute(
            "INSERT OR REPLACE INTO comments (container, id, row_id, xact_id, body)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                container.key,
                row_id,
                row["origin"]["id"],
                self._xact_id,
                orjson.dumps(body).decode(),
            ),
        )

    def _audit(self, container: Container, row_id: str, row: Mapping[str, Any]) -> None:
        """Keep who changed what, if the row says who did."""
        if row.get("_audit_source") is None and row.get("_audit_metadata") is None:
            return
        action = (
            "delete" if row.get("_object_delete") else "merge" if row.get("_is_merge") else "upsert"
        )
        body = {
            "audit_data": {"action": action, "to": _content(row)},
            "created": self._now,
            "source": row.get("_audit_source") or "external",
            "metadata": row.get("_audit_metadata"),
        }
        self._connection.execute(
            "INSERT INTO audits (container, row_id, xact_id, body) VALUES (?, ?, ?, ?)",
            (container.key, row_id, self._xact_id, orjson.dumps(body).decode()),
        )


def _content(row: Mapping[str, Any]) -> dict[str, Any]:
    """What of a row is kept as its event: all but places, controls and columns of their own."""
    event = {
        key: value
        for key, value in row.items()
        if key not in NOT_STORED and key not in _COLUMN_FIELDS
    }
    if isinstance(event.get("tags"), list):
        event["tags"] = list(dict.fromkeys(event["tags"]))
    return event


def _normalised(created: str, now: str) -> str:
    moment = parse_timestamp(created)
    return format_timestamp(moment) if moment else now
