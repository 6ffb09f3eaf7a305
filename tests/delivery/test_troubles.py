"""One line for each kind of trouble."""

from __future__ import annotations

import logging

import pytest

from otel_braintrust.delivery.troubles import MAX_KINDS, Troubles


def test_a_kind_is_told_at_once_then_every_five_minutes_with_a_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    troubles = Troubles(clock=lambda: now[0])
    for moment in (0.0, 1.0, 299.0, 301.0):
        now[0] = moment
        troubles.tell("full", logging.WARNING, "%d dropped", 5, count=5)
    troubles.tell("other", logging.ERROR, "something else")
    assert [record.getMessage() for record in caplog.records] == [
        "5 dropped",
        "5 dropped (and 10 more like this since it was last told)",
        "something else",
    ]


def test_the_end_of_a_trouble_is_told_only_if_its_beginning_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    troubles = Troubles()
    with caplog.at_level(logging.INFO, "otel_braintrust"):
        troubles.are_over("outage", "works again")
        troubles.tell("outage connection", logging.WARNING, "down")
        troubles.are_over("outage", "works again")
        troubles.tell("outage connection", logging.WARNING, "down")
    assert [record.getMessage() for record in caplog.records] == ["down", "works again", "down"]


def test_kinds_without_end_do_not_fill_the_memory() -> None:
    troubles = Troubles()
    for number in range(MAX_KINDS * 3):
        troubles.tell(f"kind {number}", logging.DEBUG, "x")
    assert len(troubles._kinds) == MAX_KINDS
