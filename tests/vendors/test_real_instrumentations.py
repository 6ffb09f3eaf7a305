"""configure(instrument=True) with published instrumentations of one client, content on and off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust.instruments import DISABLED, GROUP
from tests.scripted_server import ScriptedServer

SCRIPT = """
import json, logging, sys
logging.basicConfig(level=logging.INFO)
import otel_braintrust
for _ in range(2):
    otel_braintrust.configure(project="p", instrument=True, spans="ai", **json.loads(sys.argv[1]))
import openai
client = openai.OpenAI(api_key="sk-model", base_url=sys.argv[2])
client.chat.completions.create(
    model="gpt-4o", messages=[{"role": "user", "content": "the question"}]
)
print(json.dumps({"sent": otel_braintrust.flush(20).sent}))
"""
ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "the answer"},
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
MODULES = ("openinference.instrumentation.openai", "opentelemetry.instrumentation.openai")


class Model(BaseHTTPRequestHandler):
    """A model's endpoint that gives one answer."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Be quiet."""


@pytest.fixture
def model_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def run(
    tmp_path: Path, server: ScriptedServer, model_url: str, disabled: set[str], **options: Any
) -> str:
    """Ask a model once in a process of its own; what it logs."""
    foreign = ("OTEL_", "BRAINTRUST_", "TRACELOOP_", "OPENINFERENCE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    environment = kept | {
        "BRAINTRUST_API_KEY": "sk-test-12345",
        "BRAINTRUST_APP_URL": server.url,
        DISABLED: ",".join(sorted(disabled)),
        "TRACELOOP_TELEMETRY": "false",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(options), model_url],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sent"] == len(server.rows)
    assert "Traceback" not in done.stderr
    return done.stderr


def installed() -> set[str]:
    return {each.module for each in entry_points(group=GROUP)}


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("content", [True, False])
def test_a_call_is_one_row_with_content_as_wished(
    tmp_path: Path, model_url: str, module: str, content: bool
) -> None:
    if module not in installed():
        pytest.skip(f"{module} is not installed")
    with ScriptedServer() as server:
        others = installed() - {module}
        log = run(tmp_path, server, model_url, others, capture_content=content)
        [row] = server.rows.values()
    assert log.count("instrumentations switched on: openai\n") == 1
    assert "more than once" not in log
    assert row["span_attributes"]["type"] == "llm"
    assert row["metrics"]["tokens"] == 5
    text = json.dumps(row)
    assert ("the question" in text) is content
    assert ("the answer" in text) is content


@pytest.mark.skipif(not set(MODULES) <= installed(), reason="two of one client are not installed")
def test_two_on_one_client_are_named_once_and_counted_once(tmp_path: Path, model_url: str) -> None:
    with ScriptedServer() as server:
        log = run(tmp_path, server, model_url, installed() - set(MODULES))
        rows = list(server.rows.values())
    assert log.count("each call is recorded more than once") == 1
    assert f"openai by {' and '.join(MODULES)};" in log
    assert len(rows) == 2
    assert sum((row.get("metrics") or {}).get("tokens") or 0 for row in rows) == 5
