"""`kill -9` at any moment: what was handed to the exporter arrives, through a later process."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scripted_server import Answer, ScriptedServer

from .conftest import KEY, Ended

# 50 in the long run.
KILLS = int(os.environ.get("OTEL_BRAINTRUST_TEST_KILLS", "6"))

# Each exported batch is noted after export() came back: from then on its spans must arrive.
WORKER = """
    import sys, time
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from otel_braintrust.exporter import BraintrustSpanExporter

    class Noting(BraintrustSpanExporter):
        def export(self, spans):
            result = super().export(spans)
            noted.write("".join(f"{span.context.span_id:016x}\\n" for span in spans))
            noted.flush()
            return result

    noted = open(sys.argv[1], "a")
    provider = TracerProvider()
    exporter = Noting(project="killed")
    provider.add_span_processor(
        BatchSpanProcessor(exporter, schedule_delay_millis=20, max_export_batch_size=64)
    )
    tracer = provider.get_tracer("app")
    print("ready", flush=True)
    while True:
        tracer.start_span("work", attributes={"text": "x" * 500}).end()
        time.sleep(0.0005)
"""
REPLAYER = """
    import time
    from otel_braintrust.exporter import BraintrustSpanExporter

    exporter = BraintrustSpanExporter(project="killed")
    spool = exporter.courier._replay._spool
    end = time.monotonic() + 30
    while spool.count() and time.monotonic() < end:
        time.sleep(0.02)
    print(spool.count())
    exporter.shutdown()
"""


@pytest.mark.timeout(60 + 10 * KILLS)
def test_after_kills_at_random_moments_every_exported_row_is_on_the_server_once(
    server: ScriptedServer, run: Callable[..., Ended], tmp_path: Path
) -> None:
    script, noted = tmp_path / "worker.py", tmp_path / "noted"
    script.write_text(textwrap.dedent(WORKER))
    variables = {
        "BRAINTRUST_API_KEY": KEY,
        "BRAINTRUST_APP_URL": server.url,
        "OTEL_BRAINTRUST_SPOOL_DIR": str(tmp_path / "spool"),
        "OTEL_BRAINTRUST_SPOOL_MODE": "always",
    }
    environment = {**os.environ, **variables}
    chance = random.Random()
    faults = [None, Answer(503), Answer(manner="hang"), Answer(manner="reset")]
    for number in range(KILLS):
        server.always = faults[number % len(faults)]
        process = subprocess.Popen(
            [sys.executable, str(script), str(noted)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.0, 1.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    server.always = None
    ended = run(
        REPLAYER,
        OTEL_BRAINTRUST_SPOOL_DIR=variables["OTEL_BRAINTRUST_SPOOL_DIR"],
        OTEL_BRAINTRUST_SPOOL_MODE="always",
    )
    assert ended.stdout == "0\n", ended.stderr
    exported = {line for line in noted.read_text().split("\n") if len(line) == 16}
    assert len(exported) > 20 * KILLS
    assert exported - set(server.rows) == set()
    assert len(server.rows) == len({row["span_id"] for row in server.rows.values()})
