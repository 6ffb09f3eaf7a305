"""The local Braintrust as a running server, in a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import uvicorn

from otel_braintrust.local.app import LOCAL_HOSTS, create_app
from otel_braintrust.local.database import IN_MEMORY
from otel_braintrust.local.limits import Limits
from otel_braintrust.local.store import DEFAULT_ORG_NAME, Store

if TYPE_CHECKING:
    from typing_extensions import Self

LOOPBACK = "127.0.0.1"
BACKLOG = 2048
STOP_TIMEOUT_S = 5


class LocalServer:
    """An embedded Braintrust on a loopback port, started and stopped by a `with` block.

    Args:
        port: the port on 127.0.0.1; 0 (default) takes any that is free.
        db: the SQLite file; `":memory:"` (default) keeps nothing.
        api_key: the only key to accept; default None: any that is not empty.
        org_name: the one organization's name, default `local`.
        limits: how large requests may be; default those of `Limits`.
        allowed_hosts: names under which the server answers; default the loopback's.

    Raises:
        OSError: the port is taken.
        sqlite3.Error: the file cannot be opened or is not a database.

    Example:
        >>> with LocalServer() as server:
        ...     server.url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(
        self,
        port: int = 0,
        db: str | Path = IN_MEMORY,
        *,
        api_key: str | None = None,
        org_name: str = DEFAULT_ORG_NAME,
        limits: Limits | None = None,
        allowed_hosts: Sequence[str] = LOCAL_HOSTS,
    ) -> None:
        self._wanted_key = api_key
        self._socket = _bound_socket(port)
        self._port: int = self._socket.getsockname()[1]
        try:
            self.store = Store(db, org_name=org_name)
        except BaseException:
            self._socket.close()
            raise
        app = create_app(self.store, api_key=api_key, limits=limits, allowed_hosts=allowed_hosts)
        # The socket listens already: whoever connects before the loop runs waits, and is served.
        self._server = _StoppableServer(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                date_header=False,
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=STOP_TIMEOUT_S,
            )
        )
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address for `BRAINTRUST_API_URL` and `BRAINTRUST_APP_URL`; no slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self._port

    @property
    def api_key(self) -> str:
        """A key that this server accepts."""
        return self._wanted_key or "local-key"

    def start(self) -> Self:
        """Start to serve in a thread; a second call changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._server.run,
                kwargs={"sockets": [self._socket]},
                name="local-braintrust",
                daemon=True,
            )
            self._thread.start()
        return self

    def stop(self) -> None:
        """Finish the requests in hand, then close port and store; a second call changes nothing."""
        self._server.request_stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._socket.close()
        self.store.close()

    def rows(self, project: str) -> list[dict[str, Any]]:
        """All events of a project, by its name or id, in the order they first arrived.

        Returns an empty list if nothing has made such a project yet.
        """
        found = self.store.project_named(project) or self.store.project(project)
        return self.store.rows(found.id) if found else []

    def __enter__(self) -> Self:
        """Start the server."""
        return self.start()

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.stop()


class _StoppableServer(uvicorn.Server):
    """Stops as soon as it is asked to, where uvicorn looks ten times a second and then sleeps."""

    _loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Wait until `request_stop` is called."""
        self._stop_requested = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        await self.on_tick(0)
        if not self.should_exit:
            await self._stop_requested.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the port; finish what is under way if anything is."""
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        for each in sockets or ():
            each.close()

    def request_stop(self) -> None:
        """Ask the server to stop, from any thread, also before it runs or after it has ended."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: it has stopped
                self._loop.call_soon_threadsafe(self._stop_requested.set)


def _bound_socket(port: int) -> socket.socket:
    # With the protocol left out asyncio does not see TCP and leaves Nagle's algorithm on: each
    # answer to a POST then took 44 ms.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((LOOPBACK, port))
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound
