"""The local Braintrust as an ASGI application."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from otel_braintrust.local.answers import error_handlers
from otel_braintrust.local.limits import Limits
from otel_braintrust.local.pages import routes as page_routes
from otel_braintrust.local.routes import (
    attachments,
    events,
    experiments,
    login,
    logs3,
    otlp,
    projects,
    query,
)
from otel_braintrust.local.store import Store
from otel_braintrust.traces import TraceAssembler

# A page of another site that has its name resolve to 127.0.0.1 arrives with that name as Host.
LOCAL_HOSTS = ("127.0.0.1", "localhost", "*.localhost", "[::1]", "host.docker.internal")


def create_app(
    store: Store,
    *,
    api_key: str | None = None,
    limits: Limits | None = None,
    allowed_hosts: Sequence[str] = LOCAL_HOSTS,
) -> Starlette:
    """Build the application: Braintrust's API, and the pages to look at what was logged.

    Args:
        store: where everything is kept; the caller closes it.
        api_key: the only key to accept; default None: any that is not empty.
        limits: how large requests may be; default those of `Limits`.
        allowed_hosts: names under which the server answers, `*` for any; default the loopback's.

    Example:
        >>> from otel_braintrust.local.store import Store
        >>> app = create_app(Store())
    """
    app = Starlette(
        routes=api_routes() + list(page_routes),
        middleware=[
            Middleware(
                TrustedHostMiddleware, allowed_hosts=list(allowed_hosts), www_redirect=False
            ),
            Middleware(TraceIdMiddleware),
        ],
        exception_handlers=error_handlers(),
    )
    app.state.store = store
    app.state.api_key = api_key
    app.state.limits = limits or Limits()
    app.state.assembler = TraceAssembler()
    return app


def api_routes() -> list[BaseRoute]:
    """The routes of Braintrust's API."""
    rooms = (login, projects, experiments, logs3, events, query, otlp, attachments)
    return [route for room in rooms for route in room.routes]


class TraceIdMiddleware:
    """Gives each answer an id of its own, as Braintrust does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-bt-internal-trace-id"] = secrets.token_hex(16)
            await send(message)

        await self._app(scope, receive, send_with_id)
