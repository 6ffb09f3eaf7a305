"""What can go wrong with a request to Braintrust, told in one line with a remedy."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit, urlunsplit

MAX_REASON_CHARS = 200


class ApiError(Exception):
    """A request to Braintrust did not succeed; ``str()`` is one clear line with a remedy.

    Attributes:
        url: The address that was asked, without credentials.
        status: The HTTP status, or None when no whole answer came.
        reason: A short text from the answer or from the network.
        retry_after_s: How long the server asked to wait, in seconds, or None.
    """

    remedy = "see the reason given"

    def __init__(
        self,
        method: str,
        url: str,
        status: int | None,
        reason: str,
        *,
        masked_key: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        self.method = method
        self.url = url_without_credentials(url)
        self.status = status
        self.reason = reason
        self.masked_key = masked_key
        self.retry_after_s = retry_after_s
        answer = "failed" if status is None else f"answered {status}"
        remedy = self.remedy.format(key=masked_key or "none")
        super().__init__(f"{method} {self.url} {answer}: {reason}; {remedy}")


class AuthenticationError(ApiError):
    """401 or 403: the key is not valid here, or may not do this."""

    remedy = "check BRAINTRUST_API_KEY (key {key}) and that it may write to this organization"


class NotFoundError(ApiError):
    """404, or a redirect or a web page where the API was expected."""

    remedy = "check BRAINTRUST_API_URL, BRAINTRUST_APP_URL and the project (key {key})"


class RequestError(ApiError):
    """Any other 4xx: the server understood, and refuses what was asked."""

    remedy = "the request will not be repeated; check the address and what was sent"


class TooLargeError(ApiError):
    """413: more bytes than the server takes at once."""

    remedy = "lower BRAINTRUST_MAX_REQUEST_SIZE or make the value smaller"


class ThrottledError(ApiError):
    """408, 425 or 429: the server asks to come back later."""

    remedy = "it is tried again; if it stays, ask for a higher rate limit or send less"


class ServerError(ApiError):
    """5xx, an answer that cannot be read, or one of another server (421)."""

    remedy = "it is tried again; if it stays, see Braintrust's status page or your server's log"


class ConnectionFailure(ApiError):  # noqa: N818  (ConnectionError is a builtin)
    """No whole answer: network, TLS, DNS, a closed connection or a time-out."""

    remedy = "check the network, HTTPS_PROXY, REQUESTS_CA_BUNDLE and BRAINTRUST_API_URL"


ERROR_BY_STATUS: Mapping[int, type[ApiError]] = {
    401: AuthenticationError,
    403: AuthenticationError,
    404: NotFoundError,
    408: ThrottledError,
    413: TooLargeError,
    421: ServerError,
    425: ThrottledError,
    429: ThrottledError,
}


def error_class(status: int) -> type[ApiError]:
    """The class of error that an HTTP status outside 2xx stands for."""
    if status >= 500:
        return ServerError
    return ERROR_BY_STATUS.get(status, RequestError)


def mask_key(api_key: str) -> str:
    """Show a key's first and last two characters only; a short key shows nothing of itself."""
    return f"{api_key[:2]}...{api_key[-2:]}" if len(api_key) >= 8 else "****"


def url_without_credentials(url: str) -> str:
    """The address without user, password, query and fragment: signed URLs carry secrets there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def is_web_page(headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether an answer is an HTML page: a login wall, a proxy, the wrong address."""
    if "html" in headers.get("Content-Type", "").lower():
        return True
    return body[:512].lstrip().lower().startswith((b"<!doctype", b"<html"))


def reason_from_body(body: bytes, *, secret: str = "") -> str:
    """A short line from an answer's body, on one line and never with the key in it."""
    text = body[: MAX_REASON_CHARS * 4].decode("utf-8", "replace")
    if secret:
        text = text.replace(secret, mask_key(secret))
    text = re.sub(r"\s+", " ", text).strip()
    if len(text) > MAX_REASON_CHARS:
        text = text[: MAX_REASON_CHARS - 1] + "…"
    return text or "no reason given"


def parse_retry_after(value: str | None, *, now_s: float | None = None) -> float | None:
    """Read Retry-After in seconds or as an HTTP date; None when absent or unreadable.

    Args:
        value: The header's value.
        now_s: The present as Unix seconds; default the clock.
    """
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        wait_s = moment.timestamp() - (time.time() if now_s is None else now_s)
    except (TypeError, ValueError, OverflowError):
        return None
    return max(0.0, wait_s)
