"""Nothing here makes the application wait, and each deadline is kept, whatever the server does."""

from __future__ import annotations

import logging
import statistics
import threading
import time
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust.processor import BraintrustSpanProcessor
from tests.scripted_server import Answer, ScriptedServer

from .conftest import Application

Make = Callable[..., Application]

FAULTS: dict[str, Answer | None] = {
    "wrong key": Answer(401),
    "413": Answer(413),
    "429": Answer(429, headers={"Retry-After": "1"}),
    "500": Answer(500),
    "503": Answer(503),
    "hung": Answer(manner="hang"),
    "drip": Answer(200, b"x", manner="drip"),
    "reset": Answer(manner="reset"),
    "dead": None,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("where", ["/logs3", "/api/apikey/login"])
def test_the_application_does_not_feel_it_and_flush_tells_the_truth_in_time(
    server: ScriptedServer, application: Make, fault: str, where: str
) -> None:
    server.scripted_path = where
    server.always = FAULTS[fault]
    app = application()
    if fault == "dead":
        server.stop()
    delays = []
    for number in range(600):
        span = app.tracer.start_span("work", attributes={"number": number})
        begin = time.perf_counter()
        span.end()
        delays.append(time.perf_counter() - begin)
    # A busy machine may stop any thread for a while; a wait of ours would show in every span.
    assert statistics.median(delays) < 0.001
    timeout_s = 2.0 if fault == "hung" else 0.5
    begin = time.monotonic()
    result = app.processor.flush(timeout_s)
    assert time.monotonic() - begin < timeout_s + 0.5
    assert result.sent + result.dropped + result.pending == 600
    assert not result.ok
    assert result.sent == len(server.rows)
    app.assert_adds_up(600)
    begin = time.monotonic()
    app.processor.shutdown(timeout_millis=300)
    assert time.monotonic() - begin < 0.8
    app.assert_adds_up(600)
    assert app.processor.ledger.pending == 0


def test_what_a_flush_left_pending_is_delivered_afterwards(
    server: ScriptedServer, application: Make
) -> None:
    server.script.append(Answer(manner="hang then ok"))
    app = application()
    ids = app.end_spans(10)
    result = app.processor.flush(0.2)
    assert (result.sent, result.pending, result.ok) == (0, 10, False)
    assert app.processor.flush(5.0).sent == 10
    assert sorted(server.arrivals) == sorted(ids)


def test_a_flush_counts_only_what_ended_before_it(
    server: ScriptedServer, application: Make
) -> None:
    server.script.append(Answer(manner="hang then ok"))
    app = application()
    app.end_spans(10)
    results = []
    flusher = threading.Thread(target=lambda: results.append(app.processor.flush(5.0)))
    flusher.start()
    while not server.posts():
        time.sleep(0.001)
    app.end_spans(7)
    flusher.join()
    assert results[0].sent == 10
    assert app.processor.flush(5.0).sent == 7


def test_force_flush_says_false_after_a_failure_and_keeps_its_time(
    server: ScriptedServer, application: Make
) -> None:
    server.always = Answer(manner="hang")
    app = application()
    app.end_spans(3)
    begin = time.monotonic()
    assert app.processor.force_flush(300) is False
    assert app.provider.force_flush(300) is False
    assert time.monotonic() - begin < 1.2


def test_a_flush_wakes_a_sender_that_waits_between_attempts(
    server: ScriptedServer, application: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otel_braintrust.delivery.retrying.FIRST_WAIT_S", 1e6)
    monkeypatch.setattr("otel_braintrust.delivery.retrying.LONGEST_WAIT_S", 1e6)
    server.script.append(Answer(503))
    app = application()
    app.end_spans(3)
    assert app.processor.flush(0.2).pending == 3
    assert app.processor.flush(10.0).sent == 3


def test_a_shutdown_tries_once_more(
    server: ScriptedServer, application: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otel_braintrust.delivery.retrying.FIRST_WAIT_S", 1e6)
    monkeypatch.setattr("otel_braintrust.delivery.retrying.LONGEST_WAIT_S", 1e6)
    server.script.append(Answer(503))
    app = application()
    app.end_spans(3)
    assert app.processor.flush(0.2).pending == 3
    app.provider.shutdown()
    assert app.processor.ledger.sent == 3


def test_a_shutdown_sends_what_waits_and_later_spans_are_counted(
    server: ScriptedServer, application: Make
) -> None:
    app = application()
    ids = app.end_spans(1500)
    app.provider.shutdown()
    assert sorted(server.rows) == sorted(ids)
    app.end_spans(4)
    app.assert_adds_up(1504)
    assert app.processor.ledger.dropped == {"after_shutdown": 4}
    app.processor.shutdown()


def test_a_shutdown_ends_the_thread_that_hangs(server: ScriptedServer, application: Make) -> None:
    server.always = Answer(manner="hang")
    before = set(threading.enumerate())
    app = application()
    app.end_spans(3)
    app.processor.flush(0.2)
    ours = [each for each in threading.enumerate() if each not in before]
    app.processor.shutdown(timeout_millis=100)
    for thread in ours:
        if "otel-braintrust" in thread.name or "OtelBatch" in thread.name:
            thread.join(2.0)
            assert not thread.is_alive()


def test_a_server_gone_for_a_while_gets_everything_when_it_is_back(
    server: ScriptedServer, application: Make, caplog: pytest.LogCaptureFixture
) -> None:
    app = application()
    ids = app.end_spans(20)
    assert app.processor.flush(5.0).ok
    server.stop()
    ids += app.end_spans(700)
    assert app.processor.flush(0.5).pending == 700
    with caplog.at_level(logging.INFO, "otel_braintrust"):
        server.start()
        assert app.processor.flush(10.0).sent == 700
    assert sorted(server.rows) == sorted(ids)
    assert len(server.arrivals) == 720
    warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "works again" in caplog.text


def test_a_full_queue_drops_counts_and_says_so_once(
    server: ScriptedServer, application: Make, caplog: pytest.LogCaptureFixture
) -> None:
    server.always = Answer(manner="hang")
    app = application(queue_size=50)
    app.end_spans(2000)
    app.assert_adds_up(2000)
    app.processor.flush(0.2)
    app.end_spans(2000)
    app.assert_adds_up(4000)
    counts = app.processor.ledger
    assert counts.dropped["queue_full"] >= 3000
    assert counts.pending >= 50
    assert caplog.text.count("BRAINTRUST_QUEUE_SIZE") == 1
    app.processor.shutdown(timeout_millis=100)
    app.assert_adds_up(4000)


def test_flushing_again_and_again_during_an_outage_keeps_memory_bounded(
    server: ScriptedServer, application: Make
) -> None:
    server.stop()
    app = application(queue_size=600)
    for _ in range(10):
        app.end_spans(500)
        app.processor.flush(0.02)
    assert app.processor.ledger.pending <= 600 * 2 + 512
    app.assert_adds_up(5000)


def test_the_queue_size_of_opentelemetry_is_kept(
    server: ScriptedServer, application: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "20")
    server.always = Answer(manner="hang")
    app = application()
    app.end_spans(100)
    assert app.processor.ledger.dropped["queue_full"] >= 40


def test_without_a_key_spans_are_only_counted(
    server: ScriptedServer,
    application: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delenv("BRAINTRUST_API_KEY", raising=False)
    threads = set(threading.enumerate())
    app = application(api_key=None)
    app.end_spans(100)
    begin = time.monotonic()
    result = app.processor.flush(2.0)
    assert time.monotonic() - begin < 0.5
    assert (result.dropped, result.ok) == (100, False)
    assert app.processor.ledger.dropped == {"no_api_key": 100}
    app.end_spans(1)
    assert app.provider.force_flush() is False
    app.provider.shutdown()
    assert set(threading.enumerate()) <= threads
    assert server.requests == []
    # Threads of other tests' processors may still log beside it.
    assert len([each for each in caplog.records if "no Braintrust API key" in each.message]) == 1


def test_one_summary_line_tells_what_was_lost(
    server: ScriptedServer, application: Make, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    app = application()
    app.end_spans(5)
    app.processor.shutdown(timeout_millis=200)
    lines = [each.getMessage() for each in caplog.records if "did not reach" in each.getMessage()]
    assert lines == [
        "spans did not reach Braintrust: 5 spans ended, 0 sent, 5 dropped (shutdown 5)"
    ]


def test_spans_ended_by_many_threads_are_each_counted_and_sent_once(
    server: ScriptedServer, application: Make
) -> None:
    app = application()
    threads = [threading.Thread(target=app.end_spans, args=(200,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert app.processor.flush(10.0).sent == 1600
    assert len(server.arrivals) == len(server.rows) == 1600


def test_processors_beside_ours_get_their_spans_when_we_fail(server: ScriptedServer) -> None:
    ours = BraintrustSpanProcessor(api_key="sk-broken\nkey-of-tests", app_url=server.url)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(ours)
    provider.get_tracer("t").start_span("work").end()
    assert ours.flush(2.0).dropped == 1
    ours.shutdown(timeout_millis=0)
