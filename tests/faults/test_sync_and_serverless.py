"""Sending without a thread, and before a platform freezes the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from tests.scripted_server import Answer, ScriptedServer

from .conftest import Application

Make = Callable[..., Application]


def test_sync_flush_sends_from_the_caller_of_flush_and_starts_no_thread(
    server: ScriptedServer, application: Make
) -> None:
    before = {each.name for each in threading.enumerate()}
    app = application(sync_flush=True)
    ids = app.end_spans(1200)
    assert server.requests == []
    started = {each.name for each in threading.enumerate()} - before
    assert not [name for name in started if "otel" in name.lower()]
    assert app.processor.flush(10.0).sent == 1200
    assert sorted(server.arrivals) == sorted(ids)


def test_sync_flush_tells_the_truth_in_time_and_tries_again_next_time(
    server: ScriptedServer, application: Make
) -> None:
    server.always = Answer(503)
    app = application(sync_flush=True)
    app.end_spans(5)
    begin = time.monotonic()
    assert app.processor.flush(0.5).pending == 5
    assert time.monotonic() - begin < 1.0
    server.always = None
    assert app.processor.flush(5.0).sent == 5


def test_sync_flush_from_many_threads_at_once_sends_each_span_once(
    server: ScriptedServer, application: Make
) -> None:
    app = application(sync_flush=True)
    ids = app.end_spans(600)
    threads = [threading.Thread(target=app.processor.flush, args=(10.0,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(server.arrivals) == sorted(ids)


def test_sync_flush_keeps_the_bound_of_the_queue(server: ScriptedServer, application: Make) -> None:
    app = application(sync_flush=True, queue_size=100)
    app.end_spans(150)
    assert app.processor.ledger.dropped == {"queue_full": 50}
    app.processor.shutdown()
    assert app.processor.ledger.sent == 100


@pytest.mark.parametrize(
    "variable", ["AWS_LAMBDA_FUNCTION_NAME", "FUNCTION_TARGET", "K_SERVICE", "CLOUD_RUN_JOB"]
)
def test_on_a_platform_that_freezes_everything_is_sent_when_the_root_ends(
    server: ScriptedServer, application: Make, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "mine")
    app = application()
    with app.tracer.start_as_current_span("root"):
        app.end_spans(3)
        assert server.posts() == []
    assert len(server.rows) == 4


def test_a_span_below_a_remote_one_is_the_outermost_of_its_process(
    server: ScriptedServer, application: Make
) -> None:
    app = application(serverless=True)
    caller = SpanContext(5, 6, is_remote=True, trace_flags=TraceFlags(1))
    app.tracer.start_span("job", context=trace.set_span_in_context(NonRecordingSpan(caller))).end()
    assert len(server.rows) == 1


def test_elsewhere_ending_a_root_does_not_wait(
    server: ScriptedServer, application: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K_SERVICE", "mine")
    app = application(serverless=False)
    app.end_spans(1)
    assert server.posts() == []


def test_the_budget_is_kept_and_a_server_that_fails_costs_a_tenth_of_it(
    server: ScriptedServer, application: Make
) -> None:
    server.always = Answer(503)
    app = application(serverless=True, serverless_budget_s=0.6)
    delays = []
    for _ in range(3):
        begin = time.monotonic()
        app.end_spans(1)
        delays.append(time.monotonic() - begin)
    assert delays[0] < 0.9
    assert max(delays[1:]) < 0.3
    server.always = None
    assert app.processor.flush(10.0).sent == 3
