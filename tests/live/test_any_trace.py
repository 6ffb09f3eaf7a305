"""Whatever an application does, live rows end as the rows would be without them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode

from otel_braintrust import BraintrustSpanProcessor
from otel_braintrust.local.server import LocalServer
from otel_braintrust.testing import FixedIds, fixed_clock

SCOPES = ("app", "opentelemetry.instrumentation.redis", "opentelemetry.instrumentation.fastapi")
VALUES = st.sampled_from(
    ('{"a": {"x": 1}}', '{"a": {"y": 2}, "b": [1]}', '[{"role": "user", "content": "hi"}]', '"t"')
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        (
            "braintrust.output_json",
            "gen_ai.input.messages",
            "gen_ai.operation.name",
            "input.value",
            "braintrust.metadata.k",
            "custom",
        )
    ),
    VALUES,
    max_size=3,
)
SPANS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(("work", "noise", "GET /health")),
        "scope": st.sampled_from(SCOPES),
        "inputs": st.tuples(VALUES, VALUES),
        "first": ATTRIBUTES,
        "last": ATTRIBUTES,
        "renamed": st.booleans(),
        "failed": st.booleans(),
        "flushed": st.sampled_from((True, True, False)),
    }
)
TRACES = st.recursive(
    st.tuples(SPANS, st.just([])),
    lambda inner: st.tuples(SPANS, st.lists(inner, max_size=3)),
    max_leaves=6,
)
OPTIONS = st.sampled_from(
    (
        {},
        {"spans": "ai"},
        {"spans": "all"},
        {"span_rules": "drop name=noise"},
        {"span_rules": "keep custom=*; drop scope=*redis*"},
        {"span_filter": lambda span: False if span.name == "noise" else None},
        {"tail_ratio": 1.0},
        {"route": lambda span: None},
    )
)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer() as running:
        yield running


def run(
    server: LocalServer, traces: list[Any], options: dict[str, Any], *, live: bool
) -> dict[str, dict[str, Any]]:
    """The rows of an application that does this, by id."""
    project = str(uuid.uuid4())
    processor = BraintrustSpanProcessor(
        api_key=server.api_key,
        api_url=server.url,
        app_url=server.url,
        project=project,
        live=live,
        **options,
    )
    provider = TracerProvider(id_generator=FixedIds(), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    try:
        with fixed_clock():
            for each in traces:
                do(provider, processor, *each)
        assert processor.flush(20.0).ok
        processor.flush(20.0)  # what was withdrawn
        counts = processor.ledger
        assert counts.ended == counts.sent + counts.filtered
        rows = {row["id"]: row for row in server.rows(project)}
        assert len(rows) == counts.sent
        return rows
    finally:
        provider.shutdown()


def do(
    provider: TracerProvider,
    processor: BraintrustSpanProcessor,
    said: dict[str, Any],
    beneath: list[Any],
) -> None:
    tracer = provider.get_tracer(said["scope"])
    with ExitStack() as stack:
        first, last = ({"braintrust.input_json": each} for each in said["inputs"])
        if said["scope"] != "app":
            first = last = {}
        span = tracer.start_span(said["name"], attributes={**first, **said["first"]})
        stack.callback(span.end)
        stack.enter_context(trace.use_span(span))
        if said["flushed"]:
            processor.flush(20.0)
        for each in beneath:
            do(provider, processor, *each)
        span.set_attributes({**last, **said["last"]})
        if said["renamed"]:
            span.update_name("renamed")
        if said["failed"]:
            span.set_status(Status(StatusCode.ERROR, "failed"))


PLACES = ("_xact_id", "_pagination_key", "project_id")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(traces=st.lists(TRACES, min_size=1, max_size=3), options=OPTIONS)
def test_live_rows_end_as_rows_do(
    server: LocalServer, traces: list[Any], options: dict[str, Any]
) -> None:
    plain = run(server, traces, options, live=False)
    live = run(server, traces, options, live=True)
    assert live.keys() == plain.keys()
    for row_id, row in plain.items():
        for field in row.keys() - set(PLACES):
            assert live[row_id][field] == row[field], field
