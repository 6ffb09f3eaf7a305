"""The exporter alone, behind OpenTelemetry's own processors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_braintrust.delivery.destinations import ParentError
from otel_braintrust.exporter import BraintrustSpanExporter
from otel_braintrust.local.server import LocalServer
from tests.scripted_server import Answer, ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def exporter(server: ScriptedServer) -> Iterator[Callable[..., BraintrustSpanExporter]]:
    made: list[BraintrustSpanExporter] = []

    def make(**options: Any) -> BraintrustSpanExporter:
        arguments = {"api_key": "sk-test-12345", "app_url": server.url, "project": "p", **options}
        made.append(BraintrustSpanExporter(**arguments))
        return made[-1]

    yield make
    server.stop()
    for each in made:
        each.shutdown(timeout_millis=0)


def spans(count: int = 1) -> list[Any]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    for _ in range(count):
        provider.get_tracer("t").start_span("work").end()
    return list(memory.get_finished_spans())


def test_export_answers_whether_the_rows_arrived(
    server: ScriptedServer, exporter: Callable[..., BraintrustSpanExporter]
) -> None:
    ours = exporter()
    assert ours.export(spans(3)) is SpanExportResult.SUCCESS
    assert len(server.rows) == 3
    server.always = Answer(401)
    assert ours.export(spans(2)) is SpanExportResult.FAILURE
    assert ours.ledger.dropped == {"auth": 2}
    assert ours.export([]) is SpanExportResult.SUCCESS


@pytest.mark.parametrize("manner", ["hang", "reset"])
def test_behind_a_simple_processor_ending_spans_does_not_block_for_long(
    server: ScriptedServer, exporter: Callable[..., BraintrustSpanExporter], manner: str
) -> None:
    server.always = Answer(manner=manner)
    ours = exporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(ours))
    begin = time.monotonic()
    for _ in range(20):
        provider.get_tracer("t").start_span("work").end()
    assert time.monotonic() - begin < 1.5
    assert ours.ledger.pending == 20
    begin = time.monotonic()
    assert ours.force_flush(200) is False
    assert time.monotonic() - begin < 0.6


def test_behind_a_batch_processor_everything_arrives(
    server: ScriptedServer, exporter: Callable[..., BraintrustSpanExporter]
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter()))
    for _ in range(700):
        provider.get_tracer("t").start_span("work").end()
    assert provider.force_flush()
    assert len(server.rows) == 700
    provider.shutdown()


def test_rows_say_in_which_environment_they_were_made(
    server: ScriptedServer, exporter: Callable[..., BraintrustSpanExporter]
) -> None:
    exporter(environment_type="ci", environment_name="github_actions").export(spans())
    [row] = server.rows.values()
    origin = row["context"]["span_origin"]
    assert origin["environment"] == {"type": "ci", "name": "github_actions"}


def test_a_parent_that_cannot_be_read_is_an_error_at_once(
    exporter: Callable[..., BraintrustSpanExporter],
) -> None:
    with pytest.raises(ParentError, match="'my project'"):
        exporter(parent="my project")


def test_where_no_thread_can_start_rows_arrive_all_the_same(
    server: ScriptedServer,
    exporter: Callable[..., BraintrustSpanExporter],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As at the end of a process from Python 3.12 on, or where the system has no thread left."""
    real_start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "otel-braintrust":
            raise RuntimeError("can't create new thread at interpreter shutdown")
        real_start(thread)

    ours = exporter()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert ours.export(spans(30)) is SpanExportResult.FAILURE
    server.script.append(Answer(503, headers={"Retry-After": "60"}))
    assert ours.flush(0.5).pending == 30
    assert ours.flush(5.0).sent == 30
    ours.export(spans(3))
    ours.shutdown()
    assert ours.ledger.sent == 33


def test_a_local_braintrust_takes_what_the_exporter_sends(local_braintrust: LocalServer) -> None:
    ours = BraintrustSpanExporter(
        api_key=local_braintrust.api_key, app_url=local_braintrust.url, project="spans"
    )
    assert ours.export(spans(120)) is SpanExportResult.SUCCESS
    assert len(local_braintrust.rows("spans")) == 120
    ours.shutdown()
