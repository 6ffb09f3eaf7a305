"""Recorded spans of many producers become what really happened, and no change makes them worse."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.translation.conformance import (
    COMMAND,
    REPORT,
    TREE,
    Figure,
    Outcome,
    lowered,
    read_report,
    report,
    run,
)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    return run()


def test_no_producer_is_worse_than_the_report_says(outcomes: Mapping[str, Outcome]) -> None:
    worse = list(lowered(read_report(REPORT.read_text()), outcomes))
    failures = {line.partition(",")[0].partition(":")[0]: line for line in worse}

    told = "\n".join(
        "\n".join([line, *outcomes[producer].failures]) if producer in outcomes else line
        for producer, line in failures.items()
    )
    assert not worse, (
        f"lower than {REPORT.name} says: {worse}; all that is not right there:\n{told}"
    )


def test_the_report_tells_the_figures_of_today(outcomes: Mapping[str, Outcome]) -> None:
    assert REPORT.read_text() == report(outcomes), f"refresh it: {COMMAND}"


def test_every_span_has_a_row_in_its_place(outcomes: Mapping[str, Outcome]) -> None:
    astray = [failure for outcome in outcomes.values() for failure in outcome.failures]
    assert not [failure for failure in astray if failure.endswith(TREE)]


def test_a_lower_figure_is_named_with_its_producer() -> None:
    before = {"acme": {"input": Figure(3, 3)}, "gone": {"input": Figure(1, 1)}}
    now = Outcome()
    for is_right in (True, False, True):
        now.add("input", is_right)

    assert list(lowered(before, {"acme": now})) == [
        "acme, input: 3/3 before, 2/3 now",
        "gone: its cases are gone",
    ]


def test_a_report_reads_back_as_it_was_written(outcomes: Mapping[str, Outcome]) -> None:
    figures = read_report(report(outcomes))

    assert figures.keys() == outcomes.keys()
    assert all(figures[name] == dict(outcomes[name].figures) for name in outcomes)
