"""What ends is read by a thread, by a flush, or by whoever finds too much unread; none waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust.intake import READ_AT, READ_AT_LAST
from otel_braintrust.processor import BraintrustSpanProcessor
from tests.scripted_server import ScriptedServer

Make = Callable[..., BraintrustSpanProcessor]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def make(server: ScriptedServer) -> Iterator[Make]:
    made: list[BraintrustSpanProcessor] = []

    def processor(**options: Any) -> BraintrustSpanProcessor:
        given = {"api_key": "sk-test-12345", "app_url": server.url, "project": "default"}
        made.append(BraintrustSpanProcessor(**given | options))
        return made[-1]

    yield processor
    for each in made:
        each.shutdown(timeout_millis=2000)


def tracer_of(processor: BraintrustSpanProcessor) -> trace.Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider.get_tracer("application")


def wait_until(is_so: Callable[[], bool], timeout_s: float = 20.0) -> bool:
    end = time.monotonic() + timeout_s
    while not is_so() and time.monotonic() < end:
        threading.Event().wait(0.01)
    return is_so()


def test_a_few_spans_go_by_themselves_after_the_schedule_delay(
    make: Make, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    tracer = tracer_of(make())
    for _ in range(3):
        tracer.start_span("work").end()
    assert wait_until(lambda: len(server.rows) == 3)
    tracer.start_span("later").end()
    assert wait_until(lambda: len(server.rows) == 4)


def test_full_batches_go_before_the_delay_and_the_rest_waits_for_it(
    make: Make, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100")
    processor = make()
    tracer = tracer_of(processor)
    for _ in range(350):
        tracer.start_span("work").end()
    assert wait_until(lambda: len(server.rows) >= 300)
    assert len(server.rows) == 300
    assert processor.flush(10.0).ok
    assert len(server.rows) == 350


def test_many_spans_that_go_at_once_fill_batches_of_any_size(
    make: Make, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    for batch_size in ("1", "7", "100000"):
        monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", batch_size)
        processor = make(span_filter=lambda span: True, queue_size=1000)
        tracer = tracer_of(processor)
        with tracer.start_as_current_span("above"):  # what is beneath waits for what it is
            for _ in range(900):
                tracer.start_span("work").end()
        assert processor.flush(10.0).sent == 901
        assert processor.ledger.dropped == {}


def test_nothing_is_read_on_the_thread_that_ends_spans(make: Make) -> None:
    readers: set[str] = set()
    processor = make(span_filter=lambda span: readers.add(threading.current_thread().name))
    tracer = tracer_of(processor)
    for _ in range(2 * READ_AT):
        tracer.start_span("work").end()
    assert wait_until(lambda: bool(readers))
    assert readers == {"otel-braintrust-clerk"}


def test_a_function_that_hangs_holds_up_no_thread_and_a_flush_keeps_its_time(
    make: Make, server: ScriptedServer
) -> None:
    go_on = threading.Event()
    is_asked = threading.Event()

    def hang(span: Any) -> None:
        is_asked.set()
        go_on.wait(60)

    processor = make(span_filter=hang, queue_size=100)
    tracer = tracer_of(processor)
    for _ in range(2 * READ_AT):
        tracer.start_span("work").end()
    assert is_asked.wait(20)
    begin = time.monotonic()
    for _ in range(READ_AT_LAST):
        tracer.start_span("work").end()
    assert time.monotonic() - begin < 10
    begin = time.monotonic()
    result = processor.flush(0.3)
    assert time.monotonic() - begin < 2.5
    assert not result.ok
    assert result.pending > 0
    go_on.set()
    assert wait_until(lambda: processor.ledger.ended == 2 * READ_AT + READ_AT_LAST)
    assert processor.flush(20.0).pending == 0
    counts = processor.ledger
    assert counts.ended == counts.sent + sum(counts.dropped.values())
    assert set(counts.dropped) == {"queue_full"}
    assert len(server.rows) == counts.sent


def test_spans_of_many_threads_are_each_entered_once_while_they_are_read(
    make: Make, server: ScriptedServer
) -> None:
    processor = make(queue_size=100_000)
    tracer = tracer_of(processor)

    def work() -> None:
        for _ in range(1500):
            with tracer.start_as_current_span("parent"):
                tracer.start_span("child").end()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert processor.ledger.dropped == {}
    assert processor.flush(60.0).pending == 0
    assert processor.ledger.sent == len(server.rows) == 12_000
    parents = [row["span_parents"] for row in server.rows.values() if row.get("span_parents")]
    assert len(parents) == 6000
    assert all(parent in server.rows for (parent,) in parents)
    assert len(processor._desk.roots) == 0


def test_a_processor_that_never_ends_a_span_starts_no_thread(make: Make) -> None:
    before = set(threading.enumerate())
    tracer = tracer_of(make())
    spans = [tracer.start_span("open") for _ in range(10)]
    assert set(threading.enumerate()) <= before
    for span in spans:
        span.end()


def test_a_span_that_began_before_the_processor_came_goes_once(
    make: Make, server: ScriptedServer
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    span = provider.get_tracer("application").start_span("early")
    processor = make()
    provider.add_span_processor(processor)
    provider.add_span_processor(processor)
    span.end()
    assert processor.flush(10.0).sent == 1
    assert processor.ledger.ended == 1


def test_metrics_and_ledger_tell_of_spans_that_nobody_has_read(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    tracer = tracer_of(make(meter_provider=meters))
    for _ in range(5):
        tracer.start_span("work").end()
    data = reader.get_metrics_data()
    assert data is not None
    sizes = {
        metric.name: metric.data.data_points[0].value
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == "otel.sdk.processor.span.queue.size"
    }
    assert sizes == {"otel.sdk.processor.span.queue.size": 5}


def test_a_hook_that_fails_does_not_end_the_reading(
    make: Make, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    processor = make()
    asked = threading.Event()

    def fail() -> bool:
        asked.set()
        raise RuntimeError

    processor.pause_hook = fail
    tracer = tracer_of(processor)
    tracer.start_span("first").end()
    assert asked.wait(20)
    tracer.start_span("second").end()
    assert wait_until(lambda: len(server.rows) == 2)


class ForeignSpan:
    """A span that is none of the SDK's: it has what OpenTelemetry says, and no place for a mark."""

    __slots__ = ("_OF",)

    def __init__(self, of: Any) -> None:
        self._OF = of

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._OF, name)


