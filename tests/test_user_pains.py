"""What users of such software complain of most, one test for each complaint.

Several are tested at length elsewhere; here each stands once by its name.
"""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_braintrust import BraintrustClient, BraintrustSpanProcessor, attributes, configure, log
from otel_braintrust.local.server import LocalServer
from tests.process.conftest import Ended, run
from tests.process.test_endings import GUNICORN, end, free_port, get, launch, names
from tests.process.test_memory import SCRIPT as MEMORY_SCRIPT
from tests.process.test_no_trace_of_itself import prelude
from tests.scripted_server import Answer, ScriptedServer

__all__ = ["launch", "run"]  # the fixtures of tests/process

KEY = "sk-secret-key-of-the-tests-42"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def processor(server: ScriptedServer) -> Iterator[Callable[..., BraintrustSpanProcessor]]:
    made: list[BraintrustSpanProcessor] = []

    def make(**options: Any) -> BraintrustSpanProcessor:
        arguments = {"api_key": KEY, "app_url": server.url, "project": "pains", **options}
        made.append(BraintrustSpanProcessor(**arguments))
        return made[-1]

    yield make
    server.stop()
    for each in made:
        each.shutdown(timeout_millis=0)


@pytest.fixture
def local() -> Iterator[LocalServer]:
    with LocalServer() as running:
        yield running


def provider_with(*processors: Any) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    for each in processors:
        provider.add_span_processor(each)
    return provider


