"""A server that echoes what it refuses, a process of its own, and what it leaves behind."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust.local.server import LocalServer
from otel_braintrust.processor import BraintrustSpanProcessor
from tests.redaction.evidence import EchoingServer, Evidence

Rows = dict[str, dict[str, Any]]
Run = Callable[..., Rows]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if "BRAINTRUST_" in name]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server() -> Iterator[EchoingServer]:
    with EchoingServer() as running:
        yield running


@pytest.fixture
def evidence(server: EchoingServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Evidence:
    caplog.set_level(logging.DEBUG)
    for name in ("otel_braintrust", "urllib3", "requests", "opentelemetry"):
        caplog.set_level(logging.DEBUG, logger=name)
    return Evidence(server, tmp_path, caplog)


@pytest.fixture
def global_provider(monkeypatch: pytest.MonkeyPatch) -> TracerProvider:
    """OpenTelemetry's global provider, without a processor."""
    provider = TracerProvider(
        resource=Resource({"service.name": "planted"}), shutdown_on_exit=False
    )
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return provider


@pytest.fixture
def run(local_braintrust: LocalServer, global_provider: TracerProvider) -> Iterator[Run]:
    """Configure a process with options, let it do something, and give its rows by name."""

    def run_with(does: Callable[[], object], **options: Any) -> Rows:
        processor = BraintrustSpanProcessor(
            api_key=local_braintrust.api_key,
            app_url=local_braintrust.url,
            project="masked",
            spans="all",
            **options,
        )
        global_provider.add_span_processor(processor)
        does()
        assert processor.flush(20.0).ok
        rows = [row for row in local_braintrust.rows("masked") if row.get("span_attributes")]
        return {row["span_attributes"]["name"]: row for row in rows}

    yield run_with
    global_provider.shutdown()
