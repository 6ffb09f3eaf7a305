"""An ASGI middleware that tells the caller which span a response came from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from opentelemetry import trace

from otel_braintrust.annotate import start_span
from otel_braintrust.links import export_span
from otel_braintrust.propagation import extract

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

DEFAULT_HEADER = "x-braintrust-span"


class SpanSlugMiddleware:
    """Puts the slug of the request's span into a response header, for feedback to come back with.

    The span is the one that is current where the middleware stands, such as the one of an
    instrumentation of the web framework; where there is none, the middleware makes one, which goes
    on with the caller's trace.

    Args:
        app: The ASGI application.
        header: Name of the header; default ``x-braintrust-span``. A browser of another origin sees
            it only if ``Access-Control-Expose-Headers`` names it.

    Example::

        app = Starlette(middleware=[Middleware(SpanSlugMiddleware)], routes=routes)
    """

    def __init__(self, app: Application, *, header: str = DEFAULT_HEADER) -> None:
        self._app = app
        self._header = header.lower().encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope.get("type") != "http":
            await self._app(scope, receive, send)
        elif trace.get_current_span().get_span_context().is_valid:
            await self._app(scope, receive, self._telling(send, export_span()))
        else:
            name = f"{scope.get('method', 'GET')} {scope.get('path', '/')}"
            parent = extract(_headers_of(scope.get("headers", ())))
            with start_span(name, type="task", parent=parent) as span:
                await self._app(scope, receive, self._telling(send, span.export()))

    def _telling(self, send: Send, slug: str) -> Send:
        async def tell(message: MutableMapping[str, Any]) -> None:
            if slug and message.get("type") == "http.response.start":
                header = (self._header, slug.encode("ascii"))
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        return tell


def _headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in pairs:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return headers
