"""What the README says is so: its commands, its code, its table and its links."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_braintrust.local.server import LocalServer
from otel_braintrust.settings import options_markdown

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
PYTHON_BLOCKS = [text for language, text in BLOCKS if language == "python"]
CONSOLE_BLOCKS = [text for language, text in BLOCKS if language == "console"]
TIMEOUT_S = 60
# What opentelemetry-instrument says where opentelemetry-distro is installed, too, as it is here.
TWO_CONFIGURATORS = "Configuration of braintrust not loaded, configurator already loaded\n"


def commands(block: str) -> list[tuple[str, str]]:
    """Each `$` line of a console block, with the here-document it opens, and the output shown."""
    found: list[tuple[str, str]] = []
    in_document = False
    for line in block.splitlines():
        if line.startswith("$ ") and not in_document:
            found.append((line[2:], ""))
            in_document = "<<" in line
        elif in_document:
            found[-1] = (f"{found[-1][0]}\n{line}", "")
            in_document = line != "END"
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a user's shell has: this Python's commands, and no settings."""
    foreign = ("BRAINTRUST_", "OTEL_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return {**kept, "PATH": path, "HOME": str(tmp_path)}


@pytest.fixture
def local(environment: dict[str, str]) -> Iterator[LocalServer]:
    """A local Braintrust that takes any key, and that the environment points to."""
    with LocalServer() as server:
        environment |= {
            "BRAINTRUST_API_URL": server.url,
            "BRAINTRUST_APP_URL": server.url,
            "BRAINTRUST_API_KEY": server.api_key,
        }
        yield server


def run(
    words: list[str], environment: dict[str, str], directory: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        env=environment,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.parametrize("block", PYTHON_BLOCKS, ids=lambda block: block.strip().split("\n")[-1])
def test_every_python_block_runs(
    block: str, local: LocalServer, environment: dict[str, str], tmp_path: Path
) -> None:
    done = run([sys.executable, "-W", "error", "-c", block], environment, tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for line in re.findall(r"print\(.*\)  # (.*)$", block, re.MULTILINE):
        assert line in done.stdout


def test_every_command_of_a_console_block_does_what_is_shown(
    local: LocalServer, environment: dict[str, str], tmp_path: Path
) -> None:
    for block in PYTHON_BLOCKS:
        if name := re.match(r"# (\w+\.py)\n", block):
            (tmp_path / name[1]).write_text(block, encoding="utf-8")
    checker = doctest.OutputChecker()
    for block in CONSOLE_BLOCKS:
        for command, shown in commands(block):
            if command.startswith("pip install"):
                continue
            if command.startswith("export "):
                words = shlex.split(command)[1:]
                environment |= dict(word.split("=", 1) for word in words)
                continue
            done = run(["bash", "-c", command], environment, tmp_path)
            assert done.returncode == 0, f"{command}: {done.stderr}"
            assert done.stderr.replace(TWO_CONFIGURATORS, "") == "", command
            assert checker.check_output(shown, done.stdout, doctest.ELLIPSIS), (
                f"{command}\nshown: {shown}\nfound: {done.stdout}"
            )

    names = {
        row["span_attributes"]["name"]
        for row in local.rows("support bot")
        if row.get("span_attributes")
    }
    assert "checkout" in names


def test_the_options_are_those_of_the_table() -> None:
    [table] = re.findall(r"<!-- options -->\n(.*?)<!-- /options -->", README, re.DOTALL)

    assert table.strip() == options_markdown().strip()


@pytest.mark.parametrize(
    ("marker", "last"), [("first command", "otel-braintrust demo"), ("second command", "pytest -q")]
)
def test_the_two_commands_are_single_lines_that_set_everything_up(marker: str, last: str) -> None:
    [command] = re.findall(rf"^<!-- {marker} -->\n```sh\n(.*)\n```$", README, re.MULTILINE)

    assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert command.endswith(last)


def test_extras_and_commands_that_are_named_are_there(environment: dict[str, str]) -> None:
    metadata = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"(?:otel-braintrust|\.)\[(\w+)\]", README):
        assert f"\n{extra} = [" in metadata, extra
    shown = run(["otel-braintrust", "--help"], environment, ROOT).stdout
    for command in set(re.findall(r"(?:^|\$ |`|/)otel-braintrust (\w+)", README, re.MULTILINE)):
        assert re.search(rf"^  {command}\b", shown, re.MULTILINE), command
        used = set(re.findall(rf"otel-braintrust {command}[^`\n]*? (--[\w-]+)", README))
        own = run(["otel-braintrust", command, "--help"], environment, ROOT).stdout
        assert {option for option in used if option not in own} == set()


def test_links_to_files_and_headings_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", text).strip().lower().replace(" ", "-")
        for text in re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("https://"):
            assert (ROOT / target).is_file(), target
