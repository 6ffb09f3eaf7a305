"""`POST /logs3`: rows as the SDKs send them, and the way round it for rows that are too large."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from otel_braintrust.local.access import guarded, limits_of, store_of
from otel_braintrust.local.answers import JSONAnswer
from otel_braintrust.local.bodies import parse_json, read_json
from otel_braintrust.local.fields import count_field, list_field, text_field
from otel_braintrust.local.routes.login import base_url
from otel_braintrust.local.uploads import OVERFLOW

OVERFLOW_REFERENCE = "logs3_overflow"


async def insert(request: Request) -> Response:
    """`POST /logs3`: write rows of any containers in one transaction."""
    body = await read_json(request, max_bytes=limits_of(request).payload_max_bytes)
    reference = body.get("rows")
    key = None
    if isinstance(reference, dict):
        body, key = await _overflowed(request, reference)
    written = await run_in_threadpool(store_of(request).insert_rows, list_field(body, "rows"))
    if key is not None:
        await run_in_threadpool(store_of(request).uploads.remove, key)
    return JSONAnswer({"ids": written.ids, "xact_id": written.xact_id})


async def _overflowed(request: Request, reference: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The body that was uploaded beforehand, and the key of its upload."""
    if reference.get("type") != OVERFLOW_REFERENCE:
        raise HTTPException(
            400, f"rows: expected an array, or an object of type {OVERFLOW_REFERENCE}"
        )
    key = text_field(reference, "key")
    upload = await run_in_threadpool(store_of(request).uploads.get, key)
    if upload is None or upload.kind != OVERFLOW or upload.content is None:
        raise HTTPException(400, f"rows.key: nothing was uploaded under {key!r}")
    body = parse_json(upload.content)
    if not isinstance(body, dict):
        raise HTTPException(400, "the uploaded body must be a JSON object with rows")
    return body, key


async def announce_overflow(request: Request) -> Response:
    """`POST /logs3/overflow`: where to put a body that is larger than the payload limit."""
    limits = limits_of(request)
    body = await read_json(request, max_bytes=limits.payload_max_bytes)
    list_field(body, "rows")
    size_bytes = count_field(body, "size_bytes")
    if size_bytes is not None and size_bytes > limits.upload_max_bytes:
        raise HTTPException(
            413, f"size_bytes: {size_bytes} is more than the limit of {limits.upload_max_bytes}"
        )
    uploads = store_of(request).uploads
    key = f"overflow/{uuid.uuid4()}"
    content_type = body.get("content_type") or "application/json"
    await run_in_threadpool(uploads.announce, key, OVERFLOW, content_type=content_type)
    query = urlencode(uploads.sign(key, "PUT"))
    return JSONAnswer(
        {
            "method": "PUT",
            "signedUrl": f"{base_url(request)}/uploads/{key}?{query}",
            "headers": {"Content-Type": content_type},
            "key": key,
        }
    )


routes: list[BaseRoute] = [
    guarded("/logs3", insert, methods=["POST"]),
    guarded("/logs3/overflow", announce_overflow, methods=["POST"]),
]
