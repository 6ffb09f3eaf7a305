"""A scripted server and processors that send to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust.processor import BraintrustSpanProcessor
from tests.scripted_server import ScriptedServer

KEY = "sk-secret-key-of-the-tests-42"


class Application:
    """A provider with one processor of ours, and spans to end."""

    def __init__(self, processor: BraintrustSpanProcessor) -> None:
        self.processor = processor
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(processor)
        self.tracer = self.provider.get_tracer("application")

    def end_spans(self, count: int, **attributes: Any) -> list[str]:
        """End so many spans and return their row ids."""
        ids = []
        for number in range(count):
            span = self.tracer.start_span("work", attributes={"number": number, **attributes})
            ids.append(format(span.get_span_context().span_id, "016x"))
            span.end()
        return ids

    def assert_adds_up(self, ended: int) -> None:
        counts = self.processor.ledger
        columns = counts.sent + counts.spooled + counts.filtered + counts.pending
        assert counts.ended == ended
        assert columns + sum(counts.dropped.values()) == ended


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def application(server: ScriptedServer) -> Iterator[Callable[..., Application]]:
    made: list[BraintrustSpanProcessor] = []

    def make(**options: Any) -> Application:
        arguments = {"api_key": KEY, "app_url": server.url, "project": "faults", **options}
        made.append(BraintrustSpanProcessor(**arguments))
        return Application(made[-1])

    yield make
    server.stop()
    for processor in made:
        processor.shutdown(timeout_millis=0)
