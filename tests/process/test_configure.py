"""configure() with the process's own providers."""

from __future__ import annotations

from collections.abc import Callable

from tests.scripted_server import ScriptedServer

from .conftest import Ended

CHAT = """
    from opentelemetry import trace
    from opentelemetry._logs import get_logger
    from otel_braintrust.configuration import flush

    def chat():
        attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
        with trace.get_tracer("app").start_as_current_span("chat", attributes=attributes):
            body = {"role": "user", "content": "how are you?"}
            logger.emit(event_name="gen_ai.user.message", body=body)
        assert flush(10.0).sent == 1

    logger = get_logger("app")
"""


def _assert_joined(server: ScriptedServer, ended: Ended) -> None:
    assert (ended.status, ended.stderr) == (0, "")
    [row] = server.rows.values()
    assert "how are you?" in str(row["input"])


def test_where_there_is_nothing_it_makes_both_providers(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        CHAT
        + """
    from otel_braintrust.configuration import configure
    configure()
    chat()
    """
    )
    _assert_joined(server, ended)


def test_it_adds_to_the_provider_that_is_there_and_logs_are_joined(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        CHAT
        + """
    from opentelemetry.sdk.trace import TracerProvider
    from otel_braintrust.configuration import configure
    provider = TracerProvider()
    trace.set_tracer_provider(provider)
    configure()
    assert trace.get_tracer_provider() is provider
    chat()
    """
    )
    _assert_joined(server, ended)


def test_logs_that_the_application_sets_up_afterwards_stay_its_own_and_are_joined(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        CHAT
        + """
    from opentelemetry._logs import get_logger_provider, set_logger_provider
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.trace import TracerProvider
    from otel_braintrust.configuration import configure
    trace.set_tracer_provider(TracerProvider())
    configure()
    mine = LoggerProvider()
    set_logger_provider(mine)
    chat()
    assert get_logger_provider() is mine
    """
    )
    _assert_joined(server, ended)


def test_a_foreign_provider_is_told_and_the_application_goes_on(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        """
        from opentelemetry import trace
        from otel_braintrust.configuration import configure, flush
        trace.set_tracer_provider(trace.NoOpTracerProvider())
        configure()
        trace.get_tracer("app").start_span("unseen").end()
        print(flush(1.0).ok)
        """
    )
    assert (ended.stdout, ended.status) == ("True\n", 0)
    assert (
        "the TracerProvider (opentelemetry.trace.NoOpTracerProvider) takes no span processors"
        in ended.stderr
    )