class OddSpan(ForeignSpan):
    """One whose attributes cannot be read."""

    __slots__ = ()

    @property
    def attributes(self) -> Any:
        raise RuntimeError


class OddValues(dict[str, Any]):
    """Attributes whose values cannot be gone through."""

    def values(self) -> Any:
        return self

    def __iter__(self) -> Any:
        raise RuntimeError


class SpanOfOddValues(ForeignSpan):
    __slots__ = ()

    @property
    def attributes(self) -> Any:
        return OddValues()


def test_a_span_that_cannot_be_weighed_stops_no_other(make: Make, server: ScriptedServer) -> None:
    processor = make()
    tracer = tracer_of(processor)
    odd = tracer.start_span("odd")
    tracer.start_span("before").end()
    processor.on_end(SpanOfOddValues(odd._readable_span()))  # type: ignore[attr-defined, arg-type]
    tracer.start_span("after").end()
    processor.flush(10.0)
    names = {row["span_attributes"]["name"] for row in server.rows.values()}
    assert {"before", "after"} <= names
    counts = processor.ledger
    assert (counts.ended, counts.pending) == (3, 0)
    assert processor._exporter.book.pending_bytes == 0


def test_spans_of_any_making_go_and_an_odd_one_stops_no_other(
    make: Make, server: ScriptedServer
) -> None:
    processor = make()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("application")
    ended = [tracer.start_span(f"foreign {number}") for number in range(3)]
    tracer.start_span("before").end()
    processor.on_end(ForeignSpan(ended[0]._readable_span()))  # type: ignore[attr-defined, arg-type]
    processor.on_end(OddSpan(ended[1]._readable_span()))  # type: ignore[attr-defined, arg-type]
    processor.on_end(ForeignSpan(ended[2]._readable_span()))  # type: ignore[attr-defined, arg-type]
    tracer.start_span("after").end()
    assert processor.flush(10.0).sent == 4
    names = {row["span_attributes"]["name"] for row in server.rows.values()}
    assert names == {"before", "foreign 0", "foreign 2", "after"}
    assert processor.ledger.pending == 0


def test_spans_that_hold_too_much_are_turned_away_and_those_beside_them_go(
    make: Make, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    processor = make(queue_bytes=100_000)
    tracer = tracer_of(processor)
    for number in range(3):
        tracer.start_span("small").end()
        large = tracer.start_span("large")
        if number == 1:
            large.add_event("note", {"text": "x" * 200_000})
        else:
            large.set_attribute("texts", ["x" * 100_000, "x" * 100_000])
        large.end()
    assert processor.flush(10.0).dropped == 3
    assert [row["span_attributes"]["name"] for row in server.rows.values()] == ["small"] * 3
    assert processor._exporter.book.pending_bytes == 0
