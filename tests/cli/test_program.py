"""The program around the commands: missing extras, closed pipes, help, unforeseen errors."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust import __version__
from otel_braintrust.cli import application

Command = Callable[..., Any]  # see conftest.py

PROGRAM = Path(sys.executable).parent / "otel-braintrust"
TIMEOUT_S = 60


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


@pytest.mark.parametrize(
    ("module", "words", "extra"),
    [
        ("typer", "['--version']", "cli"),
        ("starlette", "['local']", "local"),
        ("openinference", "['demo']", "demo"),
    ],
)
def test_a_missing_extra_is_told_in_one_line(module: str, words: str, extra: str) -> None:
    code = f"import sys; sys.modules[{module!r}] = None\n"
    code += f"from otel_braintrust.cli import main; main({words})"

    done = python(code)

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.endswith(f"pip install 'otel-braintrust[{extra}]'")


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    code = "import sys; from otel_braintrust.cli.application import run; run(['--help'])\n"
    code += "print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"

    done = python(code)

    assert "translate" in done.stdout
    for module in ("requests", "starlette", "uvicorn", "sqlglot", "openai", "opentelemetry"):
        assert f"'{module}'" not in done.stderr


def test_a_reader_that_goes_away_ends_the_command_in_silence(tmp_path: Path) -> None:
    span = {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "name": "x" * 500,
        "startTimeUnixNano": "1767225600000000000",
    }
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [span] * 2000}]}]}
    (tmp_path / "spans.json").write_text(json.dumps(request), encoding="utf-8")

    done = subprocess.run(
        f"{PROGRAM} translate spans.json | head -c 10",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert len(done.stdout) == 10
    assert done.stderr == ""


def test_the_version_is_printed(command: Command) -> None:
    result = command("--version")

    assert (result.status, result.out) == (0, f"otel-braintrust {__version__}\n")


def test_no_command_shows_the_help_and_was_asked_wrongly(command: Command) -> None:
    result = command()

    assert result.status == 2
    assert result.out == ""
    assert "Usage: otel-braintrust" in result.err


def test_an_error_that_nobody_foresaw_is_one_line_without_a_traceback(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("something\ninside")

    monkeypatch.setattr("otel_braintrust.cli.translate.read_telemetry", broken)

    result = command("translate", "any.json")
    assert result.status == 1
    assert result.error.startswith("unexpected ZeroDivisionError: something inside; ")

    traced = command("--traceback", "translate", "any.json")
    assert traced.status == 1
    assert "Traceback (most recent call last)" in traced.err


def test_every_command_has_a_help_of_its_own(command: Command) -> None:
    for module in application.COMMANDS:
        name = module.__name__.rpartition(".")[2].rstrip("_")
        result = command(name, "--help")
        assert result.status == 0
        assert f"otel-braintrust {name}" in result.out
