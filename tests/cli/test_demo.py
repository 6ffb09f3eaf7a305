"""demo: the whole way of a span in one process, offline, whatever the environment holds."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

TIMEOUT_S = 60
PROGRAM = Path(sys.executable).parent / "otel-braintrust"


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """A port that nobody may connect to."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    yield listening
    listening.close()


def test_the_demo_runs_to_its_end_and_shows_what_happened(tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "demo"],
        env={"PATH": os.defpath, "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    tree = re.findall(r"^((?:[├└]─ )?[\w-]+) +(task|llm|tool|function) ", done.stdout, re.MULTILINE)
    assert tree == [
        ("support-agent", "task"),
        ("├─ search-handbook", "function"),
        ("├─ ChatCompletion", "llm"),
        ("├─ look_up_order", "tool"),
        ("├─ ChatCompletion", "llm"),
        ("└─ ChatCompletion", "llm"),
    ]
    assert "Your order 1042 (desk lamp) is on its way" in done.stdout
    assert "rating 1.00" in done.stdout
    assert "NotFoundError" in done.stdout
    assert len(re.findall(r"\d+ \+ \d+ +\$0\.0000\d\d +gpt-4o-mini", done.stdout)) == 2
    assert list(tmp_path.iterdir()) == []


def test_the_demo_sends_nothing_to_where_the_environment_points(
    tmp_path: Path, trap: socket.socket
) -> None:
    elsewhere = f"http://127.0.0.1:{trap.getsockname()[1]}"
    (tmp_path / ".env.braintrust").write_text(
        f"BRAINTRUST_API_KEY=sk-from-the-file\nBRAINTRUST_API_URL={elsewhere}\n"
        "BRAINTRUST_ORG_NAME=acme\n",
        encoding="utf-8",
    )
    foreign = {
        "BRAINTRUST_API_KEY": "sk-a-real-key-of-the-user",
        "BRAINTRUST_API_URL": elsewhere,
        "BRAINTRUST_APP_URL": elsewhere,
        "BRAINTRUST_ORG_NAME": "acme",
        "BRAINTRUST_PARENT": "project_name:production",
        "OTEL_EXPORTER_OTLP_ENDPOINT": elsewhere,
        "OTEL_TRACES_SAMPLER": "always_off",
        "OTEL_SDK_DISABLED": "true",
        "OPENAI_API_KEY": "sk-openai",
        "OPENAI_BASE_URL": elsewhere,
        "HTTP_PROXY": elsewhere,
        "http_proxy": elsewhere,
        "ALL_PROXY": elsewhere,
    }

    done = subprocess.run(
        [PROGRAM, "demo"],
        env={"PATH": os.defpath, "HOME": str(tmp_path), **foreign},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "support-agent" in done.stdout
    with pytest.raises(BlockingIOError):
        trap.accept()


def test_the_demo_that_is_kept_serves_its_trace_until_it_is_interrupted(tmp_path: Path) -> None:
    with subprocess.Popen(
        [PROGRAM, "demo", "--keep", "--db", str(tmp_path / "demo.db")],
        env={"PATH": os.defpath, "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if "Ctrl-C" in line:
                break
        [url] = re.findall(r"The trace as a page: (\S+)", told)
        with urllib.request.urlopen(url, timeout=10) as page:
            assert page.status == 200
            assert page.headers["content-type"].startswith("text/html")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    assert (tmp_path / "demo.db").is_file()


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path, trap: socket.socket) -> None:
    done = subprocess.run(
        [PROGRAM, "demo", "--port", str(trap.getsockname()[1])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("otel-braintrust: the local Braintrust cannot start: ")
    assert len(done.stderr.splitlines()) == 1
