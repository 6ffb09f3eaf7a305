"""configure(): what it adds, and to what; the process's own provider is tested in processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracerProvider

from otel_braintrust.configuration import configure, flush, ledger
from otel_braintrust.delivery.destinations import ParentError
from otel_braintrust.processor import BraintrustSpanProcessor
from otel_braintrust.settings import SettingsError
from tests.scripted_server import ScriptedServer

KEY = "sk-test-12345"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    made = TracerProvider(shutdown_on_exit=False)
    yield made
    made.shutdown()


def test_called_twice_it_is_one_processor(
    server: ScriptedServer, provider: TracerProvider, caplog: pytest.LogCaptureFixture
) -> None:
    first = configure(api_key=KEY, app_url=server.url, tracer_provider=provider, spans="app")
    assert configure(api_key=KEY, spans="APP", tracer_provider=provider) is first
    assert caplog.text == ""
    for _ in range(2):
        second = configure(
            api_key="sk-other-1", project="another", spans="ai", tracer_provider=provider
        )
        assert first is second
    assert [record.getMessage() for record in caplog.records] == [
        "configure() was called before for this TracerProvider, if only by "
        "OTEL_TRACES_EXPORTER=braintrust; what this call says of api_key, project, spans counts "
        "for nothing"
    ]
    provider.get_tracer("t").start_span("once").end()
    assert flush(5.0).sent == 1
    assert ledger().sent == 1
    assert len(server.arrivals) == 1


def test_a_processor_that_the_application_added_is_found(
    server: ScriptedServer, provider: TracerProvider
) -> None:
    theirs = BraintrustSpanProcessor(api_key=KEY, app_url=server.url)
    provider.add_span_processor(theirs)
    assert configure(api_key=KEY, tracer_provider=provider) is theirs


def test_a_key_that_comes_later_wins_over_a_processor_without(
    server: ScriptedServer, provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BRAINTRUST_API_KEY", raising=False)
    without = configure(tracer_provider=provider)
    assert configure(tracer_provider=provider) is without
    with_key = configure(api_key=KEY, app_url=server.url, tracer_provider=provider)
    assert with_key is not without
    assert configure(tracer_provider=provider) is with_key
    provider.get_tracer("t").start_span("once").end()
    assert flush(5.0).sent == 1


def test_after_a_shutdown_it_can_be_configured_again(
    server: ScriptedServer, provider: TracerProvider
) -> None:
    first = configure(api_key=KEY, app_url=server.url, tracer_provider=provider)
    first.shutdown()
    second = configure(api_key=KEY, app_url=server.url, tracer_provider=provider)
    assert second is not first
    provider.get_tracer("t").start_span("again").end()
    assert flush(5.0).sent == 1


def test_a_malformed_parent_is_an_error_at_set_up(provider: TracerProvider) -> None:
    with pytest.raises(ParentError, match="'nonsense'"):
        configure(api_key=KEY, parent="nonsense", tracer_provider=provider)


def test_a_malformed_address_is_an_error_at_set_up(provider: TracerProvider) -> None:
    with pytest.raises(SettingsError, match="api_url"):
        configure(api_key=KEY, api_url="nonsense", tracer_provider=provider)


def test_a_provider_that_takes_no_processors_is_refused_with_a_way_out() -> None:
    with pytest.raises(TypeError, match="NoOpTracerProvider"):
        configure(api_key=KEY, tracer_provider=NoOpTracerProvider())


def test_the_logger_provider_given_gets_a_processor(
    server: ScriptedServer, provider: TracerProvider
) -> None:
    logs = LoggerProvider(shutdown_on_exit=False)
    configure(api_key=KEY, app_url=server.url, tracer_provider=provider, logger_provider=logs)
    attributes = {"gen_ai.operation.name": "chat"}
    with provider.get_tracer("t").start_as_current_span("chat", attributes=attributes):
        body = {"role": "user", "content": "hello?"}
        logs.get_logger("t").emit(event_name="gen_ai.user.message", body=body)
    assert flush(5.0).sent == 1
    [row] = server.rows.values()
    assert "hello?" in str(row["input"])
