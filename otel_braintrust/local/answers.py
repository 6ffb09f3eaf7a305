"""Answers: JSON by orjson, and errors as a status with one line of text that says why."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ExceptionHandler

from otel_braintrust.local.containers import UnknownContainerError
from otel_braintrust.local.cursors import CursorError
from otel_braintrust.local.query.plan import QueryError
from otel_braintrust.local.rows import RowError

logger = logging.getLogger(__name__)

# Each error of the store, and the status with which Braintrust answers it.
STATUSES: dict[type[Exception], int] = {
    RowError: 400,
    CursorError: 400,
    QueryError: 400,
    UnknownContainerError: 403,
    ClientDisconnect: 400,  # nobody reads this one
}


class JSONAnswer(Response):
    """A JSON body; numbers that JSON has not, such as NaN, become null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode the body."""
        return orjson.dumps(content)


def error_handlers() -> dict[int | type[Exception], ExceptionHandler]:
    """What Starlette is to do with each kind of error."""
    told: dict[int | type[Exception], ExceptionHandler] = dict.fromkeys(STATUSES, _answer_error)
    return {**told, HTTPException: _answer_http_error}


def _answer_error(_request: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), STATUSES[type(error)])


def _answer_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    detail = error.detail
    if error.status_code in (404, 405) and detail in ("Not Found", "Method Not Allowed"):
        detail = f"{detail}: this server has no {request.method} {request.url.path}"
    return PlainTextResponse(detail, error.status_code, headers=dict(error.headers or {}))


def failure_answer(request: Request, error: Exception) -> Response:
    """The answer to a request that met a fault of this server; the log gets the traceback.

    Given out by the route itself: Starlette's own handler raises the error once more, and the
    connection is then cut under the client's next request.
    """
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return PlainTextResponse(f"Internal error: {type(error).__name__}: {error}", 500)
