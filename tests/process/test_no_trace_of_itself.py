"""Instrumentations of HTTP, SQLite and logging see nothing of what this package does itself."""

from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scripted_server import Answer, ScriptedServer

from .conftest import Ended

INSTRUMENTATIONS = ("requests", "urllib3", "httpx", "logging", "sqlite3", "threading")
PRELUDE = """
import importlib, logging, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otel_braintrust import BraintrustClient, BraintrustSpanExporter, BraintrustSpanProcessor

name = "NAME"
instrumentation = importlib.import_module("opentelemetry.instrumentation." + name)
[kind] = [each for each in dir(instrumentation) if each.lower() == INSTRUMENTOR[name]]
seen = InMemorySpanExporter()
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(seen))
trace.set_tracer_provider(provider)
getattr(instrumentation, kind)().instrument(tracer_provider=provider, set_logging_format=True)
tracer = trace.get_tracer("app")

def names():
    return sorted({span.name for span in seen.get_finished_spans()})
"""
CLASSES = {
    "requests": "requestsinstrumentor",
    "urllib3": "urllib3instrumentor",
    "httpx": "httpxclientinstrumentor",
    "logging": "logginginstrumentor",
    "sqlite3": "sqlite3instrumentor",
    "threading": "threadinginstrumentor",
}


def prelude(name: str) -> str:
    if importlib.util.find_spec(f"opentelemetry.instrumentation.{name}") is None:
        pytest.skip(f"opentelemetry-instrumentation-{name} is not installed (extra dev)")
    return PRELUDE.replace("INSTRUMENTOR[name]", repr(CLASSES[name])).replace("NAME", name)


@pytest.mark.parametrize("name", INSTRUMENTATIONS)
def test_sending_failing_spooling_and_uploading_make_no_span(
    server: ScriptedServer, run: Callable[..., Ended], tmp_path: Path, name: str
) -> None:
    server.told_max_bytes = server.max_body_bytes = 20_000
    server.overflow_method = "PUT"
    server.script.extend([Answer(503), Answer(manner="reset")])
    script = prelude(name) + textwrap.dedent(
        """
        processor = BraintrustSpanProcessor(project="quiet", spool_mode="always")
        provider.add_span_processor(processor)
        tracer.start_span("work").end()
        tracer.start_span("large", attributes={"text": "x" * 50_000}).end()
        print(processor.flush(10.0).sent, names())
        processor.shutdown()
        print(names())
        """
    )
    ended = run(script, OTEL_BRAINTRUST_SPOOL_DIR=str(tmp_path / "spool"))
    assert ended.stdout == "2 ['large', 'work']\n['large', 'work']\n", ended.stderr


@pytest.mark.parametrize("name", ["requests", "urllib3"])
def test_behind_a_simple_processor_one_span_does_not_become_a_loop(
    server: ScriptedServer, run: Callable[..., Ended], name: str
) -> None:
    script = prelude(name) + textwrap.dedent(
        """
        provider.add_span_processor(SimpleSpanProcessor(BraintrustSpanExporter(project="quiet")))
        tracer.start_span("work").end()
        provider.force_flush()
        print(names())
        """
    )
    assert run(script).stdout == "['work']\n"
    assert len(server.rows) == 1


@pytest.mark.parametrize("name", ["requests", "urllib3"])
def test_the_clients_own_requests_make_no_span(
    server: ScriptedServer, run: Callable[..., Ended], name: str
) -> None:
    script = prelude(name) + textwrap.dedent(
        """
        with BraintrustClient() as client, tracer.start_as_current_span("mine"):
            project = client.project_id("quiet", create=True)
            for call in (
                lambda: client.insert(project, [{"id": "1", "input": "hello"}]),
                lambda: client.feedback(project, [{"id": "1", "rating": 5}]),
                lambda: client.fetch(project),
            ):
                try:
                    call()
                except Exception as error:
                    print(type(error).__name__, file=sys.stderr)
        print(names())
        """
    )
    assert run(script).stdout == "['mine']\n"
    assert len(server.requests) >= 4


def test_our_log_lines_do_not_come_back_as_telemetry_of_ours(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    server.always = Answer(401)
    ended = run(
        """
        import logging
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from otel_braintrust import configure, flush, ledger

        provider = TracerProvider()
        trace.set_tracer_provider(provider)
        tracer = trace.get_tracer("app")

        class Tracing(logging.Handler):
            def emit(self, record):
                tracer.start_span("log line").end()

        logging.getLogger().addHandler(Tracing())
        configure(project="loop")
        for _ in range(10):
            tracer.start_span("work").end()
            flush(2.0)
        print(ledger().ended)
        """
    )
    assert int(ended.stdout) <= 12, ended.stderr