def test_importing_starts_no_thread_opens_no_socket_and_touches_no_global() -> None:
    script = """
import atexit, socket, sys, threading
registered = []
atexit.register = lambda *a, **k: registered.append(a)
class Socket(socket.socket):
    def __init__(self, *a, **k): sys.exit("a socket was opened")
socket.socket = Socket
import otel_braintrust
from opentelemetry import trace
assert threading.active_count() == 1, threading.enumerate()
ours = [each for each, *_ in registered if each.__module__.startswith("otel_braintrust")]
assert not ours, ours
assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("ours_first", [True, False])
def test_beside_another_vendors_exporter_both_get_every_span_in_either_order(
    server: ScriptedServer, processor: Callable[..., Any], ours_first: bool
) -> None:
    theirs = InMemorySpanExporter()
    both: list[Any] = [processor(), SimpleSpanProcessor(theirs)]
    provider = provider_with(*(both if ours_first else both[::-1]))
    for _ in range(3):
        provider.get_tracer("t").start_span("work").end()
    ours = both[0]
    assert ours.flush(5.0).sent == 3
    assert len(theirs.get_finished_spans()) == 3
    # What we stamp is for our rows, and no one else's business.
    assert all(not span.attributes for span in theirs.get_finished_spans())


def test_a_processor_that_is_added_twice_is_one_processor(
    server: ScriptedServer, processor: Callable[..., Any]
) -> None:
    ours = processor()
    provider = provider_with(ours, ours)
    for _ in range(3):
        provider.get_tracer("t").start_span("work").end()
    assert ours.flush(5.0).sent == 3
    assert (ours.ledger.ended, len(server.arrivals)) == (3, 3)


def test_configuring_twice_is_one_processor(server: ScriptedServer) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    first = configure(api_key=KEY, app_url=server.url, tracer_provider=provider)
    assert configure(api_key=KEY, app_url=server.url, tracer_provider=provider) is first
    provider.shutdown()


@pytest.mark.parametrize("fault", ["gone", "hung", "503"])
def test_ending_a_span_takes_no_time_when_the_server_is_down(
    server: ScriptedServer, processor: Callable[..., Any], fault: str
) -> None:
    server.always = {"hung": Answer(manner="hang"), "503": Answer(503)}.get(fault)
    if fault == "gone":
        server.stop()
    ours = processor()
    memory = InMemorySpanExporter()
    provider = provider_with(SimpleSpanProcessor(memory))
    for number in range(3000):
        provider.get_tracer("t").start_span("work", attributes={"number": number}).end()
    delays = []
    for span in memory.get_finished_spans():
        begin = time.perf_counter()
        ours.on_end(span)
        delays.append(time.perf_counter() - begin)
    assert statistics.median(delays) < 50e-6


def test_ending_a_span_takes_no_lock_that_is_held_during_a_request(
    server: ScriptedServer, processor: Callable[..., Any]
) -> None:
    server.always = Answer(manner="hang")
    tracer = provider_with(processor(spool_mode="failed")).get_tracer("t")
    longest_s, last = 0.0, time.monotonic() + 10.0
    while not server.posts() and time.monotonic() < last:
        tracer.start_span("before").end()
    assert server.posts()
    for _ in range(3000):
        span = tracer.start_span("work")
        begin = time.perf_counter()
        span.end()
        longest_s = max(longest_s, time.perf_counter() - begin)
    # The request that hangs does so for a minute.
    assert longest_s < 1.0


def test_a_server_that_is_down_at_the_exit_costs_five_seconds_at_most_and_one_line(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    server.stop()
    ended = run(
        """
        import time
        from opentelemetry import trace
        from otel_braintrust import configure
        configure(project="pains")
        for _ in range(7):
            trace.get_tracer("t").start_span("work").end()
        print(time.monotonic())
        """
    )
    leaving_s = time.monotonic() - float(ended.stdout)
    assert ended.status == 0
    assert leaving_s < 5.0
    told = [line for line in ended.stderr.splitlines() if "did not reach Braintrust" in line]
    assert len(told) == 1
    assert "7 spans ended, 0 sent" in told[0]
    assert "Traceback" not in ended.stderr


WEB_PAGE = Answer(404, b"<!DOCTYPE html><p>Not here</p>", {"Content-Type": "text/html"})
# What the server answers at first, whether rows arrive all the same, and what they are lost for.
FAULTS_ON_THE_WIRE: dict[str, tuple[list[Answer], str]] = {
    "429 with seconds": ([Answer(429, b"", {"Retry-After": "1"})], ""),
    "429 with a date": ([Answer(429, b"", {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"})], ""),
    "500": ([Answer(500), Answer(500)], ""),
    "503": ([Answer(503), Answer(503)], ""),
    "time-out": ([Answer(manner="hang")], ""),
    "reset": ([Answer(manner="reset"), Answer(manner="reset")], ""),
    "half an answer": ([Answer(manner="half")], ""),
    "401": ([Answer(401)], "auth"),
    "403": ([Answer(403)], "auth"),
    "404 with a web page": ([WEB_PAGE], "not_found"),
}


@pytest.mark.parametrize("fault", FAULTS_ON_THE_WIRE)
def test_a_fault_on_the_wire_is_waited_out_or_told_and_never_silent(
    server: ScriptedServer,
    processor: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    answers, reason = FAULTS_ON_THE_WIRE[fault]
    server.script.extend(answers)
    ours = processor(http_timeout_s=1.0)
    tracer = provider_with(ours).get_tracer("t")
    for _ in range(10):
        tracer.start_span("work").end()
    result = ours.flush(15.0)
    assert (result.sent, result.dropped) == ((0, 10) if reason else (10, 0))
    assert len(server.rows) == result.sent
    assert ours.ledger.dropped == ({reason: 10} if reason else {})
    assert caplog.text
    assert "Not here" not in caplog.text


def test_413_splits_the_batch_and_loses_no_row(
    server: ScriptedServer, processor: Callable[..., Any]
) -> None:
    server.max_body_bytes = 20_000
    ours = processor()
    tracer = provider_with(ours).get_tracer("t")
    for _ in range(90):
        tracer.start_span("work", attributes={"text": "x" * 1000}).end()
    assert ours.flush(10.0).sent == 90
    assert len(server.rows) == len(server.arrivals) == 90


def test_a_stale_keep_alive_connection_loses_nothing(
    server: ScriptedServer, processor: Callable[..., Any]
) -> None:
    ours = processor()
    tracer = provider_with(ours).get_tracer("t")
    for number in range(3):
        tracer.start_span("work").end()
        assert ours.flush(10.0).sent == 1, number
        server.stop()  # it ends idle connections, and nobody tells us
        server.start()
    assert len(server.rows) == 3


def test_a_fork_with_spans_in_the_queue_sends_each_once_from_a_child_that_lives(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        """
        import os
        from opentelemetry import trace
        from otel_braintrust import configure, flush
        configure(project="pains")
        tracer = trace.get_tracer("t")
        for _ in range(20):
            tracer.start_span("parent").end()
        child = os.fork()
        if child == 0:
            for _ in range(10):
                tracer.start_span("child").end()
            os._exit(0 if flush(10).sent == 10 else 1)
        status = os.waitpid(child, 0)[1]
        print(status, flush(10).sent)
        """
    )
    assert ended.stdout == "0 20\n", ended.stderr
    assert names(server) == ["child"] * 10 + ["parent"] * 20
    assert len(server.arrivals) == 30


@pytest.mark.parametrize("worker", ["sync", "gevent"])
def test_a_preloaded_gunicorn_sends_the_spans_of_its_workers(
    server: ScriptedServer, launch: Callable[..., Any], worker: str
) -> None:
    for module in ("gunicorn", "gevent"):
        pytest.importorskip(module)
    port = free_port()
    # One worker: gunicorn itself loses a SIGTERM that comes to a worker while it still starts.
    options = ["--preload", "-w", "1", "-k", worker, "-b", f"127.0.0.1:{port}", "app:app"]
    process = launch(GUNICORN, "-m", "gunicorn", *options)
    for _ in range(6):
        get(port)
    output = end(process)
    assert names(server) == ["preload"] + ["request"] * 6, output
    assert len(server.arrivals) == 7


def test_a_spawned_child_of_multiprocessing_sends_its_spans(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        """
        import multiprocessing
        from opentelemetry import trace
        from otel_braintrust import configure

        def work():
            configure(project="pains")
            trace.get_tracer("t").start_span("child").end()

        if __name__ == "__main__":
            child = multiprocessing.get_context("spawn").Process(target=work)
            child.start()
            child.join()
            print(child.exitcode)
        """
    )
    assert ended.stdout == "0\n", ended.stderr
    assert names(server) == ["child"]


def test_a_process_that_gevent_has_patched_sends_its_spans(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    pytest.importorskip("gevent")
    ended = run(
        """
        from gevent import monkey
        monkey.patch_all()
        import gevent
        from opentelemetry import trace
        from otel_braintrust import configure, flush
        configure(project="pains")
        tracer = trace.get_tracer("t")
        gevent.joinall([gevent.spawn(lambda: tracer.start_span("green").end()) for _ in range(9)])
        print(flush(10).sent)
        """
    )
    assert ended.stdout == "9\n", ended.stderr
    assert names(server) == ["green"] * 9


@pytest.mark.parametrize("name", ["requests", "urllib3", "httpx"])
def test_instrumented_http_libraries_see_nothing_of_ours_in_spans_feedback_fetch_and_uploads(
    run: Callable[..., Ended], local: LocalServer, name: str
) -> None:
    script = prelude(name) + textwrap.dedent(
        """
        from otel_braintrust import Attachment, configure, flush, log, log_feedback
        configure(project="quiet", tracer_provider=provider)
        with tracer.start_as_current_span("mine") as span:
            file = Attachment(data=b"bytes", filename="a.bin", content_type="application/x-bin")
            log(input={"file": file})
        result = flush(10.0)
        log_feedback(span, scores={"good": 1})
        print(result.sent, flush(10.0).ok)
        with BraintrustClient() as client:
            print(len(client.fetch(client.project_id("quiet")).logs))
        print(names())
        """
    )
    address = {"BRAINTRUST_APP_URL": local.url, "BRAINTRUST_API_URL": local.url}
    ended = run(script, BRAINTRUST_API_KEY=local.api_key, **address)
    assert ended.stdout == "1 True\n1\n['mine']\n", ended.stderr


def test_memory_is_flat_however_many_spans_go_through_a_slow_server(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    # A million of them in the long run: OTEL_BRAINTRUST_TEST_SPANS of tests/process.
    server.always = Answer(manner="slow")
    ended = run(MEMORY_SCRIPT.format(spans=20_000, size=500), timeout_s=100)
    early, late, _ = map(int, ended.stdout.split("\n")[0].split())
    assert late <= early * 1.1 + 8


def test_spans_that_never_end_are_not_kept_for_ever(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        """
        import gc
        from opentelemetry.sdk.trace import Span, TracerProvider
        from otel_braintrust import BraintrustSpanProcessor

        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BraintrustSpanProcessor(project="pains"))
        tracer = provider.get_tracer("app")
        for _ in range(60_000):
            tracer.start_span("open")
        print(sum(isinstance(each, Span) for each in gc.get_objects()))
        """
    )
    assert int(ended.stdout) <= 30_000, ended.stderr


def test_flushing_tells_the_truth_and_keeps_its_time(
    server: ScriptedServer, processor: Callable[..., Any]
) -> None:
    server.always = Answer(manner="hang")
    ours = processor()
    provider = provider_with(ours)
    provider.get_tracer("t").start_span("work").end()
    begin = time.monotonic()
    assert provider.force_flush(200) is False
    assert time.monotonic() - begin < 0.7


ODD_VALUES: dict[str, Any] = {
    "lone surrogate": "\ud800",
    "not a number": float("nan"),
    "infinity": float("-inf"),
    "bytes": b"\xff\x00",
    "huge integer": 2**200,
    "ten megabytes": "x" * 10_000_000,
    "nested JSON": json.dumps({"a": json.dumps({"b": json.dumps([1] * 100)})}),
    "deep JSON": "[" * 900 + "]" * 900,
    "nul": "a\x00b",
    "mixed": [1, 2, 3],
}


@pytest.mark.parametrize("name", ODD_VALUES)
def test_an_odd_value_costs_neither_its_row_nor_the_batch(
    server: ScriptedServer, processor: Callable[..., Any], name: str
) -> None:
    server.told_max_bytes = server.max_body_bytes = 6 * 1024 * 1024
    server.overflow_method = "PUT"
    ours = processor()
    tracer = provider_with(ours).get_tracer("t")
    tracer.start_span("before").end()
    for key in ("odd", "gen_ai.input.messages", "braintrust.metadata"):
        tracer.start_span("odd", attributes={key: ODD_VALUES[name]}).end()
    tracer.start_span("after").end()
    assert ours.flush(10.0).sent == 5
    assert len(server.rows) == 5


def to(local: LocalServer) -> BraintrustSpanProcessor:
    return BraintrustSpanProcessor(
        api_key=local.api_key, app_url=local.url, api_url=local.url, project="pains"
    )


def test_a_time_and_a_cycle_given_to_a_helper_cost_nothing(local: LocalServer) -> None:
    ours = to(local)
    cycle: dict[str, Any] = {"at": datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc)}
    cycle["itself"] = cycle
    span = provider_with(ours).get_tracer("t").start_span("odd")
    log(span=span, input=cycle, metadata={"when": cycle["at"]})
    span.end()
    assert ours.flush(5.0).sent == 1
    [row] = local.rows("pains")
    assert row["input"]["at"].startswith("2026-01-02T03:04")
    assert isinstance(row["input"]["itself"], str)
    assert row["metadata"]["when"].startswith("2026-01-02T03:04")
    ours.shutdown()


def test_tags_are_on_root_rows_only(local: LocalServer) -> None:
    ours = to(local)
    tracer = provider_with(ours).get_tracer("t")
    with tracer.start_as_current_span("root"), tracer.start_as_current_span("child") as child:
        child.set_attribute("braintrust.tags", ["red"])
    assert ours.flush(5.0).sent == 2
    by_name = {row["span_attributes"]["name"]: row for row in local.rows("pains")}
    assert not by_name["child"].get("tags")
    assert by_name["root"]["tags"] == ["red"]
    ours.shutdown()


def test_the_id_of_a_row_is_the_spans_and_feedback_by_it_hits_the_row() -> None:
    with LocalServer() as local:
        options = {"api_key": local.api_key, "app_url": local.url, "api_url": local.url}
        ours = BraintrustSpanProcessor(project="pains", **options)
        span = provider_with(ours).get_tracer("t").start_span("work")
        span.end()
        assert ours.flush(5.0).sent == 1
        row_id = format(span.get_span_context().span_id, "016x")
        with BraintrustClient(**options) as client:
            project_id = client.project_id("pains")
            client.feedback(project_id, [{"id": row_id, "rating": 5}])
        [row] = local.rows("pains")
        assert row["id"] == row_id
        assert row["scores"]
        ours.shutdown()


def test_without_a_key_there_is_one_warning_and_nothing_else(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("BRAINTRUST_API_KEY", raising=False)
    ours = BraintrustSpanProcessor(app_url=server.url)
    provider_with(ours).get_tracer("t").start_span("work").end()
    ours.flush(1.0)
    ours.shutdown()
    assert [each.levelno for each in caplog.records] == [logging.WARNING]
    assert "BRAINTRUST_API_KEY" in caplog.text
    assert server.requests == []


def test_a_wrong_key_is_one_error_that_names_the_address_and_the_ends_of_the_key(
    server: ScriptedServer, processor: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    server.always = Answer(401)
    ours = processor()
    tracer = provider_with(ours).get_tracer("t")
    for _ in range(3):
        tracer.start_span("work").end()
        ours.flush(5.0)
    [error] = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert server.url in error.getMessage()
    assert "sk...42" in error.getMessage()
    assert KEY not in caplog.text


def test_an_async_generator_that_is_closed_early_logs_nothing(
    server: ScriptedServer, processor: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    tracer = provider_with(processor()).get_tracer("t")

    async def answers() -> AsyncIterator[int]:
        with attributes(session_id="s1"):
            for number in range(10):
                tracer.start_span("part").end()
                yield number

    async def read_one() -> None:
        async for _ in answers():
            break

    # In a thread of its own: a browser of other tests may have an event loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, read_one()).result()
    assert "detach" not in caplog.text
