"""A processor in front of a scripted server, and what arrives there as a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust.processor import BraintrustSpanProcessor
from tests.scripted_server import ScriptedServer

HTTP = "opentelemetry.instrumentation.fastapi"
DATABASE = "opentelemetry.instrumentation.sqlalchemy"


@dataclass
class Pipeline:
    """A TracerProvider with our processor, and the server that its rows come to."""

    server: ScriptedServer
    processor: BraintrustSpanProcessor
    provider: TracerProvider

    def tracer(self, scope: str = "application") -> Any:
        return self.provider.get_tracer(scope)

    def flush(self) -> None:
        assert self.processor.flush(10.0).pending == 0

    @property
    def parents(self) -> dict[str, str | None]:
        """The name of each row's parent by the name of the row; ids of rows that are not there."""
        names = {key: row["span_attributes"]["name"] for key, row in self.server.rows.items()}
        assert len(self.server.arrivals) == len(names), "a row came twice"
        found = {}
        for key, row in self.server.rows.items():
            above = (row.get("span_parents") or [None])[0]
            found[names[key]] = names.get(above, above)
        return found

    @property
    def places(self) -> dict[str, str]:
        return {
            row["span_attributes"]["name"]: row.get("project_id") or row["experiment_id"]
            for row in self.server.rows.values()
        }


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def pipeline(server: ScriptedServer) -> Iterator[Callable[..., Pipeline]]:
    made: list[Pipeline] = []

    def make(*, provider: TracerProvider | None = None, **options: Any) -> Pipeline:
        given = {"api_key": "sk-test-12345", "app_url": server.url, "project": "default"} | options
        processor = BraintrustSpanProcessor(**given)
        provider = provider or TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        made.append(Pipeline(server, processor, provider))
        return made[-1]

    yield make
    for each in made:
        each.processor.shutdown(timeout_millis=2000)
