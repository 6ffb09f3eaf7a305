"""A script with nothing but the OpenTelemetry API, and everything else from the environment."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scripted_server import Answer, ScriptedServer

from .conftest import Ended

SCRIPT = """
    from opentelemetry import trace

    tracer = trace.get_tracer("app")
    with tracer.start_as_current_span("outer"):
        with tracer.start_as_current_span("inner"):
            print("done")
"""
INSTRUMENT = (str(Path(sys.executable).parent / "opentelemetry-instrument"), sys.executable)

ENVIRONMENTS = {
    "the exporter": {"OTEL_TRACES_EXPORTER": "braintrust", "OTEL_METRICS_EXPORTER": "none"},
    "the distro": {"OTEL_PYTHON_DISTRO": "braintrust"},
    "distro and configurator": {
        "OTEL_PYTHON_DISTRO": "braintrust",
        "OTEL_PYTHON_CONFIGURATOR": "braintrust",
    },
    "the configurator": {
        "OTEL_PYTHON_CONFIGURATOR": "braintrust",
        "OTEL_TRACES_EXPORTER": "braintrust",
        "OTEL_METRICS_EXPORTER": "none",
    },
}
NO_LOGS = {"OTEL_LOGS_EXPORTER": "none"}


@pytest.mark.parametrize("way", ENVIRONMENTS)
def test_spans_arrive_by_environment_variables_alone(
    server: ScriptedServer, run: Callable[..., Ended], way: str
) -> None:
    variables = {**NO_LOGS, **ENVIRONMENTS[way], "BRAINTRUST_PROJECT": "from the environment"}
    ended = run(SCRIPT, command=INSTRUMENT, **variables)
    assert (ended.stdout, ended.status) == ("done\n", 0), ended.stderr
    names = {row["span_attributes"]["name"]: row for row in server.rows.values()}
    assert set(names) == {"outer", "inner"}, ended.stderr
    assert names["inner"]["span_parents"] == [names["outer"]["span_id"]]
    assert names["outer"]["project_id"] == "id-of-from the environment"
    assert len(server.arrivals) == 2
    assert "Traceback" not in ended.stderr


def test_log_records_are_joined_too(server: ScriptedServer, run: Callable[..., Ended]) -> None:
    ended = run(
        """
        from opentelemetry import trace
        from opentelemetry._logs import LogRecord, get_logger

        tracer, logger = trace.get_tracer("app"), get_logger("app")
        attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
        with tracer.start_as_current_span("chat gpt-4o", attributes=attributes):
            logger.emit(LogRecord(
                event_name="gen_ai.user.message",
                body={"role": "user", "content": "how are you?"},
                attributes={"gen_ai.system": "openai"},
            ))
        """,
        command=INSTRUMENT,
        **NO_LOGS,
        **ENVIRONMENTS["the exporter"],
    )
    assert ended.status == 0, ended.stderr
    [row] = server.rows.values()
    assert "how are you?" in str(row["input"]), ended.stderr


def test_configure_afterwards_is_the_same_processor(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        """
        from opentelemetry import trace
        from otel_braintrust.configuration import configure, flush, ledger

        assert configure() is configure()
        trace.get_tracer("app").start_span("one").end()
        assert flush(10.0).sent == 1
        print(ledger())
        """,
        command=INSTRUMENT,
        **NO_LOGS,
        **ENVIRONMENTS["the exporter"],
    )
    assert ended.stdout == "1 spans ended, 1 sent\n", ended.stderr
    assert len(server.arrivals) == 1


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"BRAINTRUST_API_KEY": ""}, "no Braintrust API key"),
        ({"BRAINTRUST_PARENT": "my project"}, "cannot read parent 'my project'"),
        ({"BRAINTRUST_API_URL": "localhost"}, "BRAINTRUST_API_URL"),
    ],
)
def test_a_set_up_that_cannot_be_used_does_not_harm_the_application(
    server: ScriptedServer, run: Callable[..., Ended], variables: dict[str, str], told: str
) -> None:
    ended = run(SCRIPT, command=INSTRUMENT, **NO_LOGS, **ENVIRONMENTS["the exporter"], **variables)
    assert (ended.stdout, ended.status) == ("done\n", 0)
    assert ended.stderr.count(told) == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert server.requests == []


def test_being_installed_changes_nothing_for_those_who_did_not_ask(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        SCRIPT,
        command=INSTRUMENT,
        OTEL_TRACES_EXPORTER="none",
        OTEL_METRICS_EXPORTER="none",
        **NO_LOGS,
    )
    assert (ended.stdout, ended.status) == ("done\n", 0)
    assert server.requests == []


def test_our_own_requests_make_no_spans(server: ScriptedServer, run: Callable[..., Ended]) -> None:
    server.script.append(Answer(503))
    ended = run(
        """
        import requests
        from opentelemetry import trace
        from opentelemetry.instrumentation import utils

        real = requests.Session.send

        def instrumented(session, request, **kwargs):
            if utils.is_instrumentation_enabled() and utils.is_http_instrumentation_enabled():
                with trace.get_tracer("requests").start_as_current_span("POST"):
                    return real(session, request, **kwargs)
            return real(session, request, **kwargs)

        requests.Session.send = instrumented
        from otel_braintrust.configuration import configure, flush, ledger
        trace.get_tracer("app").start_span("one").end()
        configure()
        assert flush(10.0).ok
        print(ledger())
        """,
        command=INSTRUMENT,
        **NO_LOGS,
        **ENVIRONMENTS["the exporter"],
    )
    assert ended.stdout == "1 spans ended, 1 sent\n", ended.stderr
