"""The server goes away under load and comes back: nothing is lost with a spool, nothing in silence
without one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scripted_server import ScriptedServer

from .conftest import Application

Make = Callable[..., Application]

# The long run: 30 s at 2000 spans a second.
OUTAGE_S = float(os.environ.get("OTEL_BRAINTRUST_TEST_OUTAGE_S", "3"))
SPANS_PER_S = int(os.environ.get("OTEL_BRAINTRUST_TEST_OUTAGE_RATE", "1000"))
BURST_S = 0.05


def end_for(app: Application, seconds: float) -> list[str]:
    """End spans at an even rate for some time."""
    ids = []
    begin = time.monotonic()
    burst = int(SPANS_PER_S * BURST_S)
    for number in range(int(seconds / BURST_S)):
        ids += app.end_spans(burst)
        time.sleep(max(0.0, begin + (number + 1) * BURST_S - time.monotonic()))
    return ids


@pytest.mark.timeout(120 + 6 * OUTAGE_S)
def test_with_a_spool_an_outage_under_load_loses_nothing(
    server: ScriptedServer, application: Make, tmp_path: Path
) -> None:
    app = application(spool_dir=str(tmp_path / "spool"))
    ids = end_for(app, 0.5)
    server.stop()
    ids += end_for(app, OUTAGE_S)
    server.start()
    ids += end_for(app, 0.5)
    end = time.monotonic() + 30 + 3 * OUTAGE_S
    while app.processor.ledger.sent < len(ids) and time.monotonic() < end:
        app.processor.flush(5.0)
    counts = app.processor.ledger
    assert counts.dropped == {}
    assert (counts.sent, counts.spooled, counts.pending) == (len(ids), 0, 0)
    assert sorted(server.rows) == sorted(ids)
    assert len(server.arrivals) == len(ids)


@pytest.mark.timeout(120 + 6 * OUTAGE_S)
def test_without_a_spool_the_loss_is_the_ledgers(server: ScriptedServer, application: Make) -> None:
    app = application(queue_size=1000)
    ids = end_for(app, 0.5)
    server.stop()
    ids += end_for(app, OUTAGE_S)
    server.start()
    ids += end_for(app, 0.5)
    assert app.processor.flush(30.0).pending == 0
    counts = app.processor.ledger
    assert counts.dropped["queue_full"] > 0
    assert counts.sent == len(server.rows) == len(server.arrivals)
    assert len(ids) - len(server.rows) == sum(counts.dropped.values())
    app.assert_adds_up(len(ids))
