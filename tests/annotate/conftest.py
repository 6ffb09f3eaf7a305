"""A configured process: OpenTelemetry's global provider, sending to a local Braintrust."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust import BraintrustSpanProcessor
from otel_braintrust.local.server import LocalServer

PROJECT = "annotated"


class Process:
    """The processor of a test, and the rows it brought to the local Braintrust."""

    def __init__(self, server: LocalServer, processor: BraintrustSpanProcessor) -> None:
        self.server = server
        self.processor = processor

    def rows(self, project: str = PROJECT) -> dict[str, dict[str, Any]]:
        """The rows by the name of their span, after a flush."""
        assert self.processor.flush(20.0).ok
        rows = [row for row in self.server.rows(project) if row.get("span_attributes")]
        assert len({row["span_attributes"]["name"] for row in rows}) == len(rows)
        return {row["span_attributes"]["name"]: row for row in rows}


@pytest.fixture
def process(local_braintrust: LocalServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    provider = TracerProvider()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    processor = BraintrustSpanProcessor(
        api_key=local_braintrust.api_key,
        api_url=local_braintrust.url,
        app_url=local_braintrust.url,
        project=PROJECT,
    )
    provider.add_span_processor(processor)
    yield Process(local_braintrust, processor)
    provider.shutdown()
