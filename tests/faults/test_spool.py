"""What cannot be delivered waits on disk, and arrives later, once and in order."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust.delivery.owners import LEASE_S
from otel_braintrust.delivery.spool import FILE_NAME, Spool, SpoolError
from tests.scripted_server import Answer, ScriptedServer

from .conftest import KEY, Application

Make = Callable[..., Application]


@pytest.fixture
def spooling(application: Make, tmp_path: Path) -> Make:
    def make(**options: Any) -> Application:
        return application(spool_dir=str(tmp_path / "spool"), **options)

    return make


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Callable[..., Spool]]:
    made: list[Spool] = []

    def make(**options: Any) -> Spool:
        arguments = {"identity": "me", "max_bytes": 10**8, "max_age_s": 100.0, **options}
        made.append(Spool(tmp_path / "spool", **arguments))
        return made[-1]

    yield make
    for each in made:
        each.close()


def wait_until(holds: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    end = time.monotonic() + timeout_s
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


@pytest.mark.parametrize("mode", ["failed", "always"])
def test_an_outage_loses_nothing_and_everything_arrives_in_order(
    server: ScriptedServer, spooling: Make, mode: str
) -> None:
    app = spooling(spool_mode=mode)
    ids = app.end_spans(20)
    assert app.processor.flush(5.0).sent == 20
    server.stop()
    for _ in range(4):
        ids += app.end_spans(700)
        result = app.processor.flush(4.0)
        assert (result.dropped, result.sent) == (0, 0)
    assert wait_until(lambda: app.processor.ledger.pending == 0)
    assert app.processor.ledger.spooled == 2800
    server.start()
    assert app.processor.flush(10.0).ok
    assert wait_until(lambda: app.processor.ledger.sent == 2820)
    assert app.processor.ledger.spooled == 0
    assert list(server.arrivals) == ids
    app.assert_adds_up(2820)


def test_a_short_failure_is_waited_out_without_the_disk(
    server: ScriptedServer, spooling: Make
) -> None:
    server.script.extend([Answer(503), Answer(503)])
    app = spooling()
    app.end_spans(5)
    result = app.processor.flush(10.0)
    assert (result.sent, result.spooled) == (5, 0)


def test_what_a_shutdown_cannot_deliver_is_sent_by_a_later_process(
    server: ScriptedServer, spooling: Make, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    first = spooling()
    ids = first.end_spans(1500)
    begin = time.monotonic()
    first.processor.shutdown(timeout_millis=1500)
    assert time.monotonic() - begin < 2.5
    assert first.processor.ledger.spooled == 1500
    assert "did not reach" not in caplog.text
    server.start()
    second = spooling()
    assert wait_until(lambda: len(server.rows) == 1500)
    assert list(server.arrivals) == ids
    assert second.processor.ledger.ended == 0


@pytest.mark.parametrize("manner", ["hang", "drip"])
def test_a_shutdown_that_hangs_still_writes_to_the_disk_in_its_time(
    server: ScriptedServer, spooling: Make, manner: str
) -> None:
    server.always = Answer(manner=manner)
    app = spooling()
    app.end_spans(600)
    begin = time.monotonic()
    app.processor.shutdown(timeout_millis=1000)
    assert time.monotonic() - begin < 1.8
    assert app.processor.ledger.spooled == 600


def test_rows_of_another_key_are_left_alone(server: ScriptedServer, spooling: Make) -> None:
    server.stop()
    theirs = spooling(api_key="sk-another-key-entirely")
    theirs.end_spans(5)
    theirs.processor.shutdown(timeout_millis=500)
    server.start()
    ours = spooling()
    ours.end_spans(1)
    assert ours.processor.flush(5.0).sent == 1
    ours.processor.shutdown(timeout_millis=500)
    assert len(server.rows) == 1


def test_a_refused_key_keeps_what_waits_on_disk(
    server: ScriptedServer, spooling: Make, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    first = spooling()
    first.end_spans(5)
    first.processor.shutdown(timeout_millis=500)
    server.always = Answer(401)
    server.start()
    second = spooling()
    assert wait_until(lambda: "refused" in caplog.text)
    second.processor.shutdown(timeout_millis=500)
    server.always = None
    third = spooling()
    assert wait_until(lambda: len(server.rows) == 5)
    third.processor.shutdown(timeout_millis=500)


def test_a_bad_row_on_disk_does_not_hold_up_the_others(
    server: ScriptedServer, spooling: Make
) -> None:
    server.stop()
    first = spooling()
    kept = first.end_spans(30)
    first.tracer.start_span("bad").end()
    kept += first.end_spans(30)
    first.processor.shutdown(timeout_millis=500)
    server.refusal_status = 400
    server.refuse_row = lambda row: bool(row["span_attributes"]["name"] == "bad")
    server.start()
    second = spooling()
    assert wait_until(lambda: len(server.rows) == 60)
    second.processor.shutdown(timeout_millis=500)
    assert sorted(server.arrivals) == sorted(kept)


def test_only_the_owner_can_read_what_waits(
    server: ScriptedServer, spooling: Make, tmp_path: Path
) -> None:
    server.stop()
    app = spooling()
    app.end_spans(5, secret="content")
    app.processor.flush(3.0)
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    files = list((tmp_path / "spool").iterdir())
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert all(KEY.encode() not in each.read_bytes() for each in files)


def test_the_cap_in_bytes_is_kept_and_the_loss_is_the_ledgers(
    server: ScriptedServer, spooling: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    app = spooling(spool_max_bytes=500_000)
    ids = app.end_spans(300, text="x" * 5000)
    app.processor.shutdown(timeout_millis=2000)
    counts = app.processor.ledger
    assert counts.dropped["spool_full"] == 300 - counts.spooled > 0
    assert counts.spooled > 50
    assert "OTEL_BRAINTRUST_SPOOL_MAX_BYTES" in caplog.text
    assert sum(each.stat().st_size for each in (tmp_path / "spool").iterdir()) < 1_200_000
    server.start()
    spooling()
    assert wait_until(lambda: len(server.rows) == counts.spooled)
    assert list(server.arrivals) == ids[: counts.spooled]


def test_rows_that_are_too_old_are_counted_as_lost(
    spool: Callable[..., Spool], server: ScriptedServer, spooling: Make
) -> None:
    now = [1000.0]
    old = spool(clock=lambda: now[0])
    old.add([("project_id:p", b"{}")])
    now[0] += 99
    assert old.remove_expired() == (0, 0)
    now[0] += 2
    assert old.remove_expired() == (1, 0)
    assert old.count() == 0


def test_a_directory_that_cannot_be_used_is_one_error_and_spans_go_all_the_same(
    server: ScriptedServer, application: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    app = application(spool_dir=str(tmp_path / "file" / "spool"))
    app.end_spans(5)
    assert app.processor.flush(5.0).sent == 5
    assert caplog.text.count("OTEL_BRAINTRUST_SPOOL_DIR") == 1


def test_a_file_that_is_no_database_is_put_aside(
    server: ScriptedServer, spooling: Make, tmp_path: Path
) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / FILE_NAME).write_bytes(b"this is no database, " * 200)
    server.stop()
    app = spooling()
    app.end_spans(5)
    app.processor.shutdown(timeout_millis=500)
    assert app.processor.ledger.spooled == 5
    assert len(list((tmp_path / "spool").glob("*.unreadable-*"))) == 1


def test_a_disk_that_fails_costs_nothing_while_the_server_works(
    server: ScriptedServer, spooling: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = spooling(spool_mode="always")

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise SpoolError("disk full")

    monkeypatch.setattr(Spool, "add", fail)
    app.end_spans(5)
    assert app.processor.flush(5.0).sent == 5


def test_in_mode_always_rows_are_on_disk_before_they_are_sent(
    server: ScriptedServer, spooling: Make, tmp_path: Path
) -> None:
    server.always = Answer(manner="hang")
    app = spooling(spool_mode="always")
    ids = app.end_spans(5)
    app.processor.flush(0.3)
    with sqlite3.connect(tmp_path / "spool" / FILE_NAME) as database:
        rows = [row for (row,) in database.execute("SELECT row FROM rows ORDER BY number")]
    database.close()
    assert [any(each.encode() in row for row in rows) for each in ids] == [True] * 5
    assert app.processor.ledger.pending == 5


def test_rows_in_living_hands_are_not_taken_and_those_of_the_dead_are(
    spool: Callable[..., Spool], tmp_path: Path
) -> None:
    first, second = spool(), spool()
    numbers = first.add([("project_id:p", b"1"), ("project_id:p", b"2")], owned=True)
    assert second.claim(max_rows=10, max_bytes=100) == []
    dead = os.fork()
    if dead == 0:
        os._exit(0)
    os.waitpid(dead, 0)
    with sqlite3.connect(first.path) as database:
        database.execute("UPDATE owners SET pid = ? WHERE token = ?", (dead, first.token))
    database.close()
    assert [row.number for row in second.claim(max_rows=10, max_bytes=100)] == numbers


def test_a_process_that_says_nothing_for_long_loses_its_rows(spool: Callable[..., Spool]) -> None:
    now = [1000.0]
    first, second = spool(), spool(clock=lambda: now[0])
    first._clock = lambda: 1000.0
    first._next_beat = 0.0
    first.add([("project_id:p", b"1")], owned=True)
    now[0] += LEASE_S - 1
    assert second.claim(max_rows=10, max_bytes=100) == []
    now[0] += 2
    assert len(second.claim(max_rows=10, max_bytes=100)) == 1


def test_many_threads_and_connections_share_a_spool(spool: Callable[..., Spool]) -> None:
    spools = [spool() for _ in range(4)]
    for each in spools:
        each.add([("project_id:p", str(number).encode()) for number in range(50)])
    taken = [row.number for each in spools for row in each.claim(max_rows=60, max_bytes=10**6)]
    assert len(taken) == len(set(taken)) == 200
    for each in spools:
        each.close()
    assert spool().count() == 200


def test_a_recovery_is_told(
    server: ScriptedServer, spooling: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "otel_braintrust"):
        server.stop()
        app = spooling()
        app.end_spans(5)
        app.processor.flush(3.0)
        server.start()
        assert app.processor.flush(10.0).ok
        assert wait_until(lambda: len(server.rows) == 5)
        assert wait_until(lambda: "works again" in caplog.text)
