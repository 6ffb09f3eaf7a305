"""A server that takes what every exporter sends, in a process of its own so that it costs none.

Run: python -m benchmarks.receiver    (prints its address and serves until its stdin closes)
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

COUNTS_PATH = "/counts"
# Until it is released a server on hold keeps every request with rows or spans waiting.
HOLD_PATH = "/hold"
RELEASE_PATH = "/release"
# Where rows or spans come to; all else is login and look-ups.
INGEST_PATHS = ("/logs3", "/v1/traces")


class _Counts:
    """Requests with rows or spans, and the bytes of their bodies and of their headers."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests = 0
        self.body_bytes = 0
        self.header_bytes = 0
        self.may_answer = threading.Event()
        self.may_answer.set()


def _handler(counts: _Counts) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        # One write for an answer: two would wait for the client's delayed acknowledgement.
        wbufsize = -1

        def do_GET(self) -> None:
            if self.path == HOLD_PATH:
                counts.may_answer.clear()
            elif self.path == RELEASE_PATH:
                counts.may_answer.set()
            told = {
                "requests": counts.requests,
                "body_bytes": counts.body_bytes,
                "header_bytes": counts.header_bytes,
            }
            self._answer(told if self.path == COUNTS_PATH else {})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if self.path.endswith(INGEST_PATHS):
                with counts.lock:
                    counts.requests += 1
                    counts.body_bytes += len(body)
                    counts.header_bytes += len(bytes(self.headers)) + len(self.requestline)
                counts.may_answer.wait()
                self._answer({"ids": [], "xact_id": "1"})
            elif self.path.endswith("/api/apikey/login"):
                host = f"http://{self.headers['Host']}"
                organization = {"id": "o", "name": "acme", "api_url": host, "proxy_url": host}
                self._answer({"org_info": [organization]})
            else:
                name = json.loads(body).get("name", "") if body else ""
                self._answer(
                    {"id": "7aa6584d-84f0-5860-9cd3-40c9eb72cd34", "name": name, "org_id": "o"}
                )

        def _answer(self, answer: dict[str, Any]) -> None:
            # An exporter of OTLP wants protobuf, of which nothing at all is the empty answer.
            body = b"" if self.path.endswith("/v1/traces") else json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


class Receiver:
    """The server's process; a context manager.

    Example::

        with Receiver() as receiver:
            requests.post(f"{receiver.url}/logs3", data=b"{}")
            receiver.counts()["body_bytes"]
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.receiver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def counts(self) -> dict[str, int]:
        """What came so far: ``requests``, ``body_bytes`` and ``header_bytes``."""
        return _ask(self.url + COUNTS_PATH)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()  # closes its stdin, which ends it


def hold(url: str) -> None:
    """Have the server keep all requests with rows or spans waiting."""
    _ask(url + HOLD_PATH)


def release(url: str) -> None:
    """Have the server answer again."""
    _ask(url + RELEASE_PATH)


def _ask(url: str) -> dict[str, int]:
    with urllib.request.urlopen(url) as answer:
        told: dict[str, int] = json.load(answer)
    return told


def main() -> None:
    """Serve until stdin closes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(_Counts()))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
