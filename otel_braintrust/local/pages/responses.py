"""Answers that a browser may not misuse: strict content policy, no sniffing, no referrer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

STATIC = Path(__file__).parent / "static"

# What was logged may hold anything. Even if some of it were taken for HTML, this policy lets no
# script of it run, nothing of it load, and nothing of it leave for another host.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " media-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class JsonResponse(Response):
    """A JSON document for the pages; never cached."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200) -> None:
        body = orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)
        headers = {**SECURITY_HEADERS, "Cache-Control": "no-store"}
        super().__init__(body, status_code=status_code, headers=headers)


def problem(message: str, status_code: int) -> JsonResponse:
    """An error whose message the page shows to the reader.

    Args:
        message: one sentence: what is wrong and what to do.
        status_code: the HTTP status.
    """
    return JsonResponse({"error": message}, status_code)


def document(name: str) -> FileResponse:
    """One of the HTML files.

    Args:
        name: the file's name in the static folder.
    """
    headers = {**SECURITY_HEADERS, "Cache-Control": "no-cache"}
    return FileResponse(STATIC / name, media_type="text/html", headers=headers)


class StaticAssets:
    """Scripts, styles and drawings of the pages; a browser asks again whether they changed."""

    def __init__(self) -> None:
        self._files = StaticFiles(directory=STATIC)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""

        async def send_secured(message: Any) -> None:
            if message["type"] == "http.response.start":
                extra = {**SECURITY_HEADERS, "Cache-Control": "no-cache"}
                message["headers"] = [
                    *message["headers"],
                    *((name.lower().encode(), value.encode()) for name, value in extra.items()),
                ]
            await send(message)

        await self._files(scope, receive, send_secured)
