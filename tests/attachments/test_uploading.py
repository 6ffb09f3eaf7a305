"""Uploads beside the rows: what is requested, retried, given up, and told."""

from __future__ import annotations

import base64
import gc
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from otel_braintrust import Attachment, BraintrustSpanProcessor, log_feedback, start_span
from tests.scripted_server import Answer, ScriptedServer

from .conftest import KEY, only_row, wait_until

Configure = Callable[..., BraintrustSpanProcessor]


def log_file(content: bytes = b"content", name: str = "a.png") -> Attachment:
    """Log one attachment on a span of its own."""
    attachment = Attachment(content, name)
    with start_span("ask", input={"file": attachment}):
        pass
    return attachment


def paths(server: ScriptedServer) -> list[str]:
    kinds = ("/logs3", "/attachment", "/files")
    return [each.path for each in server.requests if each.path.startswith(kinds)]


def test_the_row_goes_first_then_the_address_the_bytes_and_the_report(
    server: ScriptedServer, configured: Configure
) -> None:
    processor = configured()
    attachment = log_file(b"\x00bytes")
    assert processor.flush(10.0).ok
    assert paths(server) == [
        "/logs3",
        "/attachment",
        f"/files/{attachment.key}",
        "/attachment/status",
    ]
    assert server.announced[attachment.key] == {
        "key": attachment.key,
        "filename": "a.png",
        "content_type": "image/png",
        "org_id": "org-1",
    }
    assert server.files[attachment.key] == b"\x00bytes"
    assert server.reports[attachment.key] == {"upload_status": "done"}
    [put] = [each for each in server.requests if each.path.startswith("/files")]
    headers = {name.lower(): value for name, value in put.headers.items()}
    assert (put.method, headers["x-signed"]) == ("PUT", "yes")
    assert headers["content-type"] == "image/png"
    assert "authorization" not in headers
    assert only_row(server)["input"]["file"] == attachment.reference
    assert str(processor.ledger) == "1 spans ended, 1 sent; 1 attachments uploaded"


def test_the_signed_headers_win_over_ours_in_whatever_case(
    server: ScriptedServer, configured: Configure
) -> None:
    server.file_headers = {"content-type": "application/signed"}
    processor = configured()
    log_file()
    assert processor.flush(10.0).ok
    [put] = [each for each in server.requests if each.path.startswith("/files")]
    types = [value for name, value in put.headers.items() if name.lower() == "content-type"]
    assert types == ["application/signed"]


def test_rows_do_not_wait_for_uploads(server: ScriptedServer, configured: Configure) -> None:
    server.file_always = Answer(manner="hang")
    processor = configured()
    for number in range(10):
        log_file(b"x" * 1000, f"{number}.bin")
    begin = time.monotonic()
    result = processor.flush(1.0)
    assert time.monotonic() - begin < 2.5
    assert (result.sent, result.pending, result.attachments_pending) == (10, 0, 10)
    assert not result.ok
    assert processor.ledger.attachments.pending == 10


@pytest.mark.parametrize("answer", [Answer(503), Answer(manner="reset"), Answer(429)])
def test_a_failure_that_passes_is_waited_out_and_nothing_is_put_twice(
    server: ScriptedServer, configured: Configure, answer: Answer
) -> None:
    server.file_script.extend([answer, answer])
    processor = configured()
    attachment = log_file()
    assert processor.flush(20.0).ok
    assert server.files[attachment.key] == b"content"
    puts = [each for each in server.requests if each.path.startswith("/files")]
    assert len(puts) == 3
    assert processor.ledger.attachments.uploaded == 1


def test_a_report_that_fails_is_repeated_alone(
    server: ScriptedServer, configured: Configure
) -> None:
    server.scripted_path = "/attachment/status"
    server.script.append(Answer(503))
    processor = configured()
    attachment = log_file()
    assert processor.flush(20.0).ok
    assert [each.path for each in server.requests].count(f"/files/{attachment.key}") == 1
    assert server.reports[attachment.key] == {"upload_status": "done"}


