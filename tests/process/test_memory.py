"""Memory stays flat, however many spans there are and however slow the server is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest

from tests.scripted_server import Answer, ScriptedServer

from .conftest import Ended

# 1,000,000 in the long run.
SPANS = int(os.environ.get("OTEL_BRAINTRUST_TEST_SPANS", "40000"))

SCRIPT = """
    import os
    from opentelemetry.sdk.trace import TracerProvider
    from otel_braintrust.processor import BraintrustSpanProcessor

    def rss_mib():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    provider = TracerProvider(shutdown_on_exit=False)
    processor = BraintrustSpanProcessor(project="memory", queue_size=2000)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("app")
    text = "x" * {size}
    levels = []
    for number in range(10):
        for _ in range({spans} // 20):
            with tracer.start_as_current_span("parent"):
                tracer.start_span("child", attributes={{"text": text + str(number)}}).end()
        levels.append(rss_mib())
    counts = processor.ledger
    print(round(levels[2]), round(max(levels[3:])), counts.ended)
    processor.shutdown(timeout_millis=500)
    counts = processor.ledger
    print(counts.sent + sum(counts.dropped.values()) == counts.ended)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(120 + SPANS // 1000)
@pytest.mark.parametrize("fault", ["slow", "gone", "hung"])
def test_memory_is_flat_for_many_spans_through_a_slow_server(
    server: ScriptedServer, run: Callable[..., Ended], fault: str
) -> None:
    server.always = {"slow": Answer(manner="slow"), "hung": Answer(manner="hang")}.get(fault)
    if fault == "gone":
        server.stop()
    ended = run(SCRIPT.format(spans=SPANS, size=500), timeout_s=60 + SPANS / 1000)
    assert ended.status == 0, ended.stderr
    early, late, count = map(int, ended.stdout.split("\n")[0].split())
    print(f"{fault}: {early} MiB after 30 %, at most {late} MiB afterwards, {count} spans")
    assert count >= SPANS // 20 * 20
    # Up to 4,096 spans of some 3 KB may be unread at one moment, and not at another.
    assert late <= early * 1.1 + 16
    assert ended.stdout.endswith("True\n")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_large_spans_are_bounded_by_their_bytes(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    server.always = Answer(manner="hang")
    ended = run(
        SCRIPT.format(spans=1000, size=500_000), OTEL_BRAINTRUST_QUEUE_BYTES=str(40 * 2**20)
    )
    assert ended.status == 0, ended.stderr
    _, late, count = map(int, ended.stdout.split("\n")[0].split())
    assert count == 1000  # 250 MB of text in all, of which a sixth may wait
    assert late < 260
    assert "OTEL_BRAINTRUST_QUEUE_BYTES" in ended.stderr
