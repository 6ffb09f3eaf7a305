"""Attachments that cannot be uploaded wait on disk with their rows, within the spool's size."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust import Attachment, BraintrustSpanProcessor, start_span
from otel_braintrust.replay import replay_directory
from otel_braintrust.settings import Settings
from tests.scripted_server import Answer, ScriptedServer

from .conftest import KEY, wait_until

Configure = Callable[..., BraintrustSpanProcessor]


def log_file(content: bytes, name: str = "a.bin") -> Attachment:
    attachment = Attachment(content, name)
    with start_span("ask", input={"file": attachment}):
        pass
    return attachment


def on_disk(spool: Path) -> int:
    with sqlite3.connect(spool / "spool.sqlite3") as connection:
        [count] = connection.execute("SELECT COUNT(*) FROM attachments").fetchone()
    connection.close()
    return int(count)


@pytest.mark.parametrize("mode", ["failed", "always"])
def test_what_an_outage_leaves_at_shutdown_is_uploaded_by_the_next_process(
    server: ScriptedServer, configured: Configure, tmp_path: Path, mode: str
) -> None:
    port, url = server.port, server.url
    server.stop()
    file = tmp_path / "file.txt"
    file.write_bytes(b"from a file")
    first = configured(spool_dir=str(tmp_path), spool_mode=mode, app_url=url, api_url=url)
    written = [log_file(b"a" * 5000), log_file(b"b")]
    with start_span("ask", input=Attachment(file)):
        pass
    first.shutdown(timeout_millis=1500)
    counts = first.ledger
    assert (counts.spooled, counts.attachments.spooled, counts.attachments.lost) == (3, 3, {})
    assert on_disk(tmp_path) == 3
    file.unlink()
    server.port = port
    server.start()
    second = configured(spool_dir=str(tmp_path), spool_mode=mode, app_url=url, api_url=url)
    assert second.flush(20.0).ok
    assert wait_until(lambda: on_disk(tmp_path) == 0)
    assert wait_until(lambda: len(server.rows) == 3)
    assert sorted(server.files.values()) == sorted([b"a" * 5000, b"b", b"from a file"])
    assert {each.key for each in written} <= set(server.files)
    assert {report["upload_status"] for report in server.reports.values()} == {"done"}


def test_a_process_that_sends_anothers_rows_uploads_their_attachments(
    server: ScriptedServer,
    configured: Configure,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("otel_braintrust.delivery.replaying.LOOK_EVERY_S", 0.2)
    running = configured(spool_dir=str(tmp_path))
    with start_span("own"):
        pass
    assert running.flush(10.0).ok
    server.scripted_path = "/v1/project"
    server.always = Answer(503)
    other = configured(spool_dir=str(tmp_path), project="another")
    log_file(b"of another process")
    other.shutdown(timeout_millis=1000)
    assert on_disk(tmp_path) == 1
    server.always = None
    assert wait_until(lambda: len(server.files) == 1, 30.0)
    assert wait_until(lambda: on_disk(tmp_path) == 0)
    assert wait_until(lambda: len(server.rows) == 2)
    assert running.ledger.attachments.uploaded == 0  # it counts its own


def test_uploads_that_fail_for_long_wait_on_disk_and_go_when_the_server_works_again(
    server: ScriptedServer,
    configured: Configure,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("otel_braintrust.delivery.uploads.SPOOL_AFTER_S", 0.1)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    server.file_always = Answer(503)
    processor = configured(spool_dir=str(tmp_path))
    files = [log_file(bytes([number]) * 100) for number in range(5)]
    assert wait_until(lambda: processor.ledger.attachments.spooled == 5, 20.0)
    assert on_disk(tmp_path) == 5
    server.file_always = None
    # A flush waits for the disk until the server fails once more, and each hastens the next try.
    assert wait_until(
        lambda: processor.flush(5.0).ok and processor.ledger.attachments.uploaded == 5
    )
    assert server.files == {each.key: each.data for each in files}
    assert on_disk(tmp_path) == 0


def test_each_upload_that_succeeds_leaves_the_disk_at_once(
    server: ScriptedServer, configured: Configure, tmp_path: Path
) -> None:
    processor = configured(spool_dir=str(tmp_path), spool_mode="always")
    log_file(b"x" * 1000)
    assert processor.flush(20.0).ok
    assert len(server.files) == 1
    assert on_disk(tmp_path) == 0


def test_the_spools_size_holds_for_attachments_too(
    server: ScriptedServer, configured: Configure, tmp_path: Path
) -> None:
    server.stop()
    processor = configured(
        spool_dir=str(tmp_path), spool_max_bytes=300_000, app_url=server.url, api_url=server.url
    )
    log_file(b"x" * 100_000)
    log_file(b"y" * 400_000)
    processor.shutdown(timeout_millis=1500)
    counts = processor.ledger.attachments
    assert (counts.spooled, counts.total_lost, counts.pending) == (1, 1, 0)
    size = sum(each.stat().st_size for each in tmp_path.iterdir())
    assert size < 900_000


def test_a_killed_process_loses_no_attachment_that_was_written_first(
    server: ScriptedServer, configured: Configure, tmp_path: Path
) -> None:
    script = (
        "import os, signal\n"
        "from otel_braintrust import Attachment, configure, start_span\n"
        f"configure(api_key={KEY!r}, app_url={server.url!r}, project='p',"
        f" spool_dir={str(tmp_path)!r}, spool_mode='always')\n"
        "import time\n"
        "with start_span('ask', input=Attachment(b'survives', 'a.txt')):\n"
        "    pass\n"
        "import sqlite3, pathlib\n"
        f"path = pathlib.Path({str(tmp_path)!r}) / 'spool.sqlite3'\n"
        "for _ in range(500):\n"
        "    count = sqlite3.connect(path).execute('SELECT COUNT(*) FROM attachments').fetchone()\n"
        "    if count[0]:\n"
        "        break\n"
        "    time.sleep(0.02)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    server.file_always = Answer(manner="hang")
    quick = {**os.environ, "OTEL_BSP_SCHEDULE_DELAY": "50"}
    done = subprocess.run([sys.executable, "-c", script], env=quick, timeout=60, check=False)
    assert done.returncode == -9
    assert on_disk(tmp_path) == 1
    server.file_always = None
    second = configured(spool_dir=str(tmp_path), spool_mode="always")
    assert second.flush(20.0).ok
    assert wait_until(lambda: list(server.files.values()) == [b"survives"])
    assert wait_until(lambda: on_disk(tmp_path) == 0)


def test_replay_by_hand_uploads_them_and_keeps_what_the_server_does_not_take(
    server: ScriptedServer, configured: Configure, tmp_path: Path
) -> None:
    port, url = server.port, server.url
    server.stop()
    first = configured(spool_dir=str(tmp_path), app_url=url, api_url=url)
    log_file(b"one")
    log_file(b"two")
    first.shutdown(timeout_millis=1000)
    server.port = port
    server.start()
    settings = Settings.resolve(api_key=KEY, app_url=url, api_url=url)
    waits: list[float] = []
    server.file_always = Answer(503)
    result: Any = replay_directory(tmp_path, settings, pause=waits.append)
    assert (result.sent, result.attachments.waiting, result.ok) == (2, 2, False)
    server.file_always = Answer(403)
    result = replay_directory(tmp_path, settings, pause=waits.append)
    assert (result.attachments.waiting, result.attachments.lost) == (2, {})
    server.file_always = None
    server.file_script.append(Answer(400))
    result = replay_directory(tmp_path, settings, pause=waits.append)
    attachments = result.attachments
    assert (attachments.uploaded, attachments.waiting) == (1, 0)
    assert attachments.lost == {"rejected": 1}
    assert on_disk(tmp_path) == 0
