"""`otel-braintrust local` as a process: it starts, serves, and stops when told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

COMMAND = [str(Path(sys.executable).with_name("otel-braintrust")), "local"]


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command running, and the address that it printed."""
    with subprocess.Popen(
        [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_address_first_serves_and_stops_cleanly(number):
    with running("--port", "0") as (process, url):
        assert requests.get(f"{url}/v1", timeout=10).text == "Hello, World!"
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
        assert "Traceback" not in process.stderr.read()


def test_a_file_keeps_what_was_logged(tmp_path):
    path = str(tmp_path / "kept.db")
    headers = {"Authorization": "Bearer k"}
    ids = []
    for _ in range(2):
        with running("--port", "0", "--db", path) as (process, url):
            project = requests.post(
                f"{url}/v1/project", json={"name": "p"}, headers=headers, timeout=10
            ).json()
            ids.append(project["id"])
            assert ("x-bt-found-existing" in project) is False
            process.terminate()
            assert process.wait(timeout=20) == 0
    assert ids[0] == ids[1]


def test_a_key_of_its_own_is_the_only_one():
    with running("--port", "0", "--api-key", "sk-mine") as (_process, url):
        statuses = [
            requests.get(f"{url}/ping", headers={"Authorization": f"Bearer {key}"}, timeout=10)
            for key in ("sk-mine", "sk-other")
        ]
        assert [answer.status_code for answer in statuses] == [200, 401]


def failed(*options: str) -> subprocess.CompletedProcess[str]:
    # What the failure leaves open would be told, too.
    shown = {**os.environ, "PYTHONWARNINGS": "default::ResourceWarning"}
    return subprocess.run(
        [*COMMAND, *options], env=shown, capture_output=True, text=True, timeout=30, check=False
    )


def test_a_port_in_use_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        finished = failed("--port", port)
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert port in finished.stderr
    assert finished.stderr.count("\n") == 1


def test_a_file_that_is_no_database_is_one_clear_line(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, not a database" * 100)
    finished = failed("--port", "0", "--db", str(path))
    assert finished.returncode == 1
    assert str(path) in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert path.read_text().startswith("these are notes")


@pytest.mark.parametrize("options", [("--port", "x"), ("--port", "70000"), ("--nonsense",)])
def test_a_wrong_option_is_status_2(options):
    assert failed(*options).returncode == 2
