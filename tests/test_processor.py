"""The processor: where spans go by what surrounds them, and what it must never do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult

from otel_braintrust.logs import BraintrustLogRecordProcessor
from otel_braintrust.processor import BraintrustSpanProcessor
from tests.scripted_server import ScriptedServer

LOOKED_UP = {"id-of-default": "default"}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def processor(server: ScriptedServer) -> Iterator[BraintrustSpanProcessor]:
    made = BraintrustSpanProcessor(api_key="sk-test-12345", app_url=server.url, project="default")
    yield made
    server.stop()
    made.shutdown(timeout_millis=0)


@pytest.fixture
def tracer(processor: BraintrustSpanProcessor) -> trace.Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider.get_tracer("application")


def places(processor: BraintrustSpanProcessor, server: ScriptedServer) -> dict[str, str]:
    """Where each span went, by its name."""
    assert processor.flush(5.0).ok
    return {
        row["span_attributes"]["name"]: row.get("project_id") or row["experiment_id"]
        for row in server.rows.values()
    }


def test_a_span_goes_where_it_or_its_surroundings_say(
    processor: BraintrustSpanProcessor, tracer: trace.Tracer, server: ScriptedServer
) -> None:
    key = "braintrust.parent"
    in_context = context.set_value(key, "project_id:context")
    in_baggage = baggage.set_baggage(key, "experiment_id:baggage")
    both = baggage.set_baggage(key, "project_id:baggage", in_context)
    own = {key: "project_id:own"}
    tracer.start_span("plain").end()
    tracer.start_span("context", context=in_context).end()
    tracer.start_span("baggage", context=in_baggage).end()
    tracer.start_span("both", context=both).end()
    tracer.start_span("own", context=both, attributes=own).end()
    with tracer.start_as_current_span("own parent", attributes=own):
        tracer.start_span("child").end()
        with tracer.start_as_current_span("middle"):
            tracer.start_span("grandchild").end()
    late = tracer.start_span("late")
    late.set_attribute(key, "project_id:late")
    late.end()
    assert places(processor, server) == {
        "plain": "id-of-default",
        "context": "context",
        "baggage": "baggage",
        "both": "context",
        "own": "own",
        "own parent": "own",
        "child": "own",
        "middle": "own",
        "grandchild": "own",
        "late": "late",
    }


def test_a_parent_that_is_no_text_is_left_alone(
    processor: BraintrustSpanProcessor, tracer: trace.Tracer, server: ScriptedServer
) -> None:
    odd = context.set_value("braintrust.parent", object())
    tracer.start_span("odd", context=odd).end()
    assert places(processor, server) == {"odd": "id-of-default"}


class _RecordOnly(Sampler):
    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        return SamplingResult(Decision.RECORD_ONLY)

    def get_description(self) -> str:
        return "record only"


def test_spans_that_the_sampler_leaves_out_are_no_ended_spans_of_ours(
    processor: BraintrustSpanProcessor, server: ScriptedServer
) -> None:
    for sampler in (ALWAYS_OFF, _RecordOnly()):
        provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        provider.add_span_processor(processor)
        provider.get_tracer("t").start_span("unseen").end()
    assert processor.flush(1.0).ok
    assert (processor.ledger.ended, processor.ledger.sampled) == (0, 1)
    assert server.requests == []


def test_a_placeholder_span_is_counted_as_filtered(
    processor: BraintrustSpanProcessor, tracer: trace.Tracer, server: ScriptedServer
) -> None:
    tracer.start_span("pending", attributes={"logfire.span_type": "pending_span"}).end()
    tracer.start_span("real").end()
    result = processor.flush(5.0)
    assert (result.sent, result.filtered, result.ok) == (1, 1, True)
    assert processor.ledger.filtered == 1


def test_hooks_never_raise_into_the_application(
    processor: BraintrustSpanProcessor, caplog: pytest.LogCaptureFixture
) -> None:
    broken: Any = object()
    processor.on_start(broken)
    processor.on_end(broken)
    assert processor.flush(1.0).ok
    assert "please report it" in caplog.text


def test_a_key_that_appears_twice_is_one_thread_each(
    processor: BraintrustSpanProcessor, tracer: trace.Tracer
) -> None:
    for _ in range(5):
        tracer.start_span("work").end()
        processor.flush(5.0)
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("otel-braintrust") == 1


def test_an_unknown_choice_of_spans_is_refused() -> None:
    with pytest.raises(ValueError, match="spans is 'some'"):
        BraintrustSpanProcessor(api_key="sk-test-12345", spans="some")


@pytest.mark.parametrize("given", [True, False])
def test_content_in_log_records_meets_its_span(
    processor: BraintrustSpanProcessor, tracer: trace.Tracer, server: ScriptedServer, given: bool
) -> None:
    logs = LoggerProvider(shutdown_on_exit=False)
    logs.add_log_record_processor(BraintrustLogRecordProcessor(processor if given else None))
    logger = logs.get_logger("t")
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    with tracer.start_as_current_span("chat gpt-4o", attributes=attributes):
        logger.emit(event_name="gen_ai.user.message", body={"role": "user", "content": "hello?"})
        logger.emit(body="an ordinary line")
    assert processor.flush(5.0).sent == 1
    [row] = server.rows.values()
    assert "hello?" in str(row["input"])
    assert "ordinary" not in str(row)
    assert logs.force_flush()
    logs.shutdown()
