"""A requests adapter whose read time-out bounds the whole answer, not the gap between two bytes.

``requests`` starts its read time-out anew with every byte, so a server that drips one byte a
second holds a caller for as long as it likes. Here the file that an answer is read from knows the
moment by which the answer must be complete.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
import weakref
from contextlib import suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import ssl_


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket; each read waits only for what is left of the time."""

    def __init__(self, sock: socket.socket, timeout_s: float) -> None:
        self._socket = sock
        # The socket's own file keeps the descriptor open until the answer has been read.
        self._file: Any = sock.makefile("rb", buffering=0)
        self._deadline = time.monotonic() + timeout_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        remaining_s = self._deadline - time.monotonic()
        if remaining_s <= 0:
            raise TimeoutError("the answer was not complete in time")
        self._socket.settimeout(remaining_s)
        read: int | None = self._file.readinto(buffer)
        return read

    def close(self) -> None:
        self._file.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        timeout_s = sock.gettimeout()
        if timeout_s is not None:
            self.fp.close()
            self.fp = io.BufferedReader(_DeadlineReader(sock, timeout_s))

    def _read_status(self) -> tuple[str, int, str]:
        # http.client passes over "100 Continue", and takes other interim answers, such as 103 of a
        # proxy, for the answer itself.
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 101 < status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)


class DeadlineAdapter(HTTPAdapter):
    """An ``HTTPAdapter`` that makes a read time-out the time for the whole answer."""

    def __init__(self) -> None:
        self._open: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= _tls_options()
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _deadline_pools(self._open)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        kwargs |= _tls_options()
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _deadline_pools(self._open)
        return manager

    def abort(self) -> None:
        """End every connection, so that a thread that waits for an answer gets an error at once."""
        for connection in list(self._open):
            sock = connection.sock
            if sock is not None:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


def _tls_options() -> dict[str, ssl.SSLContext]:
    """What a pool needs where gevent has patched ``ssl`` after urllib3 was imported, else nothing.

    The class that urllib3 imported then calls itself without end, as under a preloaded gunicorn
    with gevent workers (https://github.com/gevent/gevent/issues/1016); the patched one does not.
    """
    imported: Any = ssl_.SSLContext
    if imported is ssl.SSLContext:
        return {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return {"ssl_context": context}


def _deadline_pools(open_connections: weakref.WeakSet[HTTPConnection]) -> dict[str, Any]:
    """Pools whose connections read with a deadline and enter themselves in the set given."""

    class PlainConnection(HTTPConnection):
        response_class = _DeadlineResponse

        def connect(self) -> None:
            super().connect()
            open_connections.add(self)

    class SecureConnection(HTTPSConnection):
        response_class = _DeadlineResponse

        def connect(self) -> None:
            super().connect()
            open_connections.add(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": PlainPool, "https": SecurePool}
