"""Disks that are full, locked, damaged or from another time; and processes that share one."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust.delivery.spool import FILE_NAME
from tests.scripted_server import ScriptedServer

from .conftest import KEY, Application

Make = Callable[..., Application]


@pytest.fixture
def spooling(application: Make, tmp_path: Path) -> Make:
    def make(**options: Any) -> Application:
        return application(spool_dir=str(tmp_path), **options)

    return make


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Callable[[], sqlite3.Connection]]:
    """Lock the spool as another process would that holds it for long."""
    made: list[sqlite3.Connection] = []

    def lock() -> sqlite3.Connection:
        made.append(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None))
        made[-1].execute("BEGIN EXCLUSIVE")
        return made[-1]

    yield lock
    for each in made:
        each.close()


def wait_until(holds: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    end = time.monotonic() + timeout_s
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


@pytest.mark.parametrize("mode", ["failed", "always"])
def test_a_full_disk_keeps_rows_in_memory_until_the_server_is_back(
    server: ScriptedServer, application: Make, tmp_path: Path, mode: str
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(full)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs the right to mount one")
    try:
        server.stop()
        app = application(spool_dir=str(full / "spool"), spool_mode=mode)
        ids = app.end_spans(200, text="x" * 3000)
        result = app.processor.flush(2.5)
        assert (result.dropped, result.pending + result.spooled) == (0, 200)
        server.start()
        assert app.processor.flush(15.0).pending == 0
        assert wait_until(lambda: sorted(server.rows) == sorted(ids))
        app.assert_adds_up(200)
        app.processor.shutdown(timeout_millis=1000)
    finally:
        subprocess.run(["umount", str(full)], check=True)


def test_a_spool_that_another_process_locks_costs_neither_time_nor_rows(
    server: ScriptedServer, spooling: Make, locked: Callable[[], sqlite3.Connection]
) -> None:
    app = spooling()
    server.stop()
    holder = locked()
    app.end_spans(50)
    begin = time.monotonic()
    assert app.processor.flush(3.0).pending == 50
    assert time.monotonic() - begin < 3.5
    holder.execute("ROLLBACK")
    server.start()
    assert app.processor.flush(15.0).pending == 0
    assert wait_until(lambda: len(server.rows) == 50)
    assert len(server.arrivals) == 50


def test_a_shutdown_keeps_its_time_though_the_spool_is_locked(
    server: ScriptedServer, spooling: Make, locked: Callable[[], sqlite3.Connection]
) -> None:
    app = spooling()
    server.stop()
    lock = locked()
    app.end_spans(50)
    begin = time.monotonic()
    app.processor.shutdown(timeout_millis=1000)
    assert time.monotonic() - begin < 1.7
    assert app.processor.ledger.dropped == {"shutdown": 50}
    lock.close()
    # A thread that waits for the file keeps it open, of which Python 3.13 warns in later tests.
    spool = app.processor._exporter.courier._replay._spool
    assert wait_until(lambda: spool.close() or spool._connection is None)


def test_a_spool_that_is_damaged_while_in_use_is_put_aside_and_told(
    server: ScriptedServer, spooling: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    first = spooling()
    first.end_spans(200, text="y" * 2000)
    first.processor.shutdown(timeout_millis=1000)
    content = bytearray((tmp_path / FILE_NAME).read_bytes())
    content[8192:60_000] = b"damage" * 8634 + b"!!!!"
    (tmp_path / FILE_NAME).write_bytes(content)
    second = spooling()
    ids = second.end_spans(20)
    second.processor.flush(3.0)
    server.start()
    assert second.processor.flush(15.0).pending == 0
    assert wait_until(lambda: set(ids) <= set(server.rows))
    second.processor.shutdown(timeout_millis=1000)
    [aside] = tmp_path.glob("*.unreadable-*")
    assert aside.name in caplog.text
    assert caplog.text.count("is damaged or no database") == 1


def test_rows_of_a_new_file_are_not_taken_for_those_of_the_damaged_one(
    server: ScriptedServer, spooling: Make, tmp_path: Path
) -> None:
    server.stop()
    app = spooling(spool_mode="always")
    app.end_spans(10)
    app.processor.flush(0.3)
    spool = app.processor._exporter.courier._replay._spool  # the only one who knows its numbers
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        before = {number for (number,) in database.execute("SELECT number FROM rows")}
    database.close()
    spool._abandon()
    after = spool.add([("project_id:p", b"{}")])
    assert len(before) == 10
    assert not before & set(after)


def test_a_spool_of_a_later_version_is_left_alone(
    server: ScriptedServer, spooling: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.executescript("PRAGMA user_version = 99; CREATE TABLE rows (other TEXT)")
    database.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    app = spooling()
    app.end_spans(5)
    assert app.processor.flush(5.0).sent == 5
    assert "a newer version of otel-braintrust has written it" in caplog.text
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_clock_that_jumps_loses_nothing(
    server: ScriptedServer, spooling: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, days = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: now() + days[0] * 86400)
    app = spooling()
    server.stop()
    ids: list[str] = []
    for days[0] in (0.0, 3.0, -400.0):
        ids += app.end_spans(5)
        app.processor.flush(1.0)
    server.start()
    assert app.processor.flush(15.0).pending == 0
    assert wait_until(lambda: sorted(server.arrivals) == sorted(ids))


def test_several_processes_replay_one_spool_and_each_row_arrives_once(
    server: ScriptedServer, spooling: Make, tmp_path: Path
) -> None:
    server.stop()
    app = spooling()
    ids = app.end_spans(1200)
    app.processor.shutdown(timeout_millis=3000)
    assert app.processor.ledger.spooled == 1200
    server.start()
    script = f"""
    import sys
    from otel_braintrust.exporter import BraintrustSpanExporter
    made = BraintrustSpanExporter(
        api_key={KEY!r}, app_url={server.url!r}, project="faults", spool_dir={str(tmp_path)!r}
    )
    sys.stdin.read()
    made.shutdown()
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    others = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(3)]
    assert wait_until(lambda: len(server.rows) == 1200, 30)
    assert [each.communicate(timeout=20)[0] or each.returncode for each in others] == [0, 0, 0]
    assert sorted(server.arrivals) == sorted(ids)
