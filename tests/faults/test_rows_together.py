"""Where a project's id is known rows are encoded together; what befalls one befalls no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust.replay import replay_directory
from otel_braintrust.settings import Settings
from tests.scripted_server import Answer, ScriptedServer

from .conftest import KEY, Application

Make = Callable[..., Application]


@pytest.fixture
def app(application: Make) -> Application:
    return application(project=None, project_id="p")


def is_bad(row: dict[str, Any]) -> bool:
    return bool(row["span_attributes"]["name"] == "bad")


def test_many_rows_go_in_one_request_each_with_its_container(
    server: ScriptedServer, app: Application
) -> None:
    ids = app.end_spans(300, text='a line\n}, {"and": "another"}')
    assert app.processor.flush(5.0).sent == 300
    assert list(server.arrivals) == ids
    assert len(server.posts()) == 1
    for row in server.rows.values():
        assert (row["project_id"], row["log_id"]) == ("p", "g")
        assert row["metadata"]["text"] == 'a line\n}, {"and": "another"}'


@pytest.mark.parametrize("status", [400, 500])
def test_a_bad_row_among_them_is_found(
    server: ScriptedServer, app: Application, status: int
) -> None:
    server.refusal_status = status
    server.refuse_row = is_bad
    kept = app.end_spans(40)
    app.tracer.start_span("bad").end()
    kept += app.end_spans(59)
    assert app.processor.flush(4.0).sent == 99
    assert sorted(server.arrivals) == sorted(kept)


def test_after_an_outage_they_arrive_as_they_were(server: ScriptedServer, app: Application) -> None:
    server.script.extend([Answer(503), Answer(503)])
    ids = app.end_spans(50)
    assert app.processor.flush(15.0).sent == 50
    assert list(server.arrivals) == ids


def test_a_server_that_takes_less_gets_them_in_parts(
    server: ScriptedServer, app: Application
) -> None:
    server.max_body_bytes = 20_000
    ids = app.end_spans(60, text="x" * 1000)
    assert app.processor.flush(10.0).sent == 60
    assert list(server.arrivals) == ids
    app.assert_adds_up(60)


def test_a_value_that_json_cannot_hold_spoils_none_of_them(
    server: ScriptedServer, app: Application
) -> None:
    ids = app.end_spans(10)
    ids += app.end_spans(1, large=2**70, text="lone \ud800 surrogate")
    ids += app.end_spans(10)
    assert app.processor.flush(5.0).sent == 21
    assert list(server.arrivals) == ids


def test_a_long_text_is_cut_in_its_own_row_alone(server: ScriptedServer, application: Make) -> None:
    app = application(project=None, project_id="p", max_field_bytes=3000)
    ids = app.end_spans(5, text="short")
    ids += app.end_spans(1, text="y" * 5000)
    ids += app.end_spans(5, text="short")
    assert app.processor.flush(5.0).sent == 11
    texts = [server.rows[each]["metadata"]["text"] for each in ids]
    assert texts[:5] == texts[6:] == ["short"] * 5
    assert "5000" in texts[5].replace(",", "")
    assert len(texts[5]) < 5000
    assert all(server.rows[each]["project_id"] == "p" for each in ids)


def test_rows_for_several_projects_go_together_and_fail_apart(
    server: ScriptedServer, app: Application
) -> None:
    server.refuse_row = lambda row: bool(row["project_id"] == "closed")
    server.refusal_status = 403
    for number in range(30):
        parent = "project_id:closed" if number % 3 == 0 else "project_id:open"
        app.tracer.start_span("work", attributes={"braintrust.parent": parent}).end()
    result = app.processor.flush(5.0)
    assert (result.sent, result.dropped) == (20, 10)
    assert {row["project_id"] for row in server.rows.values()} == {"open"}


@pytest.mark.parametrize("mode", ["failed", "always"])
def test_rows_left_to_the_disk_arrive_as_they_were(
    server: ScriptedServer, application: Make, tmp_path: Path, mode: str
) -> None:
    options = {"project": None, "project_id": "p", "spool_dir": str(tmp_path), "spool_mode": mode}
    server.always = Answer(503)
    app = application(**options)
    ids = app.end_spans(25, text="kept")
    app.processor.shutdown(timeout_millis=1500)
    assert app.processor.ledger.spooled == 25
    server.always = None
    later = application(**options)
    later.end_spans(1)
    assert later.processor.flush(10.0).ok
    assert set(ids) < set(server.rows)
    assert {server.rows[each]["metadata"]["text"] for each in ids} == {"kept"}
    assert {server.rows[each]["project_id"] for each in ids} == {"p"}


def test_a_lost_row_of_them_is_written_down_alone(
    server: ScriptedServer, application: Make, tmp_path: Path
) -> None:
    server.refuse_row = is_bad
    options = {"project": None, "project_id": "p"}
    app = application(failed_payloads_dir=str(tmp_path / "failed"), **options)
    app.end_spans(5)
    app.tracer.start_span("bad").end()
    assert app.processor.flush(5.0).dropped == 1
    [path] = (tmp_path / "failed").iterdir()
    [row] = json.loads(path.read_bytes())["rows"]
    assert (row["span_attributes"]["name"], row["project_id"]) == ("bad", "p")


def test_what_is_sent_of_them_can_be_written_down_and_sent_again(
    server: ScriptedServer, application: Make, tmp_path: Path
) -> None:
    app = application(project=None, project_id="p", all_payloads_dir=str(tmp_path))
    ids = app.end_spans(6)
    assert app.processor.flush(5.0).sent == 6
    [path] = tmp_path.iterdir()
    assert path.read_bytes() == server.posts()[0].body
    server.rows.clear()
    settings = Settings.resolve(api_key=KEY, app_url=server.url)
    assert replay_directory(tmp_path, settings).sent == 6
    assert list(server.rows) == ids
    assert all(row["project_id"] == "p" for row in server.rows.values())
