"""One connection to Braintrust: its API host and its app host, with a key and a deadline."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import orjson
import requests
from opentelemetry import context as otel_context
from requests.auth import AuthBase
from urllib3.util import Timeout

from otel_braintrust import __version__
from otel_braintrust.delivery.encoding import encode
from otel_braintrust.delivery.errors import (
    ApiError,
    AuthenticationError,
    ConnectionFailure,
    NotFoundError,
    RequestError,
    ServerError,
    ThrottledError,
    TooLargeError,
    error_class,
    is_web_page,
    mask_key,
    parse_retry_after,
    reason_from_body,
)
from otel_braintrust.delivery.sockets import DeadlineAdapter

__all__ = [
    "ApiError",
    "AuthenticationError",
    "Connection",
    "ConnectionFailure",
    "NotFoundError",
    "Organization",
    "RequestError",
    "Response",
    "ServerError",
    "ThrottledError",
    "TooLargeError",
    "suppressed_instrumentation",
]

# A host that does not take a connection in this time will not take it later either.
CONNECT_TIMEOUT_S = 10.0

# Instrumentations look for one of the three: the API's two keys, or the plain name of old releases.
_SUPPRESSION_KEYS = tuple(
    key
    for key in (
        getattr(otel_context, "_SUPPRESS_INSTRUMENTATION_KEY", None),
        getattr(otel_context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", None),
        "suppress_instrumentation",
    )
    if key is not None
)


@contextmanager
def suppressed_instrumentation() -> Iterator[None]:
    """Keep instrumentations of HTTP libraries silent about what happens inside."""
    context = otel_context.get_current()
    for key in _SUPPRESSION_KEYS:
        context = otel_context.set_value(key, True, context)
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


@dataclass(frozen=True)
class Organization:
    """An organization that the key belongs to, as the login tells it."""

    id: str
    name: str
    api_url: str | None
    proxy_url: str | None = None


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


class _BearerAuth(AuthBase):
    """Sets the key as ``auth``, because requests lets ~/.netrc replace a mere header."""

    def __init__(self, api_key: str) -> None:
        self._value = f"Bearer {api_key}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


class _NoAuth(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Connection:
    """Requests to Braintrust that carry the key, keep a deadline and fail as :class:`ApiError`.

    Args:
        api_key: The key, sent as a bearer token.
        app_url: Address of the app host, which knows the organizations.
        api_url: Address of the API host; None: asked from the app host when first needed.
        org_name: The organization to use when the key belongs to several; None: the first.
        http_timeout_s: Longest time for one request, in seconds.

    Example::

        connection = Connection(api_key="sk-...", app_url="https://www.braintrust.dev",
                                api_url=None, org_name=None, http_timeout_s=60.0)
        connection.api("GET", "/version").json()
    """

    def __init__(
        self,
        *,
        api_key: str,
        app_url: str,
        api_url: str | None,
        org_name: str | None,
        http_timeout_s: float,
    ) -> None:
        self.app_url = app_url.rstrip("/")
        self.api_url = api_url.rstrip("/") if api_url else None
        self.org_name = org_name
        self.http_timeout_s = http_timeout_s
        self.masked_key = mask_key(api_key)
        self._api_key = api_key
        self._organization: Organization | None = None
        self._session: requests.Session | None = None
        self._session_pid = 0
        self._adapters: tuple[DeadlineAdapter, ...] = ()
        # Called with the error of each request that fails, before it is raised.
        self.on_error: Callable[[ApiError], object] | None = None
        # Called with the seconds that each request took, and its error or None.
        self.on_request: Callable[[float, ApiError | None], object] | None = None

    def login(self, *, deadline: float | None = None) -> Organization:
        """Ask the app host which organization the key belongs to; the answer is kept.

        Args:
            deadline: Moment on ``time.monotonic()`` by which the answer must be there.

        Raises:
            ApiError: One of its subclasses; NotFoundError when ``org_name`` is none of the key's.
        """
        if self._organization is None:
            response = self.app("POST", "/api/apikey/login", deadline=deadline)
            self._organization = self._choose_organization(response)
        return self._organization

    def api(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> Response:
        """Send one request to the API host.

        Args:
            method: The HTTP method.
            path: Path with a leading slash, and a query if any.
            json: A value to send as JSON, or None.
            data: Bytes to send as they are, or None.
            headers: More headers.
            deadline: Moment on ``time.monotonic()`` by which the whole answer must be there.

        Raises:
            ApiError: One of its subclasses.
        """
        url = self._api_base(deadline) + path
        return self.send(method, url, json=json, data=data, headers=headers, deadline=deadline)

    def app(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> Response:
        """Send one request to the app host; arguments and errors as :meth:`api`."""
        url = self.app_url + path
        return self.send(method, url, json=json, data=data, headers=headers, deadline=deadline)

    def send(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
        authorized: bool = True,
    ) -> Response:
        """Send one request to any address; ``authorized=False`` keeps the key out (signed URLs)."""
        begin = time.perf_counter()
        failure: ApiError | None = None
        try:
            return self._send(method, url, json, data, headers, deadline, authorized)
        except ApiError as error:
            failure = error
            if self.on_error is not None:
                self.on_error(error)
            raise
        finally:
            if self.on_request is not None:
                self.on_request(time.perf_counter() - begin, failure)

    def _send(
        self,
        method: str,
        url: str,
        json: Any,
        data: bytes | None,
        headers: Mapping[str, str] | None,
        deadline: float | None,
        authorized: bool,
    ) -> Response:
        all_headers = {"Accept": "application/json", **(headers or {})}
        if json is not None:
            data = encode(json)
        if data is not None:
            all_headers.setdefault("Content-Type", "application/json")
        auth: AuthBase = _BearerAuth(self._api_key) if authorized else _NoAuth()
        timeout_s = self._timeout_s(method, url, deadline)
        try:
            with suppressed_instrumentation():
                answer = self._open_session().request(
                    method,
                    url,
                    data=data,
                    headers=all_headers,
                    auth=auth,
                    allow_redirects=False,
                    # requests hands a urllib3 Timeout through, and only its total bounds connecting
                    # and reading together; the type stubs know numbers and tuples only.
                    timeout=Timeout(total=timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S)),  # type: ignore[arg-type]
                )
        except requests.exceptions.InvalidURL as error:
            raise self._refused(method, url, "this is not an address") from error
        except (requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema) as error:
            raise self._refused(method, url, "the address must start with https://") from error
        except (requests.exceptions.InvalidHeader, UnicodeError) as error:
            raise self._refused(
                method, url, "the key or a header has a forbidden character"
            ) from error
        except (requests.RequestException, OSError) as error:
            reason = _network_reason(error, timeout_s)
            raise ConnectionFailure(
                method, url, None, reason, masked_key=self.masked_key
            ) from error
        return self._checked(method, url, answer)

    @property
    def organization_name(self) -> str | None:
        """The organization, as far as it is known without a request."""
        return self._organization.name if self._organization is not None else self.org_name

    @property
    def known_api_url(self) -> str:
        """The address of the API host, as far as it is known without a request."""
        told = self._organization.api_url if self._organization is not None else None
        return self.api_url or (told or "").rstrip("/")

    def close(self) -> None:
        """Close the sockets; a later request opens new ones."""
        session, self._session = self._session, None
        if session is not None and self._session_pid == os.getpid():
            session.close()

    def abort(self) -> None:
        """Break off a request that another thread is waiting for, and close the sockets."""
        if self._session_pid == os.getpid():  # a forked child must not end its parent's requests
            for adapter in self._adapters:
                adapter.abort()
        self.close()

    def _api_base(self, deadline: float | None) -> str:
        if self.api_url is not None:
            return self.api_url
        organization = self.login(deadline=deadline)
        if not organization.api_url:
            reason = f"the login names no API address for organization {organization.name!r}"
            raise self._refused("POST", self.app_url + "/api/apikey/login", reason)
        return organization.api_url.rstrip("/")

    def _timeout_s(self, method: str, url: str, deadline: float | None) -> float:
        if deadline is None:
            return self.http_timeout_s
        remaining_s = deadline - time.monotonic()
        if remaining_s <= 0:
            reason = "no time was left for the request"
            raise ConnectionFailure(method, url, None, reason, masked_key=self.masked_key)
        return min(self.http_timeout_s, remaining_s)

    def _open_session(self) -> requests.Session:
        # A forked child must not write into its parent's sockets.
        if self._session is None or self._session_pid != os.getpid():
            session = requests.Session()
            session.headers["User-Agent"] = f"otel-braintrust/{__version__}"
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            self._adapters = (DeadlineAdapter(), DeadlineAdapter())
            session.mount("http://", self._adapters[0])
            session.mount("https://", self._adapters[1])
            self._session, self._session_pid = session, os.getpid()
        return self._session

    def _checked(self, method: str, url: str, answer: requests.Response) -> Response:
        status, body = answer.status_code, answer.content
        if _is_short(answer):
            reason = "the answer broke off"
            raise ConnectionFailure(method, url, None, reason, masked_key=self.masked_key)
        web_page = is_web_page(answer.headers, body)
        if 200 <= status < 300 and not web_page:
            return Response(status, answer.headers, body, method, url)
        kind = NotFoundError if web_page and status < 400 else error_class(status)
        reason = reason_from_body(body, secret=self._api_key)
        if web_page:
            reason = "a web page came back, not the API"
        elif 300 <= status < 400:
            reason = f"it redirects to {answer.headers.get('Location', 'an unknown place')}"
        raise kind(
            method,
            url,
            status,
            reason,
            masked_key=self.masked_key,
            retry_after_s=parse_retry_after(answer.headers.get("Retry-After")),
        )

    def _choose_organization(self, response: Response) -> Organization:
        answer = response.json()
        listed = answer.get("org_info") if isinstance(answer, dict) else None
        found = [_organization(entry) for entry in listed or [] if isinstance(entry, dict)]
        wanted = [each for each in found if self.org_name in (None, each.name)]
        if wanted:
            return wanted[0]
        reason = "this key belongs to no organization"
        if found:
            names = ", ".join(sorted(each.name for each in found))
            reason = f"organization {self.org_name!r} not found, must be one of {names}"
        raise NotFoundError(
            response.method, response.url, response.status, reason, masked_key=self.masked_key
        )

    def _refused(self, method: str, url: str, reason: str) -> RequestError:
        return RequestError(method, url, None, reason, masked_key=self.masked_key)


def _organization(entry: Mapping[str, Any]) -> Organization:
    return Organization(
        id=str(entry.get("id", "")),
        name=str(entry.get("name", "")),
        api_url=entry.get("api_url") or None,
        proxy_url=entry.get("proxy_url") or None,
    )


def _is_short(answer: requests.Response) -> bool:
    """Tell whether fewer bytes came than announced, which urllib3 before 2 lets pass."""
    announced = answer.headers.get("Content-Length", "")
    if not announced.isdigit() or "Content-Encoding" in answer.headers:
        return False
    return len(answer.content) < int(announced)


REFUSED = "the connection was refused"
NO_SUCH_HOST = "the host name cannot be resolved"
# Reasons for which no request reaches the server, whatever is in it.
GONE = frozenset({REFUSED, NO_SUCH_HOST})

# The text of a network exception names memory addresses and sometimes proxies with their password,
# so the kind of failure is told in our own words. First match along the chain of causes wins.
_NETWORK_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, NO_SUCH_HOST),
    (requests.exceptions.ProxyError, "the proxy refused"),
    (ssl.SSLError, "the TLS handshake failed"),
    (ConnectionRefusedError, REFUSED),
    (requests.exceptions.Timeout, "no whole answer within {timeout_s:.3g} s"),
    (TimeoutError, "no whole answer within {timeout_s:.3g} s"),
    (ConnectionResetError, "the connection was reset"),
    (BrokenPipeError, "the connection was closed while sending"),
    (requests.exceptions.ChunkedEncodingError, "the answer broke off"),
)


def _network_reason(error: BaseException, timeout_s: float) -> str:
    chain = list(_causes(error))
    for kind, reason in _NETWORK_REASONS:
        if any(isinstance(each, kind) for each in chain):
            return reason.format(timeout_s=timeout_s)
    return f"the connection failed ({type(chain[-1]).__name__})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and what urllib3 and requests carry as arguments and reasons."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting.extend(
            [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
        )
