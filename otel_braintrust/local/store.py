"""The local Braintrust's data: projects, experiments and rows in SQLite, by Braintrust's rules."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from otel_braintrust.local import projects, summaries, uploads
from otel_braintrust.local.containers import (
    EXPERIMENT,
    PROJECT_LOGS,
    Container,
    UnknownContainerError,
    container_of,
    project_logs,
)
from otel_braintrust.local.cursors import Cursor, decode_cursor
from otel_braintrust.local.database import IN_MEMORY, STILL_VALID, Database
from otel_braintrust.local.projects import Organization, Project
from otel_braintrust.local.reading import events_of
from otel_braintrust.local.rows import RowError, check_rows
from otel_braintrust.local.summaries import TracePage
from otel_braintrust.local.timestamps import format_unix_time
from otel_braintrust.local.transactions import last_xact_id, next_xact_id
from otel_braintrust.local.writing import RowWriter

DEFAULT_ORG_NAME = "local"
DEFAULT_FETCH_LIMIT = 1000


class Written(NamedTuple):
    """What a write did: the rows' ids in the order given, and the transaction's id."""

    ids: list[str]
    xact_id: str


@dataclass(frozen=True)
class EventPage:
    """Some events and the cursor of the next page, None at the end."""

    events: list[dict[str, Any]]
    cursor: str | None


class Store:
    """Projects and their rows, kept in one SQLite file; every method is safe from any thread.

    Args:
        path: the file, made if it is not there; `":memory:"` (default) keeps nothing.
        org_name: the one organization's name, default `local`.
        clock: Unix time in seconds, default `time.time`.

    Raises:
        sqlite3.Error: the file cannot be opened or is not a database.

    Example:
        >>> store = Store()
        >>> project, _ = store.create_project("chat")
        >>> written = store.insert_rows([{"id": "a", "input": "hi", "project_id": project.id}])
        >>> store.row(project.id, "a")["input"]
        'hi'
    """

    def __init__(
        self,
        path: str | Path = IN_MEMORY,
        *,
        org_name: str = DEFAULT_ORG_NAME,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.database = Database(path)
        self.organization = Organization.named(org_name)
        self.uploads = uploads.Uploads(self.database, clock=clock)
        self._clock = clock

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        self.database.close()

    def create_project(self, name: str, *, description: str | None = None) -> tuple[Project, bool]:
        """Get the project of this name, or make it; the second value says whether it was made.

        Raises:
            ValueError: the name is empty.
        """
        with self.database.writing() as connection:
            return projects.get_or_create(
                connection,
                self.organization,
                name,
                description=description,
                created=format_unix_time(self._clock()),
            )

    def projects(self) -> list[Project]:
        """All projects, the newest first."""
        with self.database.reading() as connection:
            return projects.list_all(connection, self.organization)

    def project(self, project_id: str) -> Project | None:
        """The project with this id, or None."""
        with self.database.reading() as connection:
            return projects.by_id(connection, self.organization, project_id)

    def project_named(self, name: str) -> Project | None:
        """The project with this name, or None."""
        with self.database.reading() as connection:
            return projects.by_name(connection, self.organization, name)

    def create_experiment(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make an experiment, or get it by name; `body` as in `POST /v1/experiment`.

        Raises:
            UnknownContainerError: its project does not exist.
        """
        with self.database.writing() as connection:
            return projects.create_experiment(
                connection, self.organization, body, created=format_unix_time(self._clock())
            )

    def experiment(self, experiment_id: str) -> dict[str, Any] | None:
        """The experiment with this id, or None."""
        with self.database.reading() as connection:
            return projects.experiment_by_id(connection, experiment_id)

    def insert_rows(self, rows: Sequence[Mapping[str, Any]], *, list_name: str = "rows") -> Written:
        """Write rows in one transaction, by the merge rules; one bad row and none is written.

        Args:
            rows: rows as `POST /logs3` takes them, each with the key of its container
                (`project_id` or `experiment_id`). `_is_merge` merges into the row with the same
                `id`, otherwise it is replaced; a row with `comment` and `origin.id` becomes a
                comment of that row.
            list_name: what messages call the list, default `rows`.

        Raises:
            RowError: a field has the wrong type or value; names the row's index and the field.
            UnknownContainerError: a row names a project or experiment that does not exist.
        """
        check_rows(rows, list_name=list_name)
        containers = [_required_container(row, index, list_name) for index, row in enumerate(rows)]
        now_s = self._clock()
        with self.database.writing() as connection:
            for container in dict.fromkeys(containers):
                projects.project_of(connection, container)
            xact_id = next_xact_id(connection, now_s=now_s)
            writer = RowWriter(connection, xact_id=xact_id, now_s=now_s)
            ids = [writer.write(place, row) for place, row in zip(containers, rows, strict=True)]
        return Written(ids, str(xact_id))

    def row(self, project_id: str, row_id: str) -> dict[str, Any] | None:
        """The event with this id in a project's logs, or None."""
        found = self.select(
            project_logs(project_id),
            "SELECT * FROM current_rows WHERE container = ? AND id = ?",
            [project_logs(project_id).key, row_id],
        )
        return found[0] if found else None

    def rows(self, project_id: str) -> list[dict[str, Any]]:
        """All events of a project's logs, in the order they first arrived."""
        return self.select(
            project_logs(project_id),
            "SELECT * FROM current_rows WHERE container = ? ORDER BY pagination_key",
            [project_logs(project_id).key],
        )

    def trace(self, project_id: str, root_span_id: str) -> list[dict[str, Any]]:
        """All events of one trace by start time, empty if there is no such trace."""
        return self.select(
            project_logs(project_id),
            "SELECT * FROM current_rows WHERE container = ? AND root_span_id = ?"
            " ORDER BY json_extract(event, '$.metrics.start') IS NULL,"
            " json_extract(event, '$.metrics.start'), is_root DESC, pagination_key",
            [project_logs(project_id).key, root_span_id],
        )

    def traces(self, project_id: str, *, limit: int = 50, cursor: str | None = None) -> TracePage:
        """Summaries of traces, the latest to arrive first; later updates of a trace do not move it.

        Args:
            project_id: the project's id.
            limit: the most traces to return.
            cursor: the last page's cursor, None for the first page.

        Raises:
            CursorError: the cursor is not one that this method gave out.
        """
        container = project_logs(project_id)
        with self.database.reading() as connection:
            return summaries.trace_page(
                connection, container, self.organization, limit=limit, cursor=cursor
            )

    def latest_xact_id(self) -> str:
        """The newest transaction's id: unchanged means nothing was written since."""
        with self.database.reading() as connection:
            return str(last_xact_id(connection))

    def project_id_of(self, container: Container) -> str:
        """The id of the project that a container belongs to.

        Raises:
            UnknownContainerError: the project or experiment does not exist.
        """
        with self.database.reading() as connection:
            return projects.project_of(connection, container)

    def fetch(
        self,
        container: Container,
        *,
        limit: int = DEFAULT_FETCH_LIMIT,
        cursor: str | None = None,
        version: int | None = None,
    ) -> EventPage:
        """Whole traces, those with the latest transaction first, as `GET .../fetch` returns them.

        All pages of one cursor read the data as it was at the first page, so what is written
        between two pages neither repeats nor hides a trace.

        Args:
            container: a project's logs or an experiment.
            limit: the most traces in a page; a page has all rows of each.
            cursor: the last page's cursor, None for the first page.
            version: a transaction id; the data is read as it was right after it.

        Raises:
            CursorError: the cursor is not one that this method gave out.
            UnknownContainerError: the project or experiment does not exist.
        """
        with self.database.reading() as connection:
            place = (
                decode_cursor(cursor)
                if cursor
                else Cursor(version or last_xact_id(connection), STILL_VALID)
            )
            moment = {"container": container.key, "xact": place.xact_id}
            traces = connection.execute(
                "SELECT root_span_id, max(seq) AS last FROM rows WHERE container = :container"
                " AND xact_id <= :xact AND closed_xact_id > :xact"
                " GROUP BY root_span_id HAVING last < :position ORDER BY last DESC LIMIT :limit",
                {**moment, "position": place.position, "limit": limit + 1},
            ).fetchall()
            page = traces[:limit]
            records = connection.execute(
                "SELECT rows.* FROM json_each(:roots) AS root CROSS JOIN rows"
                " ON rows.root_span_id = root.value WHERE container = :container"
                " AND xact_id <= :xact AND closed_xact_id > :xact ORDER BY seq DESC",
                {**moment, "roots": orjson.dumps([t["root_span_id"] for t in page]).decode()},
            ).fetchall()
            events = events_of(
                connection,
                container,
                records,
                org_id=self.organization.id,
                project_id=projects.project_of(connection, container),
            )
        more = len(traces) > limit and page
        return EventPage(events, Cursor(place.xact_id, page[-1]["last"]).encode() if more else None)

    def select(
        self, container: Container, sql: str, parameters: Sequence[Any] | Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Run a SELECT over the table `rows` that returns its columns, and read the rows as events.

        Raises:
            UnknownContainerError: the project or experiment does not exist.
        """
        with self.database.reading() as connection:
            project_id = projects.project_of(connection, container)
            records = connection.execute(sql, parameters).fetchall()
            return events_of(
                connection,
                container,
                records,
                org_id=self.organization.id,
                project_id=project_id,
            )


def _required_container(row: Mapping[str, Any], index: int, list_name: str) -> Container:
    container = container_of(row)
    if container is None:
        problem = "names no container: project_id (with log_id 'g') or experiment_id is required"
        raise RowError(problem, index=index, field="", list_name=list_name)
    if container.object_type not in (PROJECT_LOGS, EXPERIMENT):
        raise UnknownContainerError(container.object_type, container.object_id)
    return container
