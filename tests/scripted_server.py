"""A loopback server that answers as Braintrust does, or as a script says: hangs, resets, 503."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


DELAYS_S = {"hang then ok": 1.0, "slow": 0.1}
TAKEN_ANYWAY = ("hang then ok", "slow", "half", "interim", "taken, reset")
CERTIFICATES = Path(__file__).parent / "certificates"


@dataclass
class Answer:
    """One scripted answer to a request."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    # "": answer at once; "hang": never; "drip": a byte at a time; "half": break off in the body;
    # "reset": reset the connection after the request; "hang then ok" or "slow": rows are kept, but
    # the answer is late; "taken, reset": rows are kept, and the connection is reset; "raw": the
    # body is all that is written, status line and headers included, and then the connection closed;
    # "interim": the body is written before the usual answer.
    manner: str = ""


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


class ScriptedServer:
    """A server whose answers to rows are scripted; login, projects and ``/version`` just work.

    Attributes:
        script: Answers to the next requests that match ``scripted_path``; when it is empty
            ``always`` answers, and when that is None rows are taken.
        rows: Rows taken, by id, with how often each came in ``arrivals``.
        max_body_bytes: Larger bodies of rows get 413.
        refuse_row: A row for which it is true makes its request fail with ``refusal_status``.
    """

    def __init__(self) -> None:
        self.script: deque[Answer] = deque()
        self.always: Answer | None = None
        self.scripted_path = "/logs3"
        self.rows: dict[str, dict[str, Any]] = {}
        self.arrivals: deque[str] = deque()
        self.requests: list[Request] = []
        self.max_body_bytes: int | None = None
        self.told_max_bytes: int | None = 6 * 1024 * 1024
        self.refuse_row: Callable[[dict[str, Any]], bool] = lambda row: False
        self.refusal_status = 400
        self.refused_projects: dict[str, int] = {}
        self.overflow_method = ""  # how overflow bodies are uploaded; "": there is no such way
        self.upload_url = ""
        self.upload_status = 200
        self.uploads: dict[str, bytes] = {}
        # Attachments by key: as announced, their bytes, and what was reported of them; answers to
        # the next requests that put bytes.
        self.announced: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.reports: dict[str, dict[str, Any]] = {}
        self.file_script: deque[Answer] = deque()
        self.file_always: Answer | None = None
        self.file_headers: dict[str, str] = {"x-signed": "yes"}
        self.closing = threading.Event()
        self.connections: set[socket.socket] = set()
        self._httpd: ThreadingHTTPServer | None = None
        self.port = 0

        self.certificate = ""  # a file in tests/certificates, to speak TLS

    @property
    def url(self) -> str:
        scheme, host = ("https", "localhost") if self.certificate else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self.port}"

    def posts(self) -> list[Request]:
        """The requests that carried rows."""
        return [each for each in self.requests if each.path == "/logs3"]

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        server = self

        class Handler(_Handler):
            scripted = server

        class Httpd(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that went away is what these tests are about."""

        self.closing = threading.Event()
        self._httpd = Httpd(("127.0.0.1", self.port), Handler)
        self.port = self._httpd.server_address[1]
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATES / self.certificate, CERTIFICATES / "key.pem")
            # The handshake takes place in the connection's own thread.
            self._httpd.socket = context.wrap_socket(
                self._httpd.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(
            target=self._httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def stop(self) -> None:
        """Stop listening, and end the connections that are open."""
        self.closing.set()
        if self._httpd is not None:
            self._httpd.shutdown()
            self._httpd.server_close()
            self._httpd = None
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def take(self, body: bytes) -> Answer:
        """Take the rows of a body, as Braintrust would."""
        if self.max_body_bytes is not None and len(body) > self.max_body_bytes:
            return Answer(413, b"request entity too large")
        rows = json.loads(body)["rows"]
        if isinstance(rows, dict):
            if rows["key"] not in self.uploads:
                return Answer(400, b"nothing was uploaded under this key")
            rows = json.loads(self.uploads[rows["key"]])["rows"]
        if any(self.refuse_row(row) for row in rows):
            return Answer(self.refusal_status, b'{"error": "a row was refused"}')
        for row in rows:
            self.rows[row["id"]] = row
            self.arrivals.append(row["id"])
        answer = {"ids": [row["id"] for row in rows], "xact_id": "1000196055780607558"}
        return Answer(200, json.dumps(answer).encode())


class _Handler(BaseHTTPRequestHandler):
    scripted: ScriptedServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for a delayed acknowledgement

    def setup(self) -> None:
        super().setup()
        self.scripted.connections.add(self.connection)

    def finish(self) -> None:
        self.scripted.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server = self.scripted
        request = Request(self.command, self.path, dict(self.headers), body, time.monotonic())
        server.requests.append(request)
        answer = self._answer(request)
        manner = answer.manner
        if manner in DELAYS_S:
            server.closing.wait(DELAYS_S[manner])
        if manner == "hang":
            server.closing.wait()
            self.close_connection = True
        elif manner.endswith("reset"):
            self._reset()
        elif manner == "raw":
            self.wfile.write(answer.body)
            self.close_connection = True
        else:
            self._write(answer)

    def _answer(self, request: Request) -> Answer:
        server = self.scripted
        if request.path == server.scripted_path:
            answer = server.script.popleft() if server.script else server.always
            takes_rows = request.path == "/logs3" and (
                answer is None or answer.manner in TAKEN_ANYWAY
            )
            if answer is not None and not takes_rows:
                return answer
            if takes_rows:
                taken = server.take(request.body)
                if answer is not None and answer.manner == "interim":
                    self.wfile.write(answer.body)
                    return taken
                return Answer(
                    taken.status, taken.body, manner=answer.manner if answer else taken.manner
                )
        return self._usual(request)

    def _usual(self, request: Request) -> Answer:
        server = self.scripted
        if request.path == "/api/apikey/login":
            organization = {"id": "org-1", "name": "acme", "api_url": server.url}
            return Answer(200, json.dumps({"org_info": [organization]}).encode())
        if request.path == "/v1/project":
            name = json.loads(request.body)["name"]
            if name in server.refused_projects:
                return Answer(server.refused_projects[name], b"no such project for you")
            return Answer(200, json.dumps({"id": f"id-of-{name}", "name": name}).encode())
        if request.path == "/version" and server.told_max_bytes is not None:
            return Answer(
                200, json.dumps({"logs3_payload_max_bytes": server.told_max_bytes}).encode()
            )
        if request.path == "/logs3":
            return server.take(request.body)
        if request.path == "/logs3/overflow" and server.overflow_method:
            key = f"key-{len(server.requests)}"
            url = (server.upload_url or f"{server.url}/upload/") + key
            place = {"method": server.overflow_method, "signedUrl": url, "key": key}
            place |= {"headers": {"x-signed": "yes"}, "fields": {"policy": "p"}}
            return Answer(200, json.dumps(place).encode())
        if request.path == "/attachment":
            wanted = json.loads(request.body)
            server.announced[wanted["key"]] = wanted
            url = f"{server.url}/files/{wanted['key']}"
            place = {"signedUrl": url, "headers": server.file_headers}
            return Answer(200, json.dumps(place).encode())
        if request.path == "/attachment/status":
            told = json.loads(request.body)
            server.reports[told["key"]] = told["status"]
            return Answer(200)
        if request.path.startswith("/files/"):
            answer = server.file_script.popleft() if server.file_script else server.file_always
            if answer is None or answer.manner == "slow":
                server.files[request.path.removeprefix("/files/")] = request.body
            return answer or Answer(200, b"")
        if request.path.startswith("/upload/"):
            body = request.body
            if server.overflow_method == "POST":
                body = body[body.index(b'{"rows"') : body.rindex(b"}") + 1]
            if server.upload_status == 200:
                server.uploads[request.path.removeprefix("/upload/")] = body
            return Answer(server.upload_status, b"")
        return Answer(404, b"not found")

    def _write(self, answer: Answer) -> None:
        body = answer.body * 1000 if answer.manner == "drip" else answer.body
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + (10 if answer.manner == "half" else 0)))
        self.end_headers()
        if answer.manner != "drip":
            self.wfile.write(body)
            self.close_connection = answer.manner == "half" or self.close_connection
            return
        for byte in body:
            self.wfile.write(bytes([byte]))
            if self.scripted.closing.wait(0.05):
                return

    def _reset(self) -> None:
        # A linger time of 0 makes close() send a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
