"""Random traces by several threads through the whole pipeline: what arrives is whole trees."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from tests.selection.conftest import HTTP, Pipeline

THREADS = 4
TRACES = 25
MODES: dict[str, dict[str, Any]] = {
    "app": {},
    "ai": {"spans": "ai"},
    "function": {"span_filter": lambda span: (True, False, None)[int(span.name) % 3]},
}


def remote_context(chance: random.Random) -> Any:
    ids = chance.getrandbits(120) + 1, chance.getrandbits(60) + 1
    parent = SpanContext(*ids, is_remote=True, trace_flags=TraceFlags(1))
    return trace.set_span_in_context(NonRecordingSpan(parent))


def make_trace(made: Pipeline, chance: random.Random) -> list[Any]:
    """Spans with any parents, ended in any order."""
    spans: list[Any] = []
    living: list[Any] = []
    root = remote_context(chance) if chance.random() < 0.5 else None
    for _ in range(chance.randint(1, 25)):
        context = trace.set_span_in_context(chance.choice(spans)) if spans else root
        attributes = {"gen_ai.x": 1} if chance.random() < 0.25 else {}
        tracer = made.tracer(chance.choice((HTTP, "application")))
        name = str(chance.randint(0, 8))
        spans.append(tracer.start_span(name, context=context, attributes=attributes))
        living.append(spans[-1])
        while living and chance.random() < 0.4:
            living.pop(chance.randrange(len(living))).end()
    chance.shuffle(living)
    for span in living:
        span.end()
    return spans


def must_go(mode: str, span: Any) -> bool:
    if mode == "function":
        return int(span.name) % 3 == 0
    is_own = mode == "app" and span.instrumentation_scope.name == "application"
    return is_own or "gen_ai.x" in span.attributes


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(3))
def test_what_arrives_is_whole_trees(
    pipeline: Callable[..., Pipeline], mode: str, seed: int
) -> None:
    made = pipeline(**MODES[mode])
    spans: list[Any] = []

    def work(number: int) -> None:
        chance = random.Random(seed * 100 + number)
        for _ in range(TRACES):
            spans.extend(make_trace(made, chance))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made.flush()
    rows = made.server.rows
    counts = made.processor.ledger
    assert len(spans) == counts.ended == counts.sent + counts.filtered
    assert len(rows) == len(made.server.arrivals) == counts.sent
    by_id = {format(span.context.span_id, "016x"): span for span in spans}
    assert all(key in rows for key, span in by_id.items() if must_go(mode, span))
    for key, row in rows.items():
        kept_above = _nearest(by_id[key].parent, by_id, rows)
        assert (row.get("span_parents") or [None])[0] == kept_above
    tree = made.processor._passage.tree
    assert (len(tree.followed.open), len(tree._held)) == (0, 0)


def _nearest(parent: Any, by_id: dict[str, Any], rows: dict[str, Any]) -> str | None:
    """The id of the nearest ancestor that is kept or remote."""
    while parent is not None:
        key = format(parent.span_id, "016x")
        if parent.is_remote or key in rows:
            return key
        parent = by_id[key].parent
    return None
