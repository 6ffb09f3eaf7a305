"""Requests to one address, made ready once and filled with one body after another."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import requests
from requests.auth import AuthBase
from urllib3.util import Timeout

# To look for proxies and certificates in all of the environment takes longer than a small request.
LOOK_EVERY_S = 1.0


class Envelope:
    """What ``requests`` works out before it sends, which is the same for each request of one kind.

    Cookies, redirects and hooks, for which it has more to do, are not for us.

    Args:
        session: Whose adapters send.
        method: The HTTP method.
        url: The address.
        headers: The headers.
        auth: What sets the key.

    Raises:
        requests.RequestException: The address or a header cannot be used.
    """

    def __init__(
        self,
        session: requests.Session,
        method: str,
        url: str,
        headers: Mapping[str, str],
        auth: AuthBase,
    ) -> None:
        self._session = session
        self._url = url
        self._headers = dict(headers)
        request = requests.Request(method, url, headers=self._headers, auth=auth)
        self._blank = session.prepare_request(request)
        self._surroundings: Mapping[str, Any] = {}
        self._look_at = 0.0

    def fits(self, method: str, url: str, headers: Mapping[str, str]) -> bool:
        """Tell whether a request can go in it.

        Args:
            method: The HTTP method.
            url: The address.
            headers: The headers.
        """
        return url == self._url and method == self._blank.method and headers == self._headers

    def send(self, data: bytes | None, timeout: Timeout) -> requests.Response:
        """Send one request; its answer is still to be read.

        Args:
            data: The body.
            timeout: Longest time for connecting, and for all of it.

        Raises:
            requests.RequestException: No answer came.
        """
        now = time.monotonic()
        if now >= self._look_at:
            # Whether the answer is streamed, proxies, and how certificates are verified.
            self._surroundings = self._session.merge_environment_settings(
                self._blank.url or "", {}, True, None, None
            )
            self._look_at = now + LOOK_EVERY_S
        request = self._blank.copy()
        if data is not None:
            request.prepare_body(data, None)
        adapter = self._session.get_adapter(self._blank.url or "")
        # requests hands a urllib3 Timeout through; the type stubs know numbers and tuples only.
        return adapter.send(request, timeout=timeout, **self._surroundings)  # type: ignore[arg-type]
