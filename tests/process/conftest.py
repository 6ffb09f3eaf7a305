"""Real processes: a script runs and ends; what it left on the server and on stderr is read."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from otel_braintrust.options import OPTIONS
from tests.scripted_server import ScriptedServer

KEY = "sk-secret-key-of-the-tests-42"


@dataclass
class Ended:
    """A process that ended."""

    status: int
    stdout: str
    stderr: str
    seconds: float


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def run(tmp_path: Path, server: ScriptedServer) -> Callable[..., Ended]:
    """Run a script with a key and the server's address in its environment."""

    def run_script(
        script: str,
        *,
        command: tuple[str, ...] = (sys.executable,),
        timeout_s: float = 60.0,
        **variables: str,
    ) -> Ended:
        path = tmp_path / "app.py"
        path.write_text(textwrap.dedent(script))
        ours = {option.variable for option in OPTIONS}
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ours and not name.startswith("OTEL_")
        }
        environment |= {
            "BRAINTRUST_API_KEY": KEY,
            "BRAINTRUST_APP_URL": server.url,
            "PYTHONWARNINGS": "default",
            **variables,
        }
        begin = time.monotonic()
        done = subprocess.run(
            [*command, str(path)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)

    return run_script
