"""Web servers with several workers under opentelemetry-instrument: each sends what it served."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from otel_braintrust.options import OPTIONS
from tests.scripted_server import ScriptedServer

BIN = Path(sys.executable).parent
REQUESTS = 2000
CLIENTS = 4
WSGI = """
from opentelemetry import trace
tracer = trace.get_tracer("opentelemetry.instrumentation.wsgi")
own = trace.get_tracer("application")
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}

def serve(path):
    with tracer.start_as_current_span("GET " + path):
        tracer.start_span("SELECT").end()
        if path.startswith("/chat/"):
            with own.start_as_current_span("agent " + path):
                own.start_span("chat " + path, attributes=CHAT).end()

def application(environ, start_response):
    serve(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    serve(scope["path"])
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})
"""
SERVERS = {
    "gunicorn": ("gunicorn", "app:application", "--workers=4", "--bind=127.0.0.1:{port}"),
    "gunicorn --preload": (
        "gunicorn",
        "app:application",
        "--workers=4",
        "--preload",
        "--bind=127.0.0.1:{port}",
    ),
    "uvicorn --workers": ("uvicorn", "app:asgi", "--workers=2", "--port={port}"),
}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def serving(command: list[str], directory: Path, port: int, url: str) -> Iterator[list[str]]:
    """The web server, until the block ends; then it is asked to stop, and its log filled in."""
    ours = {option.variable for option in OPTIONS}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(("OTEL_", "PYTEST"))
    }
    environment = kept | {
        "BRAINTRUST_API_KEY": "sk-test-12345",
        "BRAINTRUST_APP_URL": url,
        "OTEL_TRACES_EXPORTER": "braintrust",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*",
        "PYTHONPATH": str(directory),
    }
    log: list[str] = []
    path = directory / "log"
    with path.open("w") as output:
        process = subprocess.Popen(
            [str(BIN / "opentelemetry-instrument"), str(BIN / command[0]), *command[1:]],
            env=environment, cwd=directory, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            wait_for(port, process)
            yield log
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    log.append(path.read_text())


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.1)
    raise AssertionError("the web server does not listen")


def ask(port: int, paths: list[str]) -> None:
    for path in paths:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path)
        assert connection.getresponse().read() == b"ok"
        connection.close()


@pytest.mark.parametrize("name", SERVERS)
def test_every_trace_of_every_worker_arrives_whole_and_once(name: str, tmp_path: Path) -> None:
    program, *arguments = SERVERS[name]
    if find_spec(program) is None or not (BIN / "opentelemetry-instrument").exists():
        pytest.skip(f"{program} or opentelemetry-instrument is not installed")
    (tmp_path / "app.py").write_text(WSGI)
    port = free_port()
    command = [program, *(each.format(port=port) for each in arguments)]
    paths = [f"/chat/{index}" for index in range(REQUESTS)]
    with ScriptedServer() as server:
        with serving(command, tmp_path, port, server.url) as log:
            threads = [
                threading.Thread(target=ask, args=(port, [*paths[each::CLIENTS], "/health"]))
                for each in range(CLIENTS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        rows = list(server.rows.values())
    names = Counter(row["span_attributes"]["name"] for row in rows)
    expected = Counter(f"{kind} {path}" for path in paths for kind in ("GET", "agent", "chat"))
    assert names == expected, log
    assert len(server.arrivals) == len(rows)
    ids = {row["span_id"] for row in rows}
    assert all(set(row["span_parents"] or []) <= ids for row in rows)
    assert sum(not row["span_parents"] for row in rows) == REQUESTS
    assert "Traceback" not in log[0]
