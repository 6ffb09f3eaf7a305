"""Secrets planted in every field of every dialect are found nowhere: not sent, written or told."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

import otel_braintrust
from otel_braintrust.delivery.spool import FILE_NAME
from otel_braintrust.processor import BraintrustSpanProcessor
from otel_braintrust.replay import replay_directory
from otel_braintrust.settings import Settings
from otel_braintrust.translation.conventions import DISPATCH
from tests.redaction.planted import WRAPPINGS, Plant, traces_of
from tests.scripted_server import Answer, ScriptedServer

KEY = "bt-key-of-the-tests"
LEAST_SECRETS = 200


class EchoingServer(ScriptedServer):
    """Refuses rows in every way a server knows, and says back what it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[int] = []

    def take(self, body: bytes) -> Answer:
        if self.statuses:
            return Answer(self.statuses.pop(0), body)
        return super().take(body)


@pytest.fixture
def server() -> Iterator[EchoingServer]:
    with EchoingServer() as running:
        yield running


class Evidence:
    """All that a run left behind: requests, files, log lines, errors."""

    def __init__(self, server: ScriptedServer, directory: Path, log: pytest.LogCaptureFixture):
        self._server = server
        self._directory = directory
        self._log = log
        self._files: list[bytes] = []
        self.errors: list[BaseException] = []
        self.losses: list[Any] = []

    def note_error(self, error: BaseException) -> None:
        self.errors.append(error)

    def note_files(self) -> None:
        """Copy what lies on disk now; some of it will be gone later."""
        for path in sorted(self._directory.rglob("*")):
            if path.is_file():
                self._files += [path.read_bytes(), str(path).encode()]

    def assert_without(self, plant: Plant, marker: bytes = b"[masked: ") -> None:
        """Look for every secret everywhere."""
        self.note_files()
        found = b"\n".join(
            [
                *(
                    repr((r.method, r.path, r.headers)).encode() + r.body
                    for r in self._server.requests
                ),
                *self._server.uploads.values(),
                *self._files,
                self._log.text.encode(),
                *(repr(vars(record)).encode() for record in self._log.records),
                *("".join(traceback.format_exception(each)).encode() for each in self.errors),
                *(repr((each, vars(each))).encode() for each in self.errors),
                repr(self.losses).encode(),
            ]
        )
        leaked = {
            text: [trace for trace in traces_of(secret) if trace in found]
            for text, secret in plant.secrets.items()
        }
        shown = [
            (text, trace, found[at - 80 : at + 80])
            for text, traces in leaked.items()
            for trace in traces
            if (at := found.index(trace)) >= 0
        ]
        assert shown[:3] == []
        assert len(plant.secrets) >= LEAST_SECRETS
        assert marker in found


@pytest.fixture
def evidence(server: EchoingServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Evidence:
    caplog.set_level(logging.DEBUG)
    for name in ("otel_braintrust", "urllib3", "requests", "opentelemetry"):
        caplog.set_level(logging.DEBUG, logger=name)
    return Evidence(server, tmp_path, caplog)


def new_processor(
    server: ScriptedServer, directory: Path, evidence: Evidence, **options: Any
) -> BraintrustSpanProcessor:
    return BraintrustSpanProcessor(
        api_key=KEY,
        app_url=server.url,
        project="planted",
        **{
            "mask": "secrets",
            "spans": "all",
            "spool_dir": str(directory / "spool"),
            "spool_mode": "always",
            "failed_payloads_dir": str(directory / "lost"),
            "all_payloads_dir": str(directory / "sent"),
            "on_error": evidence.note_error,
            "on_drop": evidence.losses.append,
            **options,
        },
    )


def values_with(plant: Plant) -> Iterator[Any]:
    """Values of an attribute, in the shapes that instrumentations write, again and again."""
    while True:
        yield plant()
        yield json.dumps([{"role": "user", "content": plant()}])
        part = {"type": "text", "content": plant()}
        yield json.dumps({"messages": [{"role": "user", "parts": [part]}]})
        yield json.dumps({"arguments": json.dumps({"query": plant()}), plant(): 1})
        yield [plant(), plant()]


def plant_everywhere(provider: TracerProvider, plant: Plant) -> None:
    """End spans with secrets under every key and in every event of every dialect, and around."""
    tracer = provider.get_tracer("openinference.instrumentation.planted", "1")
    keys = [*DISPATCH.keys, *(f"{prefix}0.message.content" for prefix in DISPATCH.prefixes)]
    keys += [f"{prefix}{name}" for prefix in DISPATCH.prefixes for name in ("a", "0.b.c")]
    keys += ["my.own.attribute", "http.request.header.x_custom", "db.statement", "exception"]
    values = values_with(plant)
    for key in keys:
        if key.startswith("braintrust.parent"):
            continue  # says where the row goes, and holds no content
        for value in (next(values), next(values)):
            tracer.start_span("dialect", attributes={key: value, "llm.model_name": "gpt-4o"}).end()
    for event in [*DISPATCH.events, "my event", "exception"]:
        span = tracer.start_span("with events")
        for name in ("content", "gen_ai.prompt", "body", "exception.message", plant()):
            span.add_event(event, {name: plant(), "message": json.dumps({"content": plant()})})
        span.add_event(plant(), {"a": plant()})
        span.end()
    for wrap in WRAPPINGS.values():
        tracer.start_span(
            plant(), attributes={plant(): plant(), "input.value": wrap(plant())}
        ).end()
    linked = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
    span = tracer.start_span("linked", links=[Link(linked, {"note": plant()})])
    span.set_status(Status(StatusCode.ERROR, plant()))
    span.end()
    for error in (ValueError(plant()), RuntimeError("told")):
        with suppress(type(error)), tracer.start_as_current_span("failing"):
            raise error from KeyError(plant())


def say_everywhere(provider: TracerProvider, plant: Plant) -> None:
    """Say secrets by every function of ours that takes words."""
    span = otel_braintrust.start_span(
        plant(), input=plant(), metadata={plant(): plant()}, tags=[plant()]
    )
    with span, otel_braintrust.attributes(user_id=plant(), session_id=plant(), tags=[plant()]):
        otel_braintrust.log(
            output={"a": [plant()]},
            expected=plant(),
            error=plant(),
            scores={plant(): 1},
            metrics={plant(): 1},
            metadata={"nested": {"deep": [plant()]}},
        )
    otel_braintrust.log(span=span, output=plant(), metadata={plant(): plant()})
    otel_braintrust.update_span(span, input=plant(), error=ValueError(plant()), tags=[plant()])
    otel_braintrust.log_feedback(
        span,
        scores={plant(): 1},
        expected={"a": plant()},
        comment=plant(),
        tags=[plant()],
        metadata={plant(): plant()},
    )
    otel_braintrust.score_span(span, {plant(): 0.5}, metadata={"why": plant()}, expected=plant())


@pytest.fixture
def global_provider(monkeypatch: pytest.MonkeyPatch) -> TracerProvider:
    from opentelemetry import trace

    provider = TracerProvider(resource=Resource({"service.name": "planted"}))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return provider


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
    plant_everywhere(global_provider, plant)
    processor.flush(0.5)
    processor.shutdown(timeout_millis=20_000)
    assert (tmp_path / "spool" / FILE_NAME).exists()
    assert processor.ledger.spooled > LEAST_SECRETS
    evidence.note_files()

    server.always = None
    settings = Settings.resolve(api_key=KEY, app_url=server.url)
    assert replay_directory(tmp_path / "spool", settings).ok

    assert len(server.rows) > LEAST_SECRETS
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
