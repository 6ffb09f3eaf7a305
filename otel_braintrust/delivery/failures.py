"""Why no whole answer came, in plain words."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any

import requests

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
    (requests.exceptions.ContentDecodingError, "the answer cannot be decoded"),
)


def network_reason(error: BaseException, timeout_s: float) -> str:
    """Why a request came to nothing.

    Args:
        error: What the HTTP library raised.
        timeout_s: How long it was waited for, in seconds.
    """
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
