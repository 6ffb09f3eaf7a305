"""The end of a process: what waits is sent, the time is kept, and a loss is one line."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.scripted_server import Answer, ScriptedServer

from .conftest import KEY, Ended

SCRIPT = """
    from opentelemetry import trace
    from otel_braintrust.configuration import configure

    configure(project="exits")
    for number in range(20):
        trace.get_tracer("app").start_span("work").end()
    print("done")
"""


def test_a_script_that_just_ends_delivers_its_spans(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(SCRIPT)
    assert (ended.stdout, ended.status, ended.stderr) == ("done\n", 0, "")
    assert len(server.rows) == len(server.arrivals) == 20


def test_a_provider_that_does_not_shut_down_delivers_too(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        """
        from opentelemetry.sdk.trace import TracerProvider
        from otel_braintrust.configuration import configure

        provider = TracerProvider(shutdown_on_exit=False)
        configure(project="exits", tracer_provider=provider)
        provider.get_tracer("app").start_span("work").end()
        """
    )
    assert (ended.status, ended.stderr) == (0, "")
    assert len(server.rows) == 1


@pytest.mark.parametrize("fault", ["dead", "hung", "503"])
def test_the_exit_is_bounded_and_tells_the_loss_in_one_line(
    server: ScriptedServer, run: Callable[..., Ended], fault: str
) -> None:
    server.always = {"hung": Answer(manner="hang"), "503": Answer(503), "dead": None}[fault]
    if fault == "dead":
        server.stop()
    ended = run(SCRIPT, OTEL_BRAINTRUST_EXIT_TIMEOUT="1")
    assert (ended.stdout, ended.status) == ("done\n", 0)
    assert ended.seconds < 4.0  # the budget of 1 s, and the time an interpreter takes
    lines = [line for line in ended.stderr.splitlines() if "did not reach" in line]
    assert len(lines) == 1, ended.stderr
    assert "20 spans ended, 0 sent" in lines[0]
    assert "Traceback" not in ended.stderr
    assert KEY not in ended.stderr


def test_the_default_budget_keeps_the_exit_under_five_seconds(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    server.stop()
    assert 'print("done")' in SCRIPT
    ended = run(SCRIPT.replace('print("done")', "import time; print(time.monotonic())"))
    assert time.monotonic() - float(ended.stdout) < 5.0


def test_an_exit_without_flush_leaves_at_once(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    server.always = Answer(manner="hang")
    ended = run(SCRIPT, BRAINTRUST_DISABLE_ATEXIT_FLUSH="1")
    assert ended.seconds < 3.0
    assert "20 spans ended, 0 sent" in ended.stderr


def test_spans_of_a_thread_that_runs_to_the_end_are_sent(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        """
        import threading, time
        from opentelemetry import trace
        from otel_braintrust.configuration import configure

        configure(project="exits")

        def work():
            time.sleep(0.3)
            trace.get_tracer("app").start_span("late").end()

        threading.Thread(target=work).start()
        """
    )
    assert ended.status == 0, ended.stderr
    assert len(server.rows) == 1


def test_the_exporter_behind_a_batch_processor_delivers_at_exit(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        """
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from otel_braintrust.exporter import BraintrustSpanExporter

        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(BraintrustSpanExporter(project="exits")))
        provider.get_tracer("app").start_span("work").end()
        """
    )
    assert (ended.status, ended.stderr) == (0, "")
    assert len(server.rows) == 1


def test_several_processors_share_the_time_of_the_exit(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    server.always = Answer(manner="hang")
    ended = run(
        """
        import time
        from opentelemetry.sdk.trace import TracerProvider
        from otel_braintrust import BraintrustSpanProcessor

        provider = TracerProvider()
        for name in ("first", "second", "third"):
            provider.add_span_processor(BraintrustSpanProcessor(project=name))
        provider.get_tracer("app").start_span("work").end()
        print(time.monotonic())
        """,
        OTEL_BRAINTRUST_EXIT_TIMEOUT="2",
    )
    assert time.monotonic() - float(ended.stdout) < 4.5, ended.stderr
    assert ended.stderr.count("did not reach Braintrust") == 3
