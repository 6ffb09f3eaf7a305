"""One connection to Braintrust: its API host and its app host, with a key and a deadline."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.auth import AuthBase
from urllib3.util import Timeout

from otel_braintrust import __version__
from otel_braintrust.delivery.answers import Response, read_answer
from otel_braintrust.delivery.encoding import encode
from otel_braintrust.delivery.envelopes import Envelope
from otel_braintrust.delivery.errors import ApiError, ConnectionFailure, RequestError, mask_key
from otel_braintrust.delivery.failures import network_reason
from otel_braintrust.delivery.organizations import Organization, choose_organization
from otel_braintrust.delivery.silence import suppressed_instrumentation
from otel_braintrust.delivery.sockets import DeadlineAdapter

# A host that does not take a connection in this time will not take it later either.
CONNECT_TIMEOUT_S = 10.0
FORBIDDEN_CHARACTER = "the key or a header has a forbidden character"


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
        # The latest, of requests with the key and without.
        self._envelopes: dict[bool, Envelope] = {}
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
            self._organization = choose_organization(
                response, self.org_name, masked_key=self.masked_key
            )
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
        timeout_s = self._timeout_s(method, url, deadline)
        try:
            with suppressed_instrumentation():
                # Only the total bounds connecting and reading together.
                timeout = Timeout(total=timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
                envelope = self._envelope_for(method, url, all_headers, authorized)
                answer = envelope.send(data, timeout)
                body = answer.content  # here, so that a failure on the way is one of the request
        except requests.exceptions.InvalidURL as error:
            raise self._refused(method, url, "this is not an address") from error
        except (requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema) as error:
            raise self._refused(method, url, "the address must start with https://") from error
        except (requests.exceptions.InvalidHeader, UnicodeError) as error:
            raise self._refused(method, url, FORBIDDEN_CHARACTER) from error
        except (requests.RequestException, OSError) as error:
            reason = network_reason(error, timeout_s)
            raise ConnectionFailure(
                method, url, None, reason, masked_key=self.masked_key
            ) from error
        except ValueError as error:  # of http.client, about what `auth` set
            raise self._refused(method, url, FORBIDDEN_CHARACTER) from error
        is_file = method == "GET" and not authorized
        return read_answer(method, url, answer, body, api_key=self._api_key, is_file=is_file)

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
            reason = (
                f"the login names no API address for organization {organization.name!r}; "
                "set BRAINTRUST_API_URL"
            )
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
            self._envelopes = {}
        return self._session

    def _envelope_for(
        self, method: str, url: str, headers: Mapping[str, str], authorized: bool
    ) -> Envelope:
        """What the last request went in, if this one fits."""
        session = self._open_session()
        envelope = self._envelopes.get(authorized)
        if envelope is None or not envelope.fits(method, url, headers):
            auth: AuthBase = _BearerAuth(self._api_key) if authorized else _NoAuth()
            envelope = self._envelopes[authorized] = Envelope(session, method, url, headers, auth)
        return envelope

    def _refused(self, method: str, url: str, reason: str) -> RequestError:
        return RequestError(method, url, None, reason, masked_key=self.masked_key)
