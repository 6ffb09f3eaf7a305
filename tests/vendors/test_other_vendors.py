"""Beside other vendors in one process, in either order: each gets its own, ours what it should."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.scripted_server import ScriptedServer

# How each vendor is set up; what it sends goes to a list or to a server that is not there.
VENDORS = {
    "logfire": """
        import logfire
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        logfire.configure(send_to_logfire=False, console=False,
            additional_span_processors=[SimpleSpanProcessor(seen)])
        own_span = logfire.span
    """,
    "langfuse": """
        from langfuse import Langfuse
        Langfuse(public_key="pk-lf-1", secret_key="sk-lf-1", host="http://127.0.0.1:9",
            span_exporter=seen)
    """,
    "sentry_sdk": """
        import sentry_sdk
        sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", traces_sample_rate=1.0, instrumenter="otel")
        from sentry_sdk.integrations.opentelemetry import SentrySpanProcessor
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        if not hasattr(trace.get_tracer_provider(), "add_span_processor"):
            trace.set_tracer_provider(TracerProvider())
        trace.get_tracer_provider().add_span_processor(SentrySpanProcessor())
    """,
    "ddtrace": """
        import os
        os.environ["DD_TRACE_OTEL_ENABLED"] = "true"
        from ddtrace.opentelemetry import TracerProvider as Datadogs
        from opentelemetry import trace
        trace.set_tracer_provider(Datadogs())
    """,
    "opentelemetry.sdk": """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        if not hasattr(trace.get_tracer_provider(), "add_span_processor"):
            trace.set_tracer_provider(TracerProvider())
        provider = trace.get_tracer_provider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter("http://127.0.0.1:9")))
        provider.add_span_processor(SimpleSpanProcessor(seen))
    """,
}
OURS = """
    import otel_braintrust
    otel_braintrust.configure(project="default")
"""
BEGIN = """
    import json
    from opentelemetry import trace
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    seen = InMemorySpanExporter()
    from contextlib import nullcontext as own_span
"""
SPANS = """
    before = trace.get_tracer_provider()
    http = trace.get_tracer("opentelemetry.instrumentation.fastapi")
    tracer = trace.get_tracer("application")
    chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    with http.start_as_current_span("GET /chat"), own_span("of the vendor"):
        http.start_span("noise").end()
        with tracer.start_as_current_span("agent"):
            tracer.start_span("chat", attributes=chat).end()
    with http.start_as_current_span("GET /health"):
        pass
    result = otel_braintrust.flush(20)
    if hasattr(before, "force_flush"):
        before.force_flush(2000)
    names = sorted(span.name for span in seen.get_finished_spans())
    print(json.dumps({"pending": result.pending, "sent": result.sent, "seen": names}))
"""
ALL = ["GET /chat", "GET /health", "agent", "chat", "noise"]


def run(tmp_path: Path, server: ScriptedServer, *parts: str) -> tuple[dict, str]:
    script = "\n".join(textwrap.dedent(part) for part in (BEGIN, *parts, SPANS))
    path = tmp_path / "app.py"
    path.write_text(script)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "BRAINTRUST_", "DD_", "LANGFUSE_", "LOGFIRE_"))
    }
    environment = kept | {
        "BRAINTRUST_API_KEY": "sk-test-12345",
        "BRAINTRUST_APP_URL": server.url,
        "DD_TRACE_ENABLED": "true",
        "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    }
    done = subprocess.run(
        [sys.executable, str(path)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1]), done.stderr


@pytest.mark.parametrize(
    ("vendor", "is_first"),
    list(
        itertools.product(("logfire", "langfuse", "sentry_sdk", "opentelemetry.sdk"), (True, False))
    ),
)
def test_both_orders(vendor: str, is_first: bool, tmp_path: Path) -> None:
    if find_spec(vendor.split(".", maxsplit=1)[0]) is None:
        pytest.skip(f"{vendor} is not installed")
    theirs = VENDORS[vendor]
    with ScriptedServer() as server:
        parts = (theirs, OURS) if is_first else (OURS, theirs)
        result, log = run(tmp_path, server, *parts)
    names = sorted(row["span_attributes"]["name"] for row in server.rows.values())
    assert "Traceback" not in log
    assert len(server.arrivals) == len(names)
    own = ["of the vendor"] if vendor == "logfire" else []
    assert names == sorted(["GET /chat", "agent", "chat", *own]), log
    assert result["pending"] == 0
    if vendor == "opentelemetry.sdk" or (vendor == "logfire" and is_first):
        assert [name for name in result["seen"] if name in ALL] == ALL
    assert set(own) <= set(result["seen"])
    parents = {row["span_id"] for row in server.rows.values()}
    assert all(set(row["span_parents"] or []) <= parents for row in server.rows.values())
    if vendor == "langfuse":
        assert "chat" in result["seen"]


@pytest.mark.skipif(find_spec("ddtrace") is None, reason="ddtrace is not installed")
def test_a_provider_that_takes_no_processors_is_told_and_harms_nothing(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        result, log = run(tmp_path, server, VENDORS["ddtrace"], OURS)
    assert "Traceback" not in log
    assert server.rows == {} or len(server.rows) == 3
    assert result["pending"] == 0
    if not server.rows:
        assert log.count("takes no span processors") == 1


@pytest.mark.skipif(find_spec("ddtrace") is None, reason="ddtrace is not installed")
def test_a_provider_that_comes_after_ours_and_takes_no_processors_harms_nothing(
    tmp_path: Path,
) -> None:
    with ScriptedServer() as server:
        result, log = run(tmp_path, server, OURS, VENDORS["ddtrace"])
    assert "Traceback" not in log
    names = sorted(row["span_attributes"]["name"] for row in server.rows.values())
    assert names == ["GET /chat", "agent", "chat"]
    assert result["pending"] == 0
