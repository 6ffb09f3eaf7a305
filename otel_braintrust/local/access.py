"""Who may call: a bearer token, checked before anything of the request is read."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from otel_braintrust.local.answers import STATUSES, failure_answer
from otel_braintrust.local.limits import Limits
from otel_braintrust.local.store import Store

Handler = Callable[[Request], Awaitable[Response]]

_EXPECTED: tuple[type[Exception], ...] = (HTTPException, *STATUSES)
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def guarded(path: str, handler: Handler, *, methods: Sequence[str]) -> Route:
    """A route that only callers with a valid API key reach."""

    async def endpoint(request: Request) -> Response:
        check_key(request)
        try:
            return await handler(request)
        except _EXPECTED:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is to hear of it
            return failure_answer(request, error)

    return Route(path, endpoint, methods=list(methods))


def check_key(request: Request) -> None:
    """Refuse a request without the right `Authorization: Bearer` header.

    Raises:
        HTTPException: 401; the text never repeats the key.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        text = "Missing API key: send it as the header 'Authorization: Bearer <BRAINTRUST_API_KEY>'"
        raise HTTPException(401, text, _CHALLENGE)
    wanted: str | None = request.app.state.api_key
    if wanted is not None and not hmac.compare_digest(key.encode(), wanted.encode()):
        raise HTTPException(
            401, "Invalid API key: this server was started with another", _CHALLENGE
        )


def store_of(request: Request) -> Store:
    """The store behind this request's application."""
    store: Store = request.app.state.store
    return store


def limits_of(request: Request) -> Limits:
    """The sizes that this request's application keeps to."""
    limits: Limits = request.app.state.limits
    return limits
