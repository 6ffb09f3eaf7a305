"""The recorded cases of `tests/corpus`, translated and compared with the truth; the report of it.

    python -m tests.translation.conformance            print the report
    python -m tests.translation.conformance --write    write it to tests/corpus/REPORT.md
    python -m tests.translation.conformance --failures [PRODUCER]   print what is not right

Each producer has a folder, each of its cases one below: `spans.otlp.json`, `logs.otlp.json` where
the content came in log records, and `expect.json` with what really happened.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from otel_braintrust.cli.translate import assemble
from otel_braintrust.translation import SpanView
from otel_braintrust.translation.otlp import Telemetry, decode
from tests.translation.expectations import checks, opened

CORPUS = Path(__file__).parent.parent / "corpus"
REPORT = CORPUS / "REPORT.md"
COMMAND = "python -m tests.translation.conformance --write"

# The report's columns: what the cases tell of spans, and three figures of whole traces.
FIELDS = ("type", "input", "output", "metadata", "metrics", "error", "tags")
TREE, TEXT, TOKENS = "tree", "text kept", "tokens add up"
COLUMNS = (*FIELDS, TREE, TEXT, TOKENS)

# A note by which a case says that a model call's tokens are those of another span.
_NOT_COUNTED = "must not count"
# Shorter texts are found in any row.
_MIN_TEXT_LENGTH = 3


@dataclass
class Figure:
    """How many of some truths the rows tell."""

    passed: int = 0
    total: int = 0

    def add(self, is_right: bool) -> None:
        self.passed += is_right
        self.total += 1

    def __str__(self) -> str:
        return f"{self.passed}/{self.total}" if self.total else "–"


@dataclass
class Outcome:
    """What came of one producer's cases: a figure for each column, and what was not right."""

    figures: dict[str, Figure] = field(default_factory=lambda: defaultdict(Figure))
    failures: list[str] = field(default_factory=list)

    def add(self, column: str, is_right: bool, failure: str = "") -> None:
        self.figures[column].add(is_right)
        if not is_right and failure:
            self.failures.append(failure)

    @property
    def checks(self) -> Figure:
        """All truths of spans together."""
        figures = [self.figures[name] for name in FIELDS if name in self.figures]
        return Figure(sum(f.passed for f in figures), sum(f.total for f in figures))


@dataclass
class Case:
    """One recorded case, its spans, and the row of each span by its ids."""

    name: str
    expected: list[dict[str, Any]]
    spans: list[SpanView]
    rows: dict[tuple[str, str], dict[str, Any]]

    def row_of(self, span: SpanView) -> dict[str, Any]:
        return self.rows.get((span.trace_id, span.span_id), {})


def read_case(folder: Path) -> Case:
    """Read a case and translate it as the `translate` command does."""
    files = [folder / "spans.otlp.json", folder / "logs.otlp.json"]
    telemetry = [decode(file.read_bytes()) for file in files if file.exists()]
    rows = {
        (assembled.span.trace_id, assembled.span.span_id): orjson.loads(orjson.dumps(assembled.row))
        for assembled in assemble(telemetry)
        if assembled.row is not None
    }
    expected = json.loads((folder / "expect.json").read_text())["spans"]
    name = f"{folder.parent.name}/{folder.name}"
    return Case(name, expected, _spans_of(telemetry), rows)


def _spans_of(telemetry: list[Telemetry]) -> list[SpanView]:
    return [span for found in telemetry for span in found.spans]


def run(corpus: Path = CORPUS) -> dict[str, Outcome]:
    """Translate and compare every case; the outcome by producer, in the order of their names."""
    outcomes: dict[str, Outcome] = {}
    for folder in sorted(file.parent for file in corpus.glob("*/*/expect.json")):
        outcome = outcomes.setdefault(folder.parent.name, Outcome())
        case = read_case(folder)
        _compare_spans(case, outcome)
        _compare_tree(case, outcome)
        _look_for_texts(case, outcome)
        _add_tokens(case, outcome)
    return outcomes


def _expected_spans(case: Case) -> Iterator[tuple[dict[str, Any], SpanView]]:
    named: dict[str, list[SpanView]] = defaultdict(list)
    for span in sorted(case.spans, key=lambda span: span.start_ns):
        named[span.name].append(span)
    for expected in case.expected:
        match = expected["match"]
        index = match.get("index", 0)
        if index < len(named[match["name"]]):
            yield expected, named[match["name"]][index]


def _compare_spans(case: Case, outcome: Outcome) -> None:
    for expected, span in _expected_spans(case):
        for check in checks(expected, case.row_of(span)):
            failure = f"{case.name} [{span.name}] {check.field}: {_shown(check.want, check.got)}"
            outcome.add(check.field.partition(".")[0], check.is_right, failure)


def _shown(want: Any, got: Any) -> str:
    told = (json.dumps(value, ensure_ascii=False)[:300] for value in (want, got))
    return "\n    want {}\n    got  {}".format(*told)


