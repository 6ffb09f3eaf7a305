"""Where secrets are planted, and all the places in which they are looked for afterwards."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

import otel_braintrust
from otel_braintrust.logs import BraintrustLogRecordProcessor
from otel_braintrust.processor import BraintrustSpanProcessor
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

    def assert_without(
        self, plant: Plant, *, marker: bytes = b"[masked: ", least: int = LEAST_SECRETS
    ) -> None:
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
        assert len(plant.secrets) >= least
        assert marker in found


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


def plant_everywhere(provider: TracerProvider, plant: Plant, *, every: int = 1) -> None:
    """End spans with secrets under every key and in every event of every dialect, and around.

    Args:
        provider: What makes the spans.
        plant: What makes the secrets.
        every: Take only every so many-th key.
    """
    tracer = provider.get_tracer("openinference.instrumentation.planted", "1")
    keys = [*DISPATCH.keys, *(f"{prefix}0.message.content" for prefix in DISPATCH.prefixes)]
    keys += [f"{prefix}{name}" for prefix in DISPATCH.prefixes for name in ("a", "0.b.c")]
    keys += [f"braintrust.span_attributes.{name}" for name in ("name", "type", "purpose")]
    keys += ["my.own.attribute", "http.request.header.x_custom", "db.statement", "exception"]
    values = values_with(plant)
    for key in keys[::every]:
        if key.startswith("braintrust.parent"):
            continue  # says where the row goes, and holds no content
        attributes = {key: next(values), "llm.model_name": "gpt-4o"}
        tracer.start_span("dialect", attributes=attributes).end()
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


def plant_in_logs(
    processor: BraintrustSpanProcessor, provider: TracerProvider, plant: Plant
) -> None:
    """Emit log records with secrets in the body and the attributes of each event of a dialect."""
    logs = LoggerProvider(shutdown_on_exit=False)
    logs.add_log_record_processor(BraintrustLogRecordProcessor(processor))
    logger = logs.get_logger("planted")
    bodies = values_with(plant)
    for name in DISPATCH.events:
        with provider.get_tracer("planted").start_as_current_span("logged"):
            for body in ({"content": plant(), "message": {"content": plant()}}, next(bodies)):
                logger.emit(LogRecord(event_name=name, body=body, attributes={plant(): plant()}))
    logs.shutdown()


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
