"""`POST /btql`: queries as text or as a tree."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from otel_braintrust.local.access import guarded, limits_of, store_of
from otel_braintrust.local.answers import JSONAnswer
from otel_braintrust.local.bodies import read_json
from otel_braintrust.local.query.plan import Plan
from otel_braintrust.local.query.running import run
from otel_braintrust.local.query.schema import schema_of
from otel_braintrust.local.query.text import parse_query
from otel_braintrust.local.query.tree import plan_of
from otel_braintrust.local.store import Store

JSON_LINES = "application/x-ndjson"
FORMATS = ("json", "jsonl")


async def query(request: Request) -> Response:
    """Run a query; the next page's cursor is in the body and in the header `x-bt-cursor`."""
    body = await read_json(request, max_bytes=limits_of(request).payload_max_bytes)
    form = body.get("fmt") or "json"
    if form not in FORMATS:
        raise HTTPException(400, f"fmt: {form!r} is not supported; there are {', '.join(FORMATS)}")
    wanted = body.get("query")
    if not isinstance(wanted, (str, dict)):
        raise HTTPException(400, "query: a text or an object is required")
    return await run_in_threadpool(_answer, store_of(request), wanted, form)


def _answer(store: Store, wanted: str | dict[str, Any], form: str) -> Response:
    plan = plan_of(parse_query(wanted) if isinstance(wanted, str) else wanted)
    page = run(store, plan, now=datetime.now(timezone.utc))
    headers = {"x-bt-cursor": page.cursor} if page.cursor else {}
    if form == "jsonl":
        lines = b"".join(orjson.dumps(row) + b"\n" for row in page.data)
        return Response(lines, media_type=JSON_LINES, headers=headers)
    return JSONAnswer(_body(store, plan, page.data, page.cursor), headers=headers)


def _body(
    store: Store, plan: Plan, data: list[dict[str, Any]], cursor: str | None
) -> dict[str, Any]:
    newest = store.latest_xact_id()
    return {
        "data": data,
        "schema": schema_of(plan),
        "cursor": cursor,
        "freshness_state": {
            "last_processed_xact_id": newest,
            "last_considered_xact_id": newest,
        },
    }


routes: list[BaseRoute] = [guarded("/btql", query, methods=["POST"])]