def _compare_tree(case: Case, outcome: Outcome) -> None:
    for span in case.spans:
        row = case.row_of(span)
        parents = [span.parent_span_id] if span.parent_span_id else []
        is_right = (
            bool(row.get("id"))
            and row.get("root_span_id") == span.trace_id
            and (row.get("span_parents") or []) == parents
            and (row.get("span_attributes") or {}).get("name") is not None
        )
        outcome.add(TREE, is_right, f"{case.name} [{span.name}] {TREE}")


def _look_for_texts(case: Case, outcome: Outcome) -> None:
    for span in case.spans:
        row = case.row_of(span)
        if not row:
            continue
        told, dump = set(_texts(row)), json.dumps(row, ensure_ascii=False)
        for key, value in span.attributes.items():
            for text in _texts(value):
                is_told = text in told or json.dumps(text, ensure_ascii=False)[1:-1] in dump
                outcome.add(TEXT, is_told, f"{case.name} [{span.name}] {TEXT}: {key}: {text[:80]}")


def _texts(value: Any) -> Iterator[str]:
    value = opened(value)
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str) and len(value) >= _MIN_TEXT_LENGTH:
        yield value


def _add_tokens(case: Case, outcome: Outcome) -> None:
    """Compare what a trace's rows count with what its model calls used: nothing twice or lost."""
    calls = [
        expected.get("metrics") or {}
        for expected in case.expected
        if expected.get("type") == "llm" and _NOT_COUNTED not in expected.get("note", "")
    ]
    if not calls or not all("tokens" in metrics for metrics in calls):
        return
    used = sum(metrics["tokens"] for metrics in calls)
    counted = sum((case.row_of(span).get("metrics") or {}).get("tokens", 0) for span in case.spans)
    failure = f"{case.name} {TOKENS}: {used} used, {counted} counted"
    outcome.add(TOKENS, used == counted, failure)


def report(outcomes: Mapping[str, Outcome]) -> str:
    """Write the report: a line for each producer, a column for each field, and the totals."""
    total = Outcome()
    for outcome in outcomes.values():
        for column, figure in outcome.figures.items():
            total.figures[column].passed += figure.passed
            total.figures[column].total += figure.total
    lines = [
        "# What the recorded spans become",
        "",
        f"Written by `{COMMAND}`; a change that lowers a figure fails the tests.",
        "",
        "Each truth about a span is one check: passed/all. *tree*: rows with the ids and parents",
        "of their spans. *text kept*: texts in attributes that are somewhere in the row. *tokens",
        "add up*: traces whose rows count what their model calls used, none twice and none lost.",
        "",
        "| producer | checks | failures | " + " | ".join(COLUMNS) + " |",
        "|---|---|---|" + "---|" * len(COLUMNS),
        *(_line(producer, outcome) for producer, outcome in sorted(outcomes.items())),
        _line("**all**", total),
        "",
        ", ".join(
            f"{name} {100 * figure.passed / max(figure.total, 1):.2f} %"
            for name, figure in (
                ("checks", total.checks),
                *((column, total.figures[column]) for column in COLUMNS),
            )
        )
        + ".",
        "",
    ]
    return "\n".join(lines)


def _line(producer: str, outcome: Outcome) -> str:
    checked = outcome.checks
    figures = [str(outcome.figures.get(column, Figure())) for column in COLUMNS]
    failures = checked.total - checked.passed
    return f"| {producer} | {checked} | {failures} | " + " | ".join(figures) + " |"


_ROW = re.compile(r"^\| (?P<producer>[^|*]+?) \| (?P<cells>.+) \|$", re.MULTILINE)
_FIGURE = re.compile(r"(\d+)/(\d+)")


def read_report(text: str) -> dict[str, dict[str, Figure]]:
    """Read a report back: the figures by producer and column."""
    found: dict[str, dict[str, Figure]] = {}
    for match in _ROW.finditer(text):
        cells = match["cells"].split(" | ")[2:]
        figures = {
            column: Figure(int(figure[1]), int(figure[2]))
            for column, cell in zip(COLUMNS, cells, strict=True)
            if (figure := _FIGURE.fullmatch(cell))
        }
        if figures:
            found[match["producer"]] = figures
    return found


def lowered(
    before: Mapping[str, Mapping[str, Figure]], outcomes: Mapping[str, Outcome]
) -> Iterator[str]:
    """Name every figure that is lower than a report says."""
    for producer, figures in before.items():
        outcome = outcomes.get(producer)
        if outcome is None:
            yield f"{producer}: its cases are gone"
            continue
        for column, figure in figures.items():
            now = outcome.figures.get(column, Figure())
            if now.passed < figure.passed:
                yield f"{producer}, {column}: {figure} before, {now} now"


def main() -> None:
    """Run the cases, and print or write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.translation.conformance")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    parser.add_argument("--failures", nargs="?", const="", metavar="PRODUCER")
    asked = parser.parse_args()
    outcomes = run()
    if asked.failures is not None:
        for producer, outcome in outcomes.items():
            if asked.failures in ("", producer):
                print("\n".join(outcome.failures))
    elif asked.write:
        REPORT.write_text(report(outcomes))
    else:
        print(report(outcomes))


if __name__ == "__main__":
    main()
