"""The benchmarks run and print every row; how fast anything is, is not tested here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import QUOTE_BEGIN, QUOTE_END, TABLES
from benchmarks.application import HOOKS
from benchmarks.exporting import EXPORTERS, MESSAGES, TURNS
from benchmarks.kinds import KINDS

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def tables() -> dict[str, list[list[str]]]:
    """The rows of each table that a trial prints, by the table's title."""
    results = ROOT / "benchmarks" / "RESULTS.md"
    before = results.read_text(encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert results.read_text(encoding="utf-8") == before, "a trial must not be written down"
    found: dict[str, list[list[str]]] = {}
    for part in ended.stdout.split("\n## ")[1:]:
        title, *lines = part.splitlines()
        cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
        found[title] = [row for row in cells[1:] if not row[0].startswith("---")]
    return found


def test_every_kind_is_exported_by_every_peer(tables: dict[str, list[list[str]]]) -> None:
    ratios = tables["Export: ours as a share of theirs"]
    assert [row[0] for row in ratios] == [*KINDS, "chat, 8 threads"]
    assert all(len(row) == len(EXPORTERS) for row in ratios)
    assert [row[0] for row in tables["Bytes on the wire"]] == list(KINDS)


def test_the_application_s_thread_is_measured_for_every_kind(
    tables: dict[str, list[list[str]]],
) -> None:
    rows = [tuple(row[:2]) for row in tables["The application's thread"]]
    assert rows == [(kind, peer) for kind in KINDS for peer in HOOKS]
    assert tables["@traced"][0][0] == "start_as_current_span"


def test_growth_memory_and_imports_have_their_rows(tables: dict[str, list[list[str]]]) -> None:
    assert len(tables["Growth with the bytes of content"]) == 4
    assert len(tables["Growth with the number of messages"]) == 2 * len(MESSAGES)
    assert len(tables["Growth with the turns of an agent"]) == len(TURNS)
    assert [row[0] for row in tables["Memory"]] == list(EXPORTERS[:-1])
    assert "otel_braintrust" in [row[0] for row in tables["Import"]]


def test_every_figure_is_a_number_above_nothing(tables: dict[str, list[list[str]]]) -> None:
    assert len(tables) == len(TABLES) + 2  # export prints two, and there is a summary
    for title, rows in tables.items():
        for row in rows:
            figures = [cell for cell in row if re.search(r"(×| µs| ms| MiB| B)$", cell)]
            assert figures, (title, row)
            assert all(float(re.split(r"[× ]", cell)[0]) >= 0 for cell in figures)


def test_the_readme_quotes_the_results() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    quoted = readme.partition(QUOTE_BEGIN)[2].partition(QUOTE_END)[0].splitlines()
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    summary = results.partition("## In short")[2].partition("\n## ")[0].splitlines()
    assert quoted == [line for line in summary if line.startswith("|")]
    assert len(quoted) > len(KINDS)
