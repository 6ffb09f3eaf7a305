"""Events of a project's logs or an experiment over REST: insert, fetch, feedback."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from otel_braintrust.local.access import guarded, limits_of, store_of
from otel_braintrust.local.answers import JSONAnswer
from otel_braintrust.local.bodies import read_json
from otel_braintrust.local.containers import (
    CONTAINER_FIELDS,
    EXPERIMENT,
    PROJECT_LOGS,
    Container,
)
from otel_braintrust.local.fields import count_field, list_field
from otel_braintrust.local.rows import AUDIT_SOURCES, RowError, check_rows
from otel_braintrust.local.store import DEFAULT_FETCH_LIMIT

# OpenAPI's SpanType, and the three more that the official SDK sends.
SPAN_TYPES = frozenset(
    [
        "llm",
        "score",
        "function",
        "eval",
        "task",
        "tool",
        "automation",
        "facet",
        "preprocessor",
        "classifier",
        "review",
    ]
) | {"decision", "question", "log"}

MAX_FETCH_LIMIT = 1_000_000

CONTAINER_KEY = {PROJECT_LOGS: "project_id", EXPERIMENT: "experiment_id"}
FEEDBACK_FIELDS = ("scores", "expected", "tags")


async def insert(request: Request) -> Response:
    """`POST /v1/project_logs/{id}/insert`: write events by the merge rules, all or none."""
    body = await read_json(request, max_bytes=limits_of(request).payload_max_bytes)
    events = list_field(body, "events")
    check_rows(events, list_name="events")
    _check_rest_rules(events)
    written = await run_in_threadpool(
        store_of(request).insert_rows,
        [_placed(event, _container(request)) for event in events],
        list_name="events",
    )
    return JSONAnswer({"row_ids": written.ids})


async def fetch(request: Request) -> Response:
    """`GET|POST /v1/project_logs/{id}/fetch`: whole traces, the latest first, page by page."""
    wanted: Mapping[str, Any] = request.query_params
    if request.method == "POST":
        wanted = await read_json(request, max_bytes=limits_of(request).payload_max_bytes)
    for name in ("max_xact_id", "max_root_span_id", "filters"):
        if wanted.get(name):
            raise HTTPException(400, f"{name}: not supported; page with cursor, filter with /btql")
    limit = count_field(wanted, "limit")
    page = await run_in_threadpool(
        store_of(request).fetch,
        _container(request),
        limit=DEFAULT_FETCH_LIMIT if limit is None else min(limit, MAX_FETCH_LIMIT),
        cursor=wanted.get("cursor") or None,
        version=count_field(wanted, "version"),
    )
    return JSONAnswer({"events": page.events, "cursor": page.cursor})


async def feedback(request: Request) -> Response:
    """`POST /v1/project_logs/{id}/feedback`: scores, expected, tags and comments on rows."""
    body = await read_json(request, max_bytes=limits_of(request).payload_max_bytes)
    container = _container(request)
    items = list_field(body, "feedback")
    _check_feedback(items)
    rows = [_placed(row, container) for item in items for row in feedback_rows(item)]
    await run_in_threadpool(store_of(request).insert_rows, rows, list_name="feedback")
    return JSONAnswer({"status": "success"})


def feedback_rows(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows that the official SDK would send for this feedback: an update, and a comment.

    Args:
        item: `id` of the row, and of `scores`, `expected`, `tags`, `comment`, `metadata` and
            `source` those that are there.
    """
    audit = {
        "_audit_source": item.get("source") or "external",
        "_audit_metadata": item.get("metadata"),
    }
    changes = {name: item[name] for name in FEEDBACK_FIELDS if item.get(name) is not None}
    comment = item.get("comment")
    rows: list[dict[str, Any]] = []
    if changes or not comment:
        rows.append({"id": item["id"], **changes, **audit, "_is_merge": True})
    if comment:
        text = {"text": comment}
        comment_id = str(uuid.uuid4())
        rows.append({"id": comment_id, "origin": {"id": item["id"]}, "comment": text, **audit})
    return rows


def _check_feedback(items: Sequence[Any]) -> None:
    """Check the fields that rows have too as rows are checked, and then those of feedback alone."""
    check_rows(
        [
            {key: value for key, value in item.items() if key != "comment"}
            if isinstance(item, dict)
            else item
            for item in items
        ],
        list_name="feedback",
    )
    for index, item in enumerate(items):
        problems = {
            "id": None if item.get("id") else "is required",
            "comment": None if isinstance(item.get("comment"), str | None) else "expected a string",
            "source": None
            if item.get("source") in (None, *AUDIT_SOURCES)
            else f"expected one of {', '.join(AUDIT_SOURCES)}",
        }
        for field, problem in problems.items():
            if problem:
                raise RowError(problem, index=index, field=field, list_name="feedback")


def _check_rest_rules(events: Sequence[Mapping[str, Any]]) -> None:
    """What this endpoint refuses and `/logs3` takes."""
    for index, event in enumerate(events):
        kind = (event.get("span_attributes") or {}).get("type")
        if kind is not None and kind not in SPAN_TYPES:
            problem = f"{kind!r} is not one of {', '.join(sorted(SPAN_TYPES))}"
            raise RowError(problem, index=index, field="span_attributes.type", list_name="events")
        if event.get("tags") and event.get("span_parents"):
            # Observed at the hosted service in 2025; its documentation since speaks of any span.
            problem = "tags are only allowed on root spans; put them on the trace's root"
            raise RowError(problem, index=index, field="tags", list_name="events")


def _container(request: Request) -> Container:
    object_type = request.path_params["object_type"]
    if object_type not in CONTAINER_KEY:
        raise HTTPException(404)
    return Container(object_type, request.path_params["object_id"])


def _placed(row: Mapping[str, Any], container: Container) -> dict[str, Any]:
    """The row with the container of the request's path, whatever it says of its own."""
    content = {key: value for key, value in row.items() if key not in CONTAINER_FIELDS}
    return {**content, CONTAINER_KEY[container.object_type]: container.object_id}


routes: list[BaseRoute] = [
    guarded("/v1/{object_type}/{object_id}/insert", insert, methods=["POST"]),
    guarded("/v1/{object_type}/{object_id}/fetch", fetch, methods=["GET", "POST"]),
    guarded("/v1/{object_type}/{object_id}/feedback", feedback, methods=["POST"]),
]
