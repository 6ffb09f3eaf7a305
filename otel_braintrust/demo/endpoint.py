"""The scripted model endpoint as a running server, in a thread of this process."""

from __future__ import annotations

import socket
import threading

import uvicorn

from otel_braintrust.demo.models import create_app

LOOPBACK = "127.0.0.1"


class ModelEndpoint:
    """The endpoint on a free loopback port, started and stopped by a `with` block.

    Example:
        >>> with ModelEndpoint() as endpoint:
        ...     endpoint.url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(self) -> None:
        self._socket = socket.create_server((LOOPBACK, 0))
        # The socket listens already: whoever connects before the loop runs waits, and is served.
        self._server = uvicorn.Server(
            uvicorn.Config(create_app(), log_config=None, access_log=False, lifespan="off")
        )
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._socket]},
            name="demo-models",
            daemon=True,
        )

    @property
    def url(self) -> str:
        """What an OpenAI client takes as its `base_url`."""
        return f"http://{LOOPBACK}:{self._socket.getsockname()[1]}/v1"

    def __enter__(self) -> ModelEndpoint:  # noqa: PYI034 - typing.Self came with Python 3.11
        """Start the server."""
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Finish the requests in hand and stop."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
