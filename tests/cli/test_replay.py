"""`otel-braintrust replay`: what waits in a directory goes to Braintrust, once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust.processor import BraintrustSpanProcessor
from tests.scripted_server import Answer, ScriptedServer

COMMAND = "from otel_braintrust.cli import main; main()"
KEY = "sk-secret-key-of-the-tests-42"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def replay(server: ScriptedServer) -> Callable[..., tuple[int, Any, str]]:
    def run(directory: Path, key: str = KEY) -> tuple[int, Any, str]:
        foreign = ("BRAINTRUST_", "OTEL_")
        kept = {name: v for name, v in os.environ.items() if not name.startswith(foreign)}
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "replay", str(directory)],
            env={**kept, "BRAINTRUST_API_KEY": key, "BRAINTRUST_APP_URL": server.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr

    return run


def spool_spans(server: ScriptedServer, directory: Path, count: int, **options: Any) -> None:
    """Leave spans on disk, as a process does whose server is gone."""
    processor = BraintrustSpanProcessor(
        api_key=KEY, app_url="http://127.0.0.1:9", project="replays", **options
    )
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    for _ in range(count):
        provider.get_tracer("t").start_span("work").end()
    processor.shutdown(timeout_millis=800)


def test_a_spool_is_emptied_whichever_key_it_was_made_with(
    server: ScriptedServer, replay: Callable[..., Any], tmp_path: Path
) -> None:
    spool_spans(server, tmp_path, 120, spool_dir=str(tmp_path))
    status, result, errors = replay(tmp_path, key="sk-a-new-key-of-the-tests")
    assert (status, errors) == (0, "")
    assert result == {"sent": 120, "waiting": 0, "dropped": {}, "files": 0, "unreadable": 0}
    assert len(server.arrivals) == 120
    assert replay(tmp_path)[1]["sent"] == 0


def test_files_of_the_official_sdk_and_of_ours_are_sent_once(
    server: ScriptedServer, replay: Callable[..., Any], tmp_path: Path
) -> None:
    spool_spans(server, tmp_path, 3, failed_payloads_dir=str(tmp_path))
    row = {"id": "r1", "project_id": "p", "log_id": "g", "span_id": "s", "root_span_id": "s"}
    body = {"rows": [row], "api_version": 2}
    (tmp_path / "payload_1700000001.5_0a1b2c3d.json").write_text(json.dumps(body))
    dropped = {"data": {"rows": [{**row, "id": "r2"}], "api_version": 2}, "attachments": []}
    (tmp_path / "payload_1700000000.5_0a1b2c3d.json").write_text(json.dumps(dropped))
    status, result, _ = replay(tmp_path)
    assert status == 0
    assert (result["sent"], result["files"]) == (5, 3)
    assert list(server.arrivals)[:2] == ["r2", "r1"]
    assert {each["project_id"] for each in server.rows.values()} == {"p", "id-of-replays"}
    assert replay(tmp_path)[1] == {
        "sent": 0,
        "waiting": 0,
        "dropped": {},
        "files": 0,
        "unreadable": 0,
    }


def test_a_file_that_cannot_be_read_is_told_and_the_others_go(
    server: ScriptedServer, replay: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "payload_1_x.json").write_text("{")
    body = {"rows": [{"id": "r1", "project_id": "p", "log_id": "g"}], "api_version": 2}
    (tmp_path / "payload_2_x.json").write_text(json.dumps(body))
    status, result, errors = replay(tmp_path)
    assert status == 1
    assert (result["sent"], result["unreadable"]) == (1, 1)
    assert "payload_1_x.json" in errors


def test_what_the_server_does_not_take_now_stays(
    server: ScriptedServer, replay: Callable[..., Any], tmp_path: Path
) -> None:
    spool_spans(server, tmp_path, 5, spool_dir=str(tmp_path))
    server.always = Answer(503)
    status, result, errors = replay(tmp_path)
    assert (status, result["waiting"], result["sent"]) == (1, 5, 0)
    assert "answered 503" in errors
    server.always = Answer(401)
    status, result, errors = replay(tmp_path)
    assert (status, result["waiting"]) == (1, 5)
    assert "check BRAINTRUST_API_KEY" in errors
    assert "Traceback" not in errors
    server.always = None
    assert replay(tmp_path)[1]["sent"] == 5


def test_a_directory_that_is_none_is_asked_wrongly(
    replay: Callable[..., Any], tmp_path: Path
) -> None:
    status, result, errors = replay(tmp_path / "nowhere")
    assert (status, result) == (2, None)
    assert "is no directory" in errors