def test_a_retry_after_is_kept(server: ScriptedServer, configured: Configure) -> None:
    server.file_script.append(Answer(429, headers={"Retry-After": "1"}))
    processor = configured()
    log_file()
    assert processor.flush(20.0).ok
    first, second = [each.at for each in server.requests if each.path.startswith("/files")]
    assert second - first >= 0.99


def test_a_refused_file_is_reported_told_and_costs_no_other(
    server: ScriptedServer, configured: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    server.file_script.append(Answer(400, b"EntityTooOdd"))
    processor = configured()
    refused = log_file(b"refused")
    result = processor.flush(10.0)
    assert (result.attachments_lost, result.sent) == (1, 1)
    taken = log_file(b"taken")
    assert processor.flush(10.0).ok
    assert server.files == {taken.key: b"taken"}
    assert server.reports[refused.key]["upload_status"] == "error"
    assert "EntityTooOdd" in server.reports[refused.key]["error_message"]
    assert processor.ledger.attachments.lost == {"rejected": 1}
    assert "1 attachments lost (rejected)" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(("status", "reason"), [(404, "not_found"), (401, "auth"), (403, "auth")])
def test_a_server_without_attachments_gets_base64_in_its_rows_from_then_on(
    server: ScriptedServer, configured: Configure, status: int, reason: str
) -> None:
    server.scripted_path = "/attachment"
    server.always = Answer(status, b"none here")
    processor = configured()
    uri = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA"
    with start_span("first", input=uri):
        pass
    assert processor.flush(10.0).attachments_lost == 1
    with start_span("second", input=uri):
        pass
    assert processor.flush(10.0).ok
    inputs = {r["span_attributes"]["name"]: r["input"] for r in server.rows.values()}
    assert inputs["first"]["type"] == "braintrust_attachment"
    assert inputs["second"] == uri
    assert [each.path for each in server.requests].count("/attachment") == 1
    assert processor.ledger.attachments.lost == {reason: 1}


def test_an_outage_that_outlasts_the_patience_loses_the_file_and_says_so(
    server: ScriptedServer, configured: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    server.file_always = Answer(500)
    processor = configured(max_retry_s=0.3)
    log_file()
    result = processor.flush(15.0)
    assert (result.attachments_pending, result.attachments_lost) == (0, 1)
    assert processor.ledger.attachments.lost == {"server_error": 1}
    assert "attachments lost (server_error)" in caplog.text


def test_after_an_outage_attachments_are_taken_again(
    server: ScriptedServer, configured: Configure
) -> None:
    server.file_always = Answer(500)
    processor = configured(max_retry_s=0.3)
    for _ in range(5):
        log_file()
    assert processor.flush(20.0).attachments_lost == 5
    uri = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA"
    with start_span("doubted", input=uri):
        pass
    processor.flush(10.0)
    server.file_always = None
    attachment = log_file(b"after it")
    assert processor.flush(10.0).ok
    with start_span("trusted", input=uri):
        pass
    assert processor.flush(10.0).ok
    inputs = {r["span_attributes"]["name"]: r["input"] for r in server.rows.values()}
    assert inputs["doubted"] == uri
    assert inputs["trusted"]["key"] in server.files
    assert server.files[attachment.key] == b"after it"


def test_the_attachments_of_a_lost_row_are_let_go(
    server: ScriptedServer, configured: Configure
) -> None:
    server.refuse_row = lambda row: True
    processor = configured()
    log_file()
    result = processor.flush(10.0)
    assert (result.dropped, result.attachments_lost) == (1, 1)
    assert server.announced == {}
    assert processor.ledger.attachments.lost == {"row_lost": 1}


def test_more_bytes_than_may_wait_are_told_and_base64_stays_in_its_row(
    server: ScriptedServer, configured: Configure
) -> None:
    server.file_always = Answer(manner="hang")
    processor = configured(attachment_bytes=2500)
    log_file(b"x" * 2000)
    processor.flush(0.5)
    log_file(b"y" * 2000)
    uri = "data:image/png;base64," + "QUJD" * 1000
    with start_span("inline", input=[uri, uri]):
        pass
    processor.flush(0.5)
    attachments = processor.ledger.attachments
    assert (attachments.pending, attachments.lost) == (1, {"queue_full": 1})
    assert [r["input"] for r in server.rows.values() if r["input"] == [uri, uri]]


def test_shutdown_keeps_its_time_and_counts_what_was_left(
    server: ScriptedServer, configured: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    server.file_always = Answer(manner="hang")
    processor = configured()
    for _ in range(6):
        log_file()
    processor.flush(0.3)
    begin = time.monotonic()
    processor.shutdown(timeout_millis=700)
    assert time.monotonic() - begin < 1.5
    assert processor.ledger.attachments.lost == {"shutdown": 6}
    assert "attachments did not reach Braintrust" in caplog.text
    assert "6 lost (shutdown 6)" in caplog.text


def test_shutdown_uploads_what_waits(server: ScriptedServer, configured: Configure) -> None:
    processor = configured()
    files = [log_file(b"x" * 10_000, f"{number}.bin") for number in range(12)]
    processor.shutdown(timeout_millis=10_000)
    assert set(server.files) == {each.key for each in files}
    assert processor.ledger.attachments.uploaded == 12


def test_without_a_thread_flush_and_shutdown_upload(
    server: ScriptedServer, configured: Configure
) -> None:
    before = set(threading.enumerate())  # threads of other tests' processors may be ending
    processor = configured(sync_flush=True)
    first = log_file()
    assert processor.flush(10.0).ok
    second = log_file()
    assert second.key not in server.files
    processor.shutdown()
    assert {first.key, second.key} == set(server.files)
    started = set(threading.enumerate()) - before
    assert not any(each.name.startswith("otel-braintrust") for each in started)


def test_threads_end_when_there_is_nothing_to_do(
    server: ScriptedServer, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otel_braintrust.delivery.crew.IDLE_S", 0.05)
    processor = configured()

    def uploading() -> int:
        return sum(each.name == "otel-braintrust-attachments" for each in threading.enumerate())

    assert uploading() == 0
    for round_ in range(3):
        files = [log_file(b"x", f"{round_}-{number}") for number in range(8)]
        assert processor.flush(10.0).ok
        assert {each.key for each in files} <= set(server.files)
        assert wait_until(lambda: uploading() == 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_uploads_its_own_and_not_its_parents(
    server: ScriptedServer, configured: Configure
) -> None:
    server.file_script.append(Answer(manner="slow"))
    processor = configured()
    ours = log_file(b"parent")
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            theirs = log_file(b"child")
            ok = processor.flush(15.0).ok and processor.ledger.attachments.uploaded == 1
            os.write(write_end, json.dumps([theirs.key, ok]).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    key, ok = json.loads(os.read(read_end, 1000))
    os.close(read_end)
    os.close(write_end)
    assert ok
    assert processor.flush(15.0).ok
    assert server.files == {ours.key: b"parent", key: b"child"}
    puts = [each.path for each in server.requests if each.path.startswith("/files")]
    assert sorted(puts) == sorted([f"/files/{ours.key}", f"/files/{key}"])


def test_own_requests_make_no_spans(server: ScriptedServer, configured: Configure) -> None:
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.requests")
    processor = configured(spans="all")
    instrumentor = instrumentation.RequestsInstrumentor()
    instrumentor.instrument()
    try:
        log_file()
        assert processor.flush(10.0).ok
        time.sleep(0)
        assert processor.flush(10.0).ok
    finally:
        instrumentor.uninstrument()
    assert len(server.files) == 1
    assert [row["span_attributes"]["name"] for row in server.rows.values()] == ["ask"]


def test_on_error_hears_of_uploads_that_fail(server: ScriptedServer, configured: Configure) -> None:
    heard: list[Exception] = []
    server.file_script.append(Answer(400))
    processor = configured(on_error=heard.append)
    log_file()
    processor.flush(10.0)
    assert [type(each).__name__ for each in heard] == ["RequestError"]
    assert "/files/" in str(heard[0])


def test_the_organization_is_asked_from_the_api_host_where_the_app_host_has_no_login(
    server: ScriptedServer, configured: Configure
) -> None:
    with ScriptedServer() as app:
        app.scripted_path = "/api/apikey/login"
        app.always = Answer(404)
        processor = configured(app_url=app.url, api_url=server.url)
        attachment = log_file()
        assert processor.flush(10.0).ok
        assert server.announced[attachment.key]["org_id"] == "org-1"


def test_feedback_of_a_process_without_a_processor_is_uploaded_at_flush(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess
    import sys

    script = (
        "from otel_braintrust import Attachment, flush, log_feedback\n"
        "log_feedback('0123456789abcdef', expected=Attachment(b'better', 'b.txt'))\n"
        "assert flush(15.0).ok\n"
    )
    environment = {
        "BRAINTRUST_API_KEY": KEY,
        "BRAINTRUST_API_URL": server.url,
        "BRAINTRUST_APP_URL": server.url,
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(server.files.values()) == [b"better"]
    assert only_row(server)["expected"]["filename"] == "b.txt"


def test_masks_reach_the_text_of_attachments(server: ScriptedServer, configured: Configure) -> None:
    secret = "sk-proj-" + "a1B2c3D4e5F6g7H8" * 3
    processor = configured(mask="secrets")
    with start_span(
        "ask",
        input=Attachment(f"key={secret}".encode(), "a.txt"),
        metadata={"file": Attachment(json.dumps({"k": secret}).encode(), "b.json")},
    ) as span:
        pass
    log_feedback(span, expected=Attachment(secret.encode(), "c.txt"))
    processor.flush(15.0)
    assert wait_until(lambda: len(server.files) == 3)
    assert all(secret not in each.body.decode("utf-8", "replace") for each in server.requests)
    assert all(file and secret.encode() not in file for file in server.files.values())


def test_without_content_no_attachment_is_uploaded(
    server: ScriptedServer, configured: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    processor = configured(capture_content=False)
    uri = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA"
    with caplog.at_level(logging.WARNING), start_span("ask", input=Attachment(b"x"), output=uri):
        pass
    assert processor.flush(10.0).ok
    assert server.announced == {}
    assert not processor.ledger.attachments


def test_no_bytes_are_held_once_they_are_uploaded(
    server: ScriptedServer, configured: Configure
) -> None:
    processor = configured()
    for number in range(10):
        content = base64.b64encode(os.urandom(1000)).decode()
        with start_span(f"{number}", input=f"data:image/png;base64,{content}"):
            pass
        log_file(b"mine")
    assert processor.flush(20.0).ok
    assert len(server.files) == 20

    def held() -> int:
        gc.collect()
        return sum(isinstance(each, Attachment) for each in gc.get_objects())

    assert wait_until(lambda: held() == 0)


def test_random_failures_lose_nothing_and_the_count_adds_up(
    server: ScriptedServer, configured: Configure
) -> None:
    import random

    chance = random.Random(7)
    taken = Answer(manner="slow")
    failures = [Answer(503), Answer(manner="reset"), Answer(500)]
    server.file_script.extend(
        chance.choice(failures) if chance.random() < 0.3 else taken for _ in range(20)
    )
    processor = configured()
    files = [log_file(os.urandom(2000), f"{number}.bin") for number in range(40)]
    result: Any = processor.flush(60.0)
    assert result.ok
    counts = processor.ledger.attachments
    assert (counts.uploaded, counts.pending, counts.lost) == (40, 0, {})
    assert {each.key: each.data for each in files} == server.files
