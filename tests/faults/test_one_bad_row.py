"""One bad row never takes the others with it, also where the server fails instead of refusing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.scripted_server import Answer, ScriptedServer

from .conftest import Application

Make = Callable[..., Application]


def is_bad(row: dict[str, Any]) -> bool:
    return bool(row["span_attributes"]["name"] == "bad")


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_that_fails_at_one_row_gets_all_the_others(
    server: ScriptedServer, application: Make, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    server.refusal_status = status
    server.refuse_row = is_bad
    app = application()
    kept = app.end_spans(60)
    bad = app.tracer.start_span("bad")
    bad.end()
    kept += app.end_spans(239)
    assert app.processor.flush(4.0).sent == 299
    assert sorted(server.arrivals) == sorted(kept)
    # Rows that come later pass by the bad one, and show that the server works.
    for _ in range(3):
        kept += app.end_spans(20)
        assert app.processor.flush(0.5).sent == 20
    assert app.processor.flush(10.0).pending == 0
    assert app.processor.ledger.dropped == {"server_error": 1}
    assert sorted(server.arrivals) == sorted(kept)
    assert format(bad.get_span_context().span_id, "016x") in caplog.text
    app.assert_adds_up(360)


def test_several_rows_that_the_server_fails_at_are_each_found(
    server: ScriptedServer, application: Make
) -> None:
    server.refusal_status = 500
    server.refuse_row = is_bad
    app = application()
    kept: list[str] = []
    for _ in range(4):
        kept += app.end_spans(24)
        app.tracer.start_span("bad").end()
    assert app.processor.flush(5.0).sent == 96
    assert sorted(server.arrivals) == sorted(kept)


def test_an_outage_is_not_mistaken_for_a_bad_row(server: ScriptedServer, application: Make) -> None:
    server.always = Answer(500)
    app = application()
    ids = app.end_spans(250)
    assert app.processor.flush(4.0).pending == 250
    # One probe each time, not one for each row.
    assert len(server.posts()) <= 10
    server.always = None
    assert app.processor.flush(15.0).sent == 250
    assert sorted(server.arrivals) == sorted(ids)
    assert len(server.posts()) <= 16


def test_a_server_that_fails_now_and_then_loses_nothing(
    server: ScriptedServer, application: Make
) -> None:
    ok: list[Any] = [None]
    server.script.extend([Answer(500), *ok, Answer(500), Answer(500), *ok, Answer(502), *ok] * 3)
    app = application()
    ids = app.end_spans(400)
    assert app.processor.flush(20.0).sent == 400
    assert sorted(server.rows) == sorted(ids)
    app.assert_adds_up(400)


@pytest.mark.parametrize("answer", [Answer(500), Answer(manner="reset")])
def test_a_row_that_the_server_always_fails_at_arrives_bare_when_its_time_is_over(
    server: ScriptedServer, application: Make, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    take = server.take

    def fail_at_poison(body: bytes) -> Answer:
        return answer if b"poison" in body else take(body)

    server.take = fail_at_poison  # type: ignore[method-assign]
    app = application(max_retry_s=2.0)
    [row_id] = app.end_spans(1, text="poison")
    result = app.processor.flush(10.0)
    assert (result.sent, result.dropped) == (1, 0)
    row = server.rows[row_id]
    assert row["span_attributes"]["name"] == "work"
    assert row["metrics"].keys() == {"start", "end"}
    assert "the server fails at this row" in str(row["metadata"])
    assert row_id in caplog.text


def test_an_outage_that_outlasts_the_rows_costs_one_request_more(
    server: ScriptedServer, application: Make
) -> None:
    server.always = Answer(503)
    app = application(max_retry_s=1.5)
    app.end_spans(50)
    assert app.processor.flush(10.0).dropped == 50
    assert app.processor.ledger.dropped == {"server_error": 50}
    assert len(server.posts()) <= 7


def test_a_row_that_the_server_fails_at_while_it_takes_others_arrives_bare(
    server: ScriptedServer, application: Make
) -> None:
    take = server.take
    server.take = (  # type: ignore[method-assign]
        lambda body: Answer(500) if b"poison" in body else take(body)
    )
    app = application()
    ids = app.end_spans(60)
    [poisoned] = app.end_spans(1, text="poison")
    ids += [poisoned, *app.end_spans(239)]
    assert app.processor.flush(4.0).sent == 299
    for _ in range(3):
        ids += app.end_spans(20)
        app.processor.flush(0.5)
    assert app.processor.flush(10.0).pending == 0
    assert app.processor.ledger.dropped == {}
    assert sorted(server.rows) == sorted(ids)
    assert "the server fails at this row" in str(server.rows[poisoned]["metadata"])
