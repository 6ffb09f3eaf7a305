"""What is said of a span goes where its row went, and nowhere if that went nowhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust import (
    export_span,
    inject,
    log_feedback,
    score_span,
    update_span,
)
from otel_braintrust.local.server import LocalServer
from otel_braintrust.processor import BraintrustSpanProcessor

Make = Callable[..., tuple[BraintrustSpanProcessor, Any]]


@pytest.fixture
def process(local_braintrust: LocalServer) -> Iterator[Make]:
    """Make a processor on a provider of its own; and a tracer of that."""
    made: list[BraintrustSpanProcessor] = []

    def make(**options: Any) -> tuple[BraintrustSpanProcessor, Any]:
        url = local_braintrust.url
        given = {"api_key": local_braintrust.api_key, "api_url": url, "app_url": url}
        processor = BraintrustSpanProcessor(**given, **options)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        made.append(processor)
        return processor, provider.get_tracer("application")

    yield make
    for each in made:
        each.shutdown(timeout_millis=2000)


def scores_of(server: LocalServer, project: str) -> dict[str, dict[str, float]]:
    return {
        row["span_attributes"]["name"]: row.get("scores") or {}
        for row in server.rows(project)
        if row.get("span_attributes")
    }


def test_each_processor_sends_what_is_said_of_its_own_spans(
    process: Make, local_braintrust: LocalServer
) -> None:
    made = {name: process(project=name) for name in ("first", "second")}
    for name, (_processor, tracer) in made.items():
        span = tracer.start_span(name)
        span.end()
        log_feedback(span, scores={"by span": 1})
        log_feedback(export_span(span), scores={"by slug": 1})
        update_span(span, scores={"by update": 1})
    for name, (processor, _tracer) in made.items():
        assert processor.flush(10.0).ok
        said = {"by span": 1, "by slug": 1, "by update": 1}
        assert scores_of(local_braintrust, name) == {name: said}
        assert len(local_braintrust.rows(name)) == 1


def test_an_id_alone_finds_the_processor_that_has_the_row_still_to_send(
    process: Make, local_braintrust: LocalServer
) -> None:
    processor, tracer = process(project="first")
    process(project="second")
    with tracer.start_as_current_span("open") as span:
        row_id = format(span.get_span_context().span_id, "016x")
        log_feedback(row_id, parent="project_name:first", scores={"early": 1})
        assert processor.flush(5.0).ok
        assert local_braintrust.rows("first") == []
    assert processor.flush(10.0).ok
    assert scores_of(local_braintrust, "first") == {"open": {"early": 1}}


def test_what_is_said_of_a_routed_span_goes_to_its_project(
    process: Make, local_braintrust: LocalServer
) -> None:
    processor, tracer = process(
        project="first",
        route=lambda span: "project_name:routed" if span.name == "root" else None,
    )
    headers: dict[str, str] = {}
    with tracer.start_as_current_span("root"):
        child = tracer.start_span("child")
        inject(headers, child)
        child.end()
    log_feedback(child, scores={"thumbs": 1})
    log_feedback(export_span(child), scores={"again": 1})
    assert processor.flush(10.0).ok
    found = scores_of(local_braintrust, "routed")
    assert found == {"root": {}, "child": {"thumbs": 1, "again": 1}}
    assert headers["baggage"] == "braintrust.parent=project_name%3Arouted"


def test_where_the_speaker_stands_does_not_matter(
    process: Make, local_braintrust: LocalServer
) -> None:
    processor, tracer = process(project="first")
    span = tracer.start_span("answer")
    span.end()
    elsewhere = baggage.set_baggage("braintrust.parent", "project_name:other")
    elsewhere = context.set_value("braintrust.parent", "project_name:other", elsewhere)
    token = context.attach(elsewhere)
    try:
        log_feedback(span, scores={"thumbs": 1})
    finally:
        context.detach(token)
    assert processor.flush(10.0).ok
    assert scores_of(local_braintrust, "first") == {"answer": {"thumbs": 1}}


def test_beneath_a_span_that_says_where_it_goes_a_route_without_opinion_follows(
    process: Make, local_braintrust: LocalServer
) -> None:
    processor, tracer = process(project="first", route=lambda span: None)
    own = {"braintrust.parent": "project_name:said"}
    with tracer.start_as_current_span("root", attributes=own):
        tracer.start_span("child").end()
    assert processor.flush(10.0).ok
    assert set(scores_of(local_braintrust, "said")) == {"root", "child"}


@pytest.mark.parametrize("say", [lambda span: span, export_span], ids=["span", "slug"])
def test_nothing_is_sent_of_a_trace_that_was_left_out(
    process: Make,
    local_braintrust: LocalServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    say: Callable[[Any], Any],
) -> None:
    processor, tracer = process(project="first", tail_ratio=0.0)
    monkeypatch.setattr("otel_braintrust.annotate.tracer", lambda: tracer)
    span = tracer.start_span("quiet")
    span.end()
    assert processor.flush(5.0).filtered == 1
    log_feedback(say(span), scores={"thumbs": 1}, comment="well done")
    score_span(say(span), helpful=1)
    with trace.use_span(span, end_on_exit=False):
        tracer.start_span("late", attributes={"braintrust.scores": '{"late": 1}'}).end()
    assert processor.flush(5.0).filtered == 2
    deadline = time.monotonic() + 10
    while "2 feedback or updates lost" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "was not sent itself" in caplog.text
    assert local_braintrust.rows("first") == []


@pytest.mark.parametrize("way", ["span", "slug", "id"])
def test_a_trace_that_somebody_speaks_of_is_kept(
    process: Make, local_braintrust: LocalServer, way: str
) -> None:
    processor, tracer = process(project="first", tail_ratio=0.0)
    with tracer.start_as_current_span("root"):
        child = tracer.start_span("child")
        row_id = format(child.get_span_context().span_id, "016x")
        child.end()
        target = {"span": child, "slug": export_span(child), "id": row_id}[way]
        log_feedback(target, scores={"thumbs": 1})
    assert processor.flush(10.0).ok
    assert scores_of(local_braintrust, "first") == {"root": {}, "child": {"thumbs": 1}}
