"""A command line that runs in this process, with no settings but those of the test."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from otel_braintrust.cli.application import run
from otel_braintrust.local.server import LocalServer


@dataclass
class Result:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)

    @property
    def error(self) -> str:
        """The one line on stderr; stdout must be empty."""
        assert self.out == ""
        [line] = self.err.splitlines()
        return line.removeprefix("otel-braintrust: ")


Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("BRAINTRUST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command; keyword `stdin` is what it reads."""

    def call(*words: str, stdin: bytes | None = None) -> Result:
        if stdin is not None:
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        status = run(words)
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return call


@pytest.fixture
def braintrust(local_braintrust: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    """A local Braintrust that the environment points to."""
    monkeypatch.setenv("BRAINTRUST_API_KEY", local_braintrust.api_key)
    monkeypatch.setenv("BRAINTRUST_API_URL", local_braintrust.url)
    monkeypatch.setenv("BRAINTRUST_APP_URL", local_braintrust.url)
    return local_braintrust
