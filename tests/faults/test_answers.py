"""What each answer of the server means: who arrives, who is lost and why, and what is logged."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from tests.scripted_server import Answer, ScriptedServer

from .conftest import KEY, Application

Make = Callable[..., Application]


def test_spans_arrive_once_with_their_container_and_id(
    server: ScriptedServer, application: Make
) -> None:
    app = application(max_request_rows=100)
    ids = app.end_spans(250)
    result = app.processor.flush(10.0)
    assert (result.sent, result.dropped, result.pending, result.ok) == (250, 0, 0, True)
    assert sorted(server.arrivals) == sorted(ids)
    assert {row["project_id"] for row in server.rows.values()} == {"id-of-faults"}
    assert {row["log_id"] for row in server.rows.values()} == {"g"}
    assert all(json.loads(each.body)["api_version"] == 2 for each in server.posts())
    assert max(len(json.loads(each.body)["rows"]) for each in server.posts()) <= 100


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_a_passing_failure_is_tried_again_until_all_arrive(
    server: ScriptedServer, application: Make, status: int
) -> None:
    server.script.extend([Answer(status), Answer(status, b"<html>sorry</html>")])
    app = application()
    ids = app.end_spans(5)
    assert app.processor.flush(10.0).sent == 5
    assert sorted(server.rows) == sorted(ids)
    app.assert_adds_up(5)


@pytest.mark.parametrize("manner", ["reset", "half"])
def test_a_connection_that_breaks_is_tried_again(
    server: ScriptedServer, application: Make, manner: str
) -> None:
    server.script.extend([Answer(manner=manner)] * 2)
    app = application()
    ids = app.end_spans(5)
    assert app.processor.flush(10.0).sent == 5
    assert sorted(server.rows) == sorted(ids)


def test_a_stale_keep_alive_connection_loses_nothing(
    server: ScriptedServer, application: Make
) -> None:
    app = application()
    app.end_spans(1)
    assert app.processor.flush(5.0).ok
    server.stop()
    server.start()
    app.end_spans(1)
    assert app.processor.flush(10.0).ok
    assert len(server.rows) == 2


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_kept(server: ScriptedServer, application: Make, form: str) -> None:
    value = "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)
    server.script.append(Answer(429, headers={"Retry-After": value}))
    app = application()
    app.end_spans(3)
    assert app.processor.flush(10.0).sent == 3
    first, second = server.posts()
    assert second.at - first.at >= 0.95


def test_413_halves_the_request_and_the_limit_is_learned(
    server: ScriptedServer, application: Make
) -> None:
    server.max_body_bytes = 20_000
    app = application()
    ids = app.end_spans(80, text="x" * 500)
    assert app.processor.flush(10.0).sent == 80
    assert sorted(server.arrivals) == sorted(ids)
    before = len(server.posts())
    app.end_spans(80, text="x" * 500)
    assert app.processor.flush(10.0).sent == 80
    assert all(len(each.body) <= 20_000 for each in server.posts()[before:])


def test_requests_keep_to_half_of_what_the_server_says(
    server: ScriptedServer, application: Make
) -> None:
    server.told_max_bytes = 40_000
    app = application()
    app.end_spans(100, text="x" * 1000)
    assert app.processor.flush(10.0).sent == 100
    assert max(len(each.body) for each in server.posts()) <= 20_000


def test_a_server_without_a_version_gets_rows_all_the_same(
    server: ScriptedServer, application: Make
) -> None:
    server.told_max_bytes = None
    app = application()
    app.end_spans(3)
    assert app.processor.flush(5.0).sent == 3


@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_row_is_found_and_the_others_arrive(
    server: ScriptedServer, application: Make, status: int
) -> None:
    server.refusal_status = status
    server.refuse_row = lambda row: row["span_attributes"]["name"] == "bad"
    app = application()
    kept = app.end_spans(60)
    app.tracer.start_span("bad").end()
    kept += app.end_spans(39)
    result = app.processor.flush(10.0)
    assert (result.sent, result.dropped) == (99, 1)
    assert sorted(server.rows) == sorted(kept)
    assert app.processor.ledger.dropped == {"rejected": 1}
    assert len(server.posts()) <= 64


def test_refusing_every_row_costs_a_bounded_number_of_requests(
    server: ScriptedServer, application: Make
) -> None:
    server.always = Answer(400, b"no")
    app = application()
    app.end_spans(100)
    assert app.processor.flush(10.0).dropped == 100
    assert len(server.posts()) <= 130
    app.assert_adds_up(100)


@pytest.mark.parametrize(("status", "reason"), [(401, "auth"), (403, "auth"), (404, "not_found")])
def test_a_refused_key_or_place_is_one_error_with_a_remedy_and_no_hammering(
    server: ScriptedServer,
    application: Make,
    caplog: pytest.LogCaptureFixture,
    status: int,
    reason: str,
) -> None:
    server.always = Answer(status, b"you may not: " + KEY.encode())
    app = application()
    for _ in range(3):
        app.end_spans(120)
        assert app.processor.flush(5.0).dropped == 120
    assert app.processor.ledger.dropped == {reason: 360}
    assert len(server.posts()) == 1
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    message = errors[0].getMessage()
    for part in (server.url + "/logs3", str(status), "sk...42", "check BRAINTRUST_API"):
        assert part in message
    assert KEY not in caplog.text


def test_a_wrong_key_is_told_at_login(
    server: ScriptedServer, application: Make, caplog: pytest.LogCaptureFixture
) -> None:
    server.scripted_path = "/api/apikey/login"
    server.always = Answer(401, b"invalid")
    app = application()
    app.end_spans(10)
    result = app.processor.flush(2.0)
    assert (result.dropped, result.pending) == (10, 0)
    assert "check BRAINTRUST_API_KEY (key sk...42)" in caplog.text
    assert server.posts() == []


@pytest.mark.parametrize("status", [200, 404])
def test_a_web_page_is_recognised(
    server: ScriptedServer, application: Make, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    page = b"<!DOCTYPE html><html><body>Sign in</body></html>"
    server.always = Answer(status, page, {"Content-Type": "text/html"})
    app = application()
    app.end_spans(3)
    assert app.processor.flush(5.0).dropped == 3
    assert "a web page came back" in caplog.text
    assert "Sign in" not in caplog.text


def test_a_project_that_is_refused_does_not_take_others_with_it(
    server: ScriptedServer, application: Make, caplog: pytest.LogCaptureFixture
) -> None:
    server.refused_projects = {"theirs": 403}
    app = application()
    kept = app.end_spans(5)
    app.end_spans(5, **{"braintrust.parent": "project_name:theirs"})
    kept += app.end_spans(5, **{"braintrust.parent": "project_name:other"})
    kept += app.end_spans(5, **{"braintrust.parent": "experiment_id:e-1"})
    result = app.processor.flush(10.0)
    assert (result.sent, result.dropped) == (15, 5)
    assert sorted(server.rows) == sorted(kept)
    assert len(server.posts()) == 1
    assert "project_name:theirs" in caplog.text
    containers = {(r.get("project_id"), r.get("experiment_id")) for r in server.rows.values()}
    assert containers == {("id-of-faults", None), ("id-of-other", None), (None, "e-1")}


def test_a_project_whose_look_up_fails_for_a_time_waits_alone(
    server: ScriptedServer, application: Make
) -> None:
    server.refused_projects = {"slow": 503}
    app = application()
    app.end_spans(5)
    app.end_spans(5, **{"braintrust.parent": "project_name:slow"})
    result = app.processor.flush(1.0)
    assert (result.sent, result.pending, result.ok) == (5, 5, False)
    server.refused_projects = {}
    assert app.processor.flush(10.0).sent == 5


def test_a_refusal_of_one_destination_in_a_request_spares_the_others(
    server: ScriptedServer, application: Make
) -> None:
    server.refusal_status = 403
    server.refuse_row = lambda row: row.get("project_id") == "not-mine"
    app = application()
    kept = app.end_spans(4)
    app.end_spans(4, **{"braintrust.parent": "project_id:not-mine"})
    result = app.processor.flush(5.0)
    assert (result.sent, result.dropped) == (4, 4)
    assert sorted(server.rows) == sorted(kept)


def test_a_malformed_parent_of_a_span_is_one_warning_and_the_default_place(
    server: ScriptedServer, application: Make, caplog: pytest.LogCaptureFixture
) -> None:
    app = application()
    app.end_spans(5, **{"braintrust.parent": "my project"})
    assert app.processor.flush(5.0).sent == 5
    assert {row["project_id"] for row in server.rows.values()} == {"id-of-faults"}
    assert caplog.text.count("'my project'") == 1


def test_rows_of_a_slug_hang_on_its_span(server: ScriptedServer, application: Make) -> None:
    slug = (
        "BAICAwEjRWeJq83vBAABAgMEBQYHCAkKCwwNDg97Im9iamVjdF9pZCI6IjExMTExMTExLTIyMjItMzMzMy00NDQ0"
        "LTU1NTU1NTU1NTU1NSIsInJvd19pZCI6ImFhYWFhYWFhLWJiYmItY2NjYy1kZGRkLWVlZWVlZWVlZWVlZSJ9"
    )
    app = application(project=None, parent=slug)
    with app.tracer.start_as_current_span("root") as root:
        app.tracer.start_span("child").end()
    assert app.processor.flush(5.0).sent == 2
    rows = {row["span_attributes"]["name"]: row for row in server.rows.values()}
    assert rows["root"]["span_parents"] == ["0123456789abcdef"]
    assert rows["child"]["span_parents"] == [format(root.get_span_context().span_id, "016x")]
    for row in rows.values():
        assert row["root_span_id"] == "000102030405060708090a0b0c0d0e0f"
        assert row["project_id"] == "11111111-2222-3333-4444-555555555555"


def test_retries_end_where_the_settings_say(server: ScriptedServer, application: Make) -> None:
    server.always = Answer(503)
    app = application(num_retries=2)
    app.end_spans(3)
    result = app.processor.flush(10.0)
    assert (result.dropped, result.pending) == (3, 0)
    assert app.processor.ledger.dropped == {"server_error": 3}
    assert len(server.posts()) == 3


def test_an_answer_that_is_not_json_counts_as_taken(
    server: ScriptedServer, application: Make
) -> None:
    server.always = Answer(200, b"OK")
    app = application()
    app.end_spans(3)
    assert app.processor.flush(5.0).sent == 3


def test_odd_values_do_not_spoil_the_batch(server: ScriptedServer, application: Make) -> None:
    app = application()
    odd: list[Any] = [float("nan"), 2**63 - 1, -(2**63), "a\x00b", "\ud800 lone", b"\xff".hex()]
    for value in odd:
        app.end_spans(1, odd=value)
    assert app.processor.flush(5.0).sent == len(odd)
