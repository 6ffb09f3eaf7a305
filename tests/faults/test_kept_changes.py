"""Feedback and updates survive an outage in the spool, as rows do, and are counted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust import log_feedback
from otel_braintrust.delivery.change_shelf import Change
from otel_braintrust.delivery.destinations import parse_parent
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.equipment import new_followers
from otel_braintrust.settings import Settings
from otel_braintrust.undelivered import Undelivered
from tests.scripted_server import Answer, ScriptedServer

from .conftest import KEY, Application

Make = Callable[..., Application]
PLACE = "project_name:faults"


@pytest.fixture
def spooling(application: Make, tmp_path: Path) -> Make:
    def make(**options: Any) -> Application:
        return application(spool_dir=str(tmp_path), **options)

    return make


def wait_until(holds: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    end = time.monotonic() + timeout_s
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def requests_of(server: ScriptedServer) -> list[list[dict[str, Any]]]:
    return [json.loads(each.body)["rows"] for each in server.posts()]


@pytest.mark.parametrize("mode", ["failed", "always"])
def test_feedback_during_an_outage_is_sent_by_a_later_process_after_its_row(
    server: ScriptedServer, spooling: Make, mode: str
) -> None:
    first = spooling(spool_mode=mode)
    arrived = first.end_spans(2)
    assert first.processor.flush(5.0).sent == 2
    server.stop()
    spooled = first.end_spans(2)
    for row_id in [*arrived, *spooled]:
        log_feedback(row_id, scores={"good": 1}, comment="well done", parent=PLACE)
        log_feedback(row_id, scores={"kind": 1}, parent=PLACE)
    first.processor.shutdown(timeout_millis=1500)
    changes = first.processor.ledger.changes
    assert (changes.made, changes.spooled, changes.pending, changes.lost) == (12, 12, 0, {})
    assert first.processor.ledger.spooled == 2
    server.requests.clear()
    server.start()
    second = spooling()
    assert wait_until(lambda: sum(map(len, requests_of(server))) >= 14)
    second.processor.shutdown(timeout_millis=1000)
    sent = requests_of(server)
    assert sum(map(len, sent)) == 14
    whole = [row["id"] for request in sent for row in request if "span_attributes" in row]
    assert whole == spooled
    for rows in sent:
        # All of a request counts as one change, so no two of one row may be in one.
        changed = [row["id"] if "comment" not in row else row["origin"]["id"] for row in rows]
        assert len(changed) == len(set(changed))
    order = [row["id"] for request in sent for row in request]
    for row_id in spooled:
        assert [row_id] * 3 == [each for each in order if each == row_id]


def test_feedback_about_a_row_on_disk_goes_behind_it_in_the_same_process(
    server: ScriptedServer, spooling: Make
) -> None:
    app = spooling()
    server.stop()
    [row_id] = app.end_spans(1)
    app.processor.flush(0.5)
    assert wait_until(lambda: app.processor.ledger.spooled == 1)
    log_feedback(row_id, scores={"good": 1}, parent=PLACE)
    followers = app.processor.followers
    assert followers is not None
    assert wait_until(lambda: followers.counts.spooled == 1)
    server.start()
    assert wait_until(lambda: app.processor.flush(5.0).ok and len(server.arrivals) == 2)
    assert list(server.arrivals) == [row_id, row_id]
    assert server.rows[row_id]["scores"] == {"good": 1}


def test_feedback_that_nothing_keeps_is_counted_as_lost_and_flush_says_so(
    server: ScriptedServer, application: Make, caplog: pytest.LogCaptureFixture
) -> None:
    app = application()
    [row_id] = app.end_spans(1)
    assert app.processor.flush(5.0).ok
    server.always = Answer(400, b"no such row")
    log_feedback(row_id, scores={"good": 1}, parent=PLACE)
    result = app.processor.flush(5.0)
    assert (result.ok, result.changes_lost, result.dropped) == (False, 1, 0)
    assert app.processor.ledger.changes.lost == {"refused": 1}
    assert "no such row" in caplog.text
    assert app.processor.flush(5.0).ok


def test_without_a_spool_an_outage_at_the_end_is_counted(
    server: ScriptedServer, application: Make
) -> None:
    app = application()
    [row_id] = app.end_spans(1)
    assert app.processor.flush(5.0).ok
    server.stop()
    log_feedback(row_id, scores={"good": 1}, parent=PLACE)
    assert app.processor.flush(0.3).pending == 1
    app.processor.shutdown(timeout_millis=300)
    changes = app.processor.ledger.changes
    assert (changes.made, changes.lost) == (1, {"shutdown": 1})


@pytest.mark.parametrize("is_replayed", [True, False])
def test_changes_go_to_disk_early_only_where_this_process_sends_what_lies_there(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_replayed: bool
) -> None:
    monkeypatch.setattr("otel_braintrust.delivery.followers.SHELVE_AFTER_S", 0.2)
    settings = Settings.resolve(api_key=KEY, app_url=server.url, spool_dir=str(tmp_path))
    server.always = Answer(503)
    followers = new_followers(settings, KEY, Undelivered(), Troubles(), is_replayed=is_replayed)
    change = Change({"id": "r", "scores": {"good": 1}, "_is_merge": True}, "r", parse_parent(PLACE))
    followers.add([change])
    end = time.monotonic() + 3.0
    while followers.counts.pending and time.monotonic() < end:
        followers.flush(0.2)
    assert followers.counts.spooled == int(is_replayed)
    server.always = None
    followers.stop(time.monotonic() + 5.0)
    assert followers.counts.sent == int(not is_replayed)
