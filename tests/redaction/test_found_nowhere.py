"""Secrets planted in every field of every dialect are found nowhere: not sent, written or told."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust.delivery.spool import FILE_NAME
from otel_braintrust.processor import BraintrustSpanProcessor
from otel_braintrust.replay import replay_directory
from otel_braintrust.settings import Settings
from tests.redaction.evidence import (
    KEY,
    LEAST_SECRETS,
    EchoingServer,
    Evidence,
    new_processor,
    plant_everywhere,
    plant_in_logs,
    say_everywhere,
)
from tests.redaction.planted import Plant
from tests.scripted_server import Answer


def flush_all(processor: BraintrustSpanProcessor) -> None:
    """Flush until nothing waits, neither in memory nor on disk."""
    deadline = time.monotonic() + 60.0
    while not processor.flush(1.0).ok or processor.ledger.spooled:
        assert time.monotonic() < deadline


def test_what_is_planted_everywhere_is_found_nowhere(
    server: EchoingServer, evidence: Evidence, tmp_path: Path, global_provider: TracerProvider
) -> None:
    plant = Plant()
    processor = new_processor(server, tmp_path, evidence)
    global_provider.add_span_processor(processor)
    resource = Resource({"service.name": plant(), "my.resource": plant()})
    foreign = TracerProvider(resource=resource, shutdown_on_exit=False)
    foreign.add_span_processor(processor)

    plant_everywhere(foreign, plant)
    plant_in_logs(processor, foreign, plant)
    say_everywhere(global_provider, plant)
    evidence.note_files()
    flush_all(processor)
    processor.shutdown()

    assert len(server.rows) > LEAST_SECRETS
    evidence.assert_without(plant)


@pytest.mark.parametrize("status", [400, 401, 413, 422])
def test_errors_in_which_the_server_says_back_what_it_got_give_nothing_away(
    server: EchoingServer,
    evidence: Evidence,
    tmp_path: Path,
    global_provider: TracerProvider,
    status: int,
) -> None:
    plant = Plant()
    processor = new_processor(server, tmp_path, evidence)
    global_provider.add_span_processor(processor)
    server.statuses = [500, status, 503, status]
    for _ in range(10):
        say_everywhere(global_provider, plant)
    processor.flush(10.0)
    processor.shutdown(timeout_millis=10_000)

    assert evidence.errors
    evidence.assert_without(plant)


def test_what_an_outage_leaves_on_disk_holds_no_secret_and_another_process_sends_it(
    server: EchoingServer, evidence: Evidence, tmp_path: Path, global_provider: TracerProvider
) -> None:
    plant = Plant()
    processor = new_processor(server, tmp_path, evidence, queue_size=20_000)
    global_provider.add_span_processor(processor)
    server.always = Answer(503, b"not now")
    plant_everywhere(global_provider, plant, every=3)
    for _ in range(5):
        say_everywhere(global_provider, plant)
    processor.flush(0.5)
    processor.shutdown(timeout_millis=20_000)
    assert (tmp_path / "spool" / FILE_NAME).exists()
    assert processor.ledger.spooled > LEAST_SECRETS // 2
    evidence.note_files()

    server.always = None
    settings = Settings.resolve(api_key=KEY, app_url=server.url)
    assert replay_directory(tmp_path / "spool", settings).ok

    assert len(server.rows) > LEAST_SECRETS // 2
    assert any("comment" in row for row in server.rows.values())
    evidence.assert_without(plant)


def test_a_row_too_large_to_be_posted_is_uploaded_without_secrets(
    server: EchoingServer, evidence: Evidence, tmp_path: Path, global_provider: TracerProvider
) -> None:
    plant = Plant()
    server.overflow_method = "PUT"
    server.max_body_bytes = server.told_max_bytes = 60_000
    processor = new_processor(server, tmp_path, evidence)
    global_provider.add_span_processor(processor)
    tracer = global_provider.get_tracer("large")
    for _ in range(10):
        words = " ".join(f"{'x' * 4000} {plant()}" for _ in range(21))
        tracer.start_span("large", attributes={"input.value": words}).end()
    assert processor.flush(30.0).ok
    processor.shutdown()

    assert server.uploads
    evidence.assert_without(plant)


def test_a_function_of_the_users_own_covers_every_field(
    server: EchoingServer, evidence: Evidence, tmp_path: Path, global_provider: TracerProvider
) -> None:
    plant = Plant()

    def hide(value: Any) -> Any:
        if isinstance(value, str):
            return "[masked: mine]" if any(s in value for s in plant.secrets.values()) else value
        if isinstance(value, dict):
            return {hide(key): hide(inner) for key, inner in value.items()}
        return [hide(each) for each in value] if isinstance(value, list) else value

    processor = new_processor(server, tmp_path, evidence, mask=hide)
    global_provider.add_span_processor(processor)
    tracer = global_provider.get_tracer("mine")
    for _ in range(20):
        say_everywhere(global_provider, plant)
        span = tracer.start_span(plant(), attributes={plant(): plant(), "llm.prompts": plant()})
        span.add_event(plant(), {plant(): plant()})
        span.end()
    assert processor.flush(30.0).ok
    processor.shutdown()

    evidence.assert_without(plant)
