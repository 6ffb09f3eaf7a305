"""One line for each trace: what a list of traces shows."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import orjson

from otel_braintrust.local.containers import Container
from otel_braintrust.local.cursors import Cursor, decode_cursor
from otel_braintrust.local.database import STILL_VALID
from otel_braintrust.local.projects import Organization, project_of
from otel_braintrust.local.reading import events_of, pagination_key
from otel_braintrust.local.transactions import last_xact_id

SUMMED_METRICS = (
    "prompt_tokens",
    "completion_tokens",
    "tokens",
    "prompt_cached_tokens",
    "completion_reasoning_tokens",
    "estimated_cost",
)


@dataclass
class TraceSummary:
    """A trace in one line.

    `root` is the root span's event, or the earliest event there is while the root has not arrived
    (`has_root` tells which). `metrics` are summed over the model calls, so that a wrapper that
    repeats them is not counted twice; a trace without model calls shows its root's own. `scores`
    are averaged over the trace's spans. `start` and `end` are Unix seconds; `end` is None while
    nothing has ended.
    """

    root_span_id: str
    root: dict[str, Any]
    has_root: bool
    span_count: int = 0
    error_count: int = 0
    model_call_count: int = 0
    start: float | None = None
    end: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    xact_id: str = ""
    pagination_key: str = ""

    @property
    def duration_s(self) -> float | None:
        """Seconds from the first start to the last end, None while unknown."""
        return None if self.start is None or self.end is None else self.end - self.start


@dataclass(frozen=True)
class TracePage:
    """Some traces and the cursor of the next page, None at the end."""

    traces: list[TraceSummary]
    cursor: str | None


def trace_page(
    connection: sqlite3.Connection,
    container: Container,
    organization: Organization,
    *,
    limit: int,
    cursor: str | None,
) -> TracePage:
    """Summarise the traces that arrived last, or those before the cursor.

    Raises:
        CursorError: the cursor is not one that this function gave out.
        UnknownContainerError: the container does not exist.
    """
    place = decode_cursor(cursor) if cursor else Cursor(last_xact_id(connection), STILL_VALID)
    found = connection.execute(
        "SELECT root_span_id, first_seq FROM traces WHERE container = ? AND first_seq < ?"
        " AND EXISTS (SELECT 1 FROM current_rows AS member"
        " WHERE member.container = traces.container"
        " AND member.root_span_id = traces.root_span_id)"
        " ORDER BY first_seq DESC LIMIT ?",
        (container.key, place.position, limit + 1),
    ).fetchall()
    page = found[:limit]
    summaries = summarise(
        connection, container, organization, [record["root_span_id"] for record in page]
    )
    for record, summary in zip(page, summaries, strict=True):
        summary.pagination_key = pagination_key(record["first_seq"])
    more = len(found) > limit and page
    return TracePage(
        summaries, Cursor(place.xact_id, page[-1]["first_seq"]).encode() if more else None
    )


def summarise(
    connection: sqlite3.Connection,
    container: Container,
    organization: Organization,
    root_span_ids: list[str],
) -> list[TraceSummary]:
    """Summarise the given traces, in the order given; each must have at least one row."""
    # CROSS JOIN keeps the order of the tables: else SQLite reads all rows and looks each trace up.
    parts = connection.execute(
        "SELECT seq, root_span_id, is_root, xact_id, span_id = root_span_id AS is_namesake,"
        " json_extract(event, '$.metrics') AS metrics, json_extract(event, '$.scores') AS scores,"
        " json_extract(event, '$.tags') AS tags,"
        " json_type(event, '$.error') NOT IN ('null') AS has_error,"
        " json_extract(event, '$.span_attributes.type') AS type"
        " FROM json_each(?) AS root CROSS JOIN current_rows ON root_span_id = root.value"
        " WHERE container = ? ORDER BY pagination_key",
        (orjson.dumps(root_span_ids).decode(), container.key),
    ).fetchall()
    spans: defaultdict[str, list[sqlite3.Row]] = defaultdict(list)
    for part in parts:
        spans[part["root_span_id"]].append(part)
    heads = {trace: _head(members) for trace, members in spans.items()}
    marks = orjson.dumps([head["seq"] for head in heads.values()]).decode()
    records = connection.execute(
        "SELECT rows.* FROM rows JOIN json_each(?) AS head ON rows.seq = head.value", (marks,)
    ).fetchall()
    events = events_of(
        connection,
        container,
        records,
        org_id=organization.id,
        project_id=project_of(connection, container),
    )
    roots = {event["root_span_id"]: event for event in events}
    return [_summary(trace, roots[trace], spans[trace]) for trace in root_span_ids]


def _head(members: list[sqlite3.Row]) -> sqlite3.Row:
    """The row that stands for a trace: its root span, failing that the first to arrive."""
    return min(members, key=lambda part: (not part["is_root"], not part["is_namesake"]))


def _summary(root_span_id: str, root: dict[str, Any], members: list[sqlite3.Row]) -> TraceSummary:
    metrics = [orjson.loads(part["metrics"] or "null") or {} for part in members]
    calls = [m for m, part in zip(metrics, members, strict=True) if part["type"] == "llm"]
    starts = [m["start"] for m in metrics if m.get("start") is not None]
    ends = [m["end"] for m in metrics if m.get("end") is not None]
    counted = calls or [root.get("metrics") or {}]
    return TraceSummary(
        root_span_id=root_span_id,
        root=root,
        has_root=any(part["is_root"] for part in members),
        span_count=len(members),
        error_count=sum(bool(part["has_error"]) for part in members),
        model_call_count=len(calls),
        start=min(starts, default=None),
        end=max(ends, default=None),
        metrics=_sums(counted),
        scores=_averages(members),
        tags=_tags(members),
        xact_id=str(max(part["xact_id"] for part in members)),
    )


def _sums(metrics: list[dict[str, Any]]) -> dict[str, float]:
    return {
        name: sum(values)
        for name in SUMMED_METRICS
        if (values := [m[name] for m in metrics if m.get(name) is not None])
    }


def _averages(members: list[sqlite3.Row]) -> dict[str, float]:
    values: defaultdict[str, list[float]] = defaultdict(list)
    for part in members:
        for name, score in (orjson.loads(part["scores"] or "null") or {}).items():
            if score is not None:
                values[name].append(score)
    return {name: sum(scores) / len(scores) for name, scores in values.items()}


def _tags(members: list[sqlite3.Row]) -> list[str]:
    lists = (orjson.loads(part["tags"] or "null") or [] for part in members)
    return list(dict.fromkeys(tag for tags in lists for tag in tags))
