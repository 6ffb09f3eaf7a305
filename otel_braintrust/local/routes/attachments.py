"""Attachments: announced, put behind a signed link, read back through another."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from otel_braintrust.local.access import guarded, limits_of, store_of
from otel_braintrust.local.answers import JSONAnswer
from otel_braintrust.local.bodies import read_body, read_json
from otel_braintrust.local.fields import optional_text, text_field
from otel_braintrust.local.routes.login import base_url
from otel_braintrust.local.uploads import ATTACHMENT, Upload

UPLOAD_STATUSES = ("uploading", "done", "error")
# What a browser may show by itself, for nothing in it can run; all else it may only save.
SHOWN_TYPES = frozenset(
    {
        *(f"image/{name}" for name in ("png", "jpeg", "gif", "webp", "avif", "bmp")),
        *(
            f"audio/{name}"
            for name in ("mpeg", "wav", "x-wav", "ogg", "mp4", "webm", "flac", "aac")
        ),
        *(f"video/{name}" for name in ("mp4", "webm", "ogg")),
        "text/plain",
        "application/json",
    }
)


async def announce(request: Request) -> Response:
    """`POST /attachment`: where to put the bytes of an attachment."""
    body = await read_json(request, max_bytes=limits_of(request).payload_max_bytes)
    key = text_field(body, "key")
    uploads = store_of(request).uploads
    await run_in_threadpool(
        uploads.announce,
        key,
        ATTACHMENT,
        filename=text_field(body, "filename"),
        content_type=text_field(body, "content_type"),
    )
    return JSONAnswer({"signedUrl": _link(request, key, "PUT"), "headers": {}})


async def note_status(request: Request) -> Response:
    """`POST /attachment/status`: whether the client's upload went well."""
    body = await read_json(request, max_bytes=limits_of(request).payload_max_bytes)
    key, status = text_field(body, "key"), body.get("status")
    wanted = status.get("upload_status") if isinstance(status, dict) else None
    if wanted not in UPLOAD_STATUSES:
        raise HTTPException(400, f"status.upload_status: one of {', '.join(UPLOAD_STATUSES)}")
    error = status.get("error_message") if isinstance(status, dict) else None
    noted = error if isinstance(error, str) else None
    if not await run_in_threadpool(store_of(request).uploads.set_status, key, wanted, noted):
        raise HTTPException(404, f"key: no attachment was announced under {key!r}")
    return JSONAnswer({"key": key, "status": status})


async def locate(request: Request) -> Response:
    """`GET /attachment?key=...`: a link to read an attachment, and how its upload stands.

    With `url` an external one, which this server leaves where it is.
    """
    address = optional_text(request.query_params, "url")
    if address is not None:
        if not address.startswith(("http://", "https://")):
            raise HTTPException(400, "url: this server has no access to object stores")
        return JSONAnswer({"downloadUrl": address, "status": {"upload_status": "done"}})
    key = optional_text(request.query_params, "key") or ""
    uploads = store_of(request).uploads
    upload = await run_in_threadpool(lambda: uploads.get(key, with_content=False))
    if upload is None or upload.kind != ATTACHMENT:
        raise HTTPException(404, f"key: no attachment was announced under {key!r}")
    link = _link(request, key, "GET")
    return JSONAnswer({"downloadUrl": link, "status": upload.upload_status})


async def put(request: Request) -> Response:
    """`PUT /uploads/{key}`: take the bytes; the link's signature stands for the API key."""
    key = _signed_key(request, "PUT")
    content = await read_body(request, max_bytes=limits_of(request).upload_max_bytes)
    if not await run_in_threadpool(store_of(request).uploads.put, key, content):
        raise HTTPException(404, "nothing was announced under this key")
    return PlainTextResponse("")


async def read(request: Request) -> Response:
    """`GET /uploads/{key}`: the bytes of an attachment."""
    key = _signed_key(request, "GET")
    upload = await run_in_threadpool(store_of(request).uploads.get, key)
    if upload is None or upload.content is None:
        raise HTTPException(404, "no bytes have been put here")
    return content_answer(upload)


def content_answer(upload: Upload) -> Response:
    """A file's bytes, so that a browser shows or saves them and never runs them."""
    name = quote(upload.filename or "file", safe="")
    content_type = _header_safe(upload.content_type)
    is_shown = content_type.partition(";")[0].strip().lower() in SHOWN_TYPES
    return Response(
        upload.content,
        headers={
            "Content-Type": content_type,
            "Content-Disposition": (
                f"{'inline' if is_shown else 'attachment'}; filename*=UTF-8''{name}"
            ),
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _header_safe(content_type: str | None) -> str:
    text = content_type or "application/octet-stream"
    return text if text.isascii() and text.isprintable() else "application/octet-stream"


def _link(request: Request, key: str, method: str) -> str:
    query = urlencode(store_of(request).uploads.sign(key, method))
    return f"{base_url(request)}/uploads/{quote(key, safe='')}?{query}"


def _signed_key(request: Request, method: str) -> str:
    key: str = request.path_params["key"]
    query = request.query_params
    if not store_of(request).uploads.is_signed(
        key, method, expires=query.get("expires", ""), signature=query.get("signature", "")
    ):
        raise HTTPException(403, "this link is not signed, is for another use, or has expired")
    return key


routes: list[BaseRoute] = [
    guarded("/attachment", announce, methods=["POST"]),
    guarded("/attachment", locate, methods=["GET"]),
    guarded("/attachment/status", note_status, methods=["POST"]),
    Route("/uploads/{key:path}", put, methods=["PUT"]),
    Route("/uploads/{key:path}", read, methods=["GET"]),
]
