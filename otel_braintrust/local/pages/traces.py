"""What the pages ask of the store: a list, an outline, one row, a sign of life."""

from __future__ import annotations

from typing import Any

from otel_braintrust.local.containers import project_logs
from otel_braintrust.local.pages.outline import outline
from otel_braintrust.local.pages.summary import needs_model_calls, summarize
from otel_braintrust.local.projects import Project
from otel_braintrust.local.store import Store
from otel_braintrust.local.summaries import TraceSummary

DEFAULT_PROJECT = "Global"
MAX_TRACES = 200

# The outline needs no content, and a trace can hold gigabytes of it.
_OUTLINE_SQL = (
    "SELECT seq, container, id, span_id, root_span_id, is_root, created, pagination_key, xact_id,"
    " json_remove(event, '$.input', '$.output', '$.expected', '$.context') AS event"
    " FROM current_rows WHERE container = ? AND root_span_id = ? ORDER BY pagination_key"
)
# Pages ask for signs of life every second or two: one row is read, without its content.
_LATEST_ROW_SQL = (
    "SELECT seq, container, id, span_id, root_span_id, is_root, created, pagination_key, xact_id,"
    " '{}' AS event FROM current_rows WHERE container = ? ORDER BY pagination_key DESC LIMIT 1"
)
_MODEL_CALL_SQL = (
    "SELECT * FROM current_rows WHERE container = ? AND root_span_id = ?"
    " AND json_extract(event, '$.span_attributes.type') = 'llm'"
    " ORDER BY json_extract(event, '$.metrics.start') {direction}, pagination_key {direction}"
    " LIMIT 1"
)


def surroundings(store: Store) -> dict[str, Any]:
    """What every page needs: the newest transaction, and the projects to choose from.

    It is read before the data of a page: what arrives in between is then news to the page.

    Args:
        store: the local Braintrust's store.
    """
    version = store.latest_xact_id()
    return {
        "version": version,
        "projects": [{"name": project.name} for project in store.projects()],
    }


def trace_list(
    store: Store, project_name: str, *, limit: int = 50, cursor: str | None = None
) -> dict[str, Any]:
    """A page of the list, latest arrival first; a project that does not exist yet is empty.

    Args:
        store: the local Braintrust's store.
        project_name: the project's name.
        limit: the most traces in the page, at most 200.
        cursor: the last page's cursor.

    Raises:
        CursorError: the cursor is not one of this store's.
    """
    answer: dict[str, Any] = {**surroundings(store), "traces": [], "cursor": None}
    project = store.project_named(project_name)
    if project is not None:
        page = store.traces(project.id, limit=max(1, min(limit, MAX_TRACES)), cursor=cursor)
        answer["traces"] = [_line(store, project, trace) for trace in page.traces]
        answer["cursor"] = page.cursor
    return answer


def trace_outline(store: Store, project_name: str, sought_id: str) -> dict[str, Any] | None:
    """The tree of one trace with its bars, None if there is no such trace.

    Args:
        store: the local Braintrust's store.
        project_name: the project's name.
        sought_id: the trace's root span id, else the id of a row or a span in it.
    """
    project = store.project_named(project_name)
    if project is None:
        return None
    container = project_logs(project.id)
    rows = store.select(container, _OUTLINE_SQL, [container.key, sought_id])
    if rows:
        return outline(rows)
    place = place_of(store, project, sought_id)
    return trace_outline(store, project_name, place[0]) if place else None


def whole_row(store: Store, project_name: str, row_id: str) -> dict[str, Any] | None:
    """One row with all its content, None if there is no such row.

    Args:
        store: the local Braintrust's store.
        project_name: the project's name.
        row_id: the row's id.
    """
    project = store.project_named(project_name)
    return None if project is None else store.row(project.id, row_id)


def sign_of_life(store: Store, project_name: str) -> dict[str, Any]:
    """Whether anything was written: the newest transaction, and where the first trace is found.

    Args:
        store: the local Braintrust's store.
        project_name: the project that a page shows.

    Returns:
        `version`, unchanged while nothing is written, and `project`, the name of the one shown if
        it has a trace, else of one that has, else None.
    """
    version = store.latest_xact_id()
    return {"version": version, "project": project_with_traces(store, project_name)}


def project_with_traces(store: Store, preferred: str | None = None) -> str | None:
    """A project that has a trace: the preferred one, else the one in which the latest arrived.

    Args:
        store: the local Braintrust's store.
        preferred: the project to take if it has any, default none.
    """
    arrivals: list[tuple[int, str]] = []
    for project in store.projects():
        container = project_logs(project.id)
        latest = store.select(container, _LATEST_ROW_SQL, [container.key])
        if latest and project.name == preferred:
            return preferred
        arrivals += [(int(row["_xact_id"]), project.name) for row in latest]
    return max(arrivals)[1] if arrivals else None


def place_of(store: Store, project: Project, sought_id: str) -> tuple[str, str] | None:
    """Find a trace by any id a link may carry: of a row, of a span, or of the trace.

    Args:
        store: the local Braintrust's store.
        project: where to look.
        sought_id: the id in the link.

    Returns:
        The trace's root span id and the span's id; None if nothing has this id.
    """
    container = project_logs(project.id)
    sql = (
        "SELECT * FROM current_rows WHERE container = :container"
        " AND (id = :sought OR span_id = :sought OR root_span_id = :sought)"
        " ORDER BY id = :sought DESC, span_id = :sought DESC, is_root DESC, pagination_key LIMIT 1"
    )
    found = store.select(container, sql, {"container": container.key, "sought": sought_id})
    return (found[0]["root_span_id"], found[0]["span_id"]) if found else None


def _line(store: Store, project: Project, trace: TraceSummary) -> dict[str, Any]:
    if not needs_model_calls(trace):
        return summarize(trace)
    container = project_logs(project.id)
    calls = []
    for direction in ("ASC", "DESC"):
        sql = _MODEL_CALL_SQL.format(direction=direction)
        calls += store.select(container, sql, [container.key, trace.root_span_id])
    return summarize(trace, first_call=calls[0], last_call=calls[-1]) if calls else summarize(trace)
