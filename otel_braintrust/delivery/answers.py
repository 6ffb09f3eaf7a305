"""Answers: a whole one with a status of 2xx, or the error that another one stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import requests

from otel_braintrust.delivery.errors import (
    ConnectionFailure,
    NotFoundError,
    ServerError,
    error_class,
    is_web_page,
    mask_key,
    parse_retry_after,
    reason_from_body,
)


@dataclass(frozen=True)
class Response:
    """A whole answer with a status of 2xx."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    method: str = ""
    url: str = ""

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ServerError: The body is not JSON.
        """
        try:
            return orjson.loads(self.body)
        except ValueError as error:
            reason = f"the answer is not JSON: {reason_from_body(self.body)}"
            raise ServerError(self.method, self.url, self.status, reason) from error


def read_answer(
    method: str,
    url: str,
    answer: requests.Response,
    body: bytes,
    *,
    api_key: str,
    is_file: bool = False,
) -> Response:
    """What came back.

    Args:
        method: The method of the request.
        url: Its address.
        answer: The answer.
        body: Its whole body.
        api_key: The key, which no error may show.
        is_file: The body is a file's content, and so may be a web page.

    Raises:
        ApiError: The status is not 2xx, a web page came, or the answer broke off.
    """
    masked_key = mask_key(api_key)
    status = answer.status_code
    if _is_short(answer, body):
        reason = "the answer broke off"
        raise ConnectionFailure(method, url, None, reason, masked_key=masked_key)
    web_page = not is_file and is_web_page(answer.headers, body)
    if 200 <= status < 300 and not web_page:
        return Response(status, answer.headers, body, method, url)
    # A page, or the way to one, instead of the API: a login wall, a proxy, the wrong address.
    kind = NotFoundError if status < 400 else error_class(status)
    reason = reason_from_body(body, secret=api_key)
    if web_page:
        reason = "a web page came back, not the API"
    elif 300 <= status < 400:
        reason = f"it redirects to {answer.headers.get('Location', 'an unknown place')}"
    raise kind(
        method,
        url,
        status,
        reason,
        masked_key=masked_key,
        retry_after_s=parse_retry_after(answer.headers.get("Retry-After")),
    )


def require_taken(response: Response) -> None:
    """Make sure that an answer to rows is no error in the dress of a success.

    Raises:
        ServerError: The body is an object with an ``error`` and no ids, as gateways send it.
    """
    if b'"error"' not in response.body:
        return
    try:
        answer = orjson.loads(response.body)
    except ValueError:
        return
    if isinstance(answer, dict) and answer.get("error") and not answer.get("ids"):
        reason = reason_from_body(response.body)
        raise ServerError(response.method, response.url, response.status, reason)


def _is_short(answer: requests.Response, body: bytes) -> bool:
    """Tell whether fewer bytes came than announced, which urllib3 before 2 lets pass."""
    announced = answer.headers.get("Content-Length", "")
    if not announced.isdigit() or "Content-Encoding" in answer.headers:
        return False
    return len(body) < int(announced)
