"""A configured process that sends to a scripted server, or to a local Braintrust."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust import BraintrustSpanProcessor
from otel_braintrust.local.server import LocalServer
from tests.scripted_server import ScriptedServer

KEY = "sk-secret-key-of-the-tests-42"
Configure = Callable[..., BraintrustSpanProcessor]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def configured(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Makes OpenTelemetry's global provider send to the scripted server."""
    made: list[BraintrustSpanProcessor] = []

    def make(**options: Any) -> BraintrustSpanProcessor:
        provider = TracerProvider(shutdown_on_exit=False)
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
        arguments = {"api_key": KEY, "app_url": server.url, "project": "p", **options}
        made.append(BraintrustSpanProcessor(**arguments))
        provider.add_span_processor(made[-1])
        return made[-1]

    yield make
    server.stop()
    for processor in made:
        processor.shutdown(timeout_millis=0)


@pytest.fixture
def process(
    local_braintrust: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BraintrustSpanProcessor]:
    """A processor that sends to a local Braintrust, into the project `files`."""
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    processor = BraintrustSpanProcessor(
        api_key=local_braintrust.api_key,
        api_url=local_braintrust.url,
        app_url=local_braintrust.url,
        project="files",
    )
    provider.add_span_processor(processor)
    yield processor
    provider.shutdown()


def only_row(server: ScriptedServer) -> dict[str, Any]:
    """The one row that the server has."""
    [row] = server.rows.values()
    return row


def wait_until(holds: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    end = time.monotonic() + timeout_s
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()
