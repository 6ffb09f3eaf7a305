"""To which project each span goes, and which whole traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import StatusCode

from otel_braintrust import export_span
from tests.scripted_server import ScriptedServer
from tests.selection.conftest import HTTP, Pipeline

Make = Callable[..., Pipeline]


def by_tenant(span: Any) -> str | None:
    name = span.attributes.get("tenant")
    return f"project_id:{name}" if name else None


def test_a_function_routes_a_span_and_what_is_beneath_it(pipeline: Make) -> None:
    made = pipeline(route=by_tenant)
    tracer = made.tracer()
    for name in ("a", "b"):
        with tracer.start_as_current_span(f"root {name}", attributes={"tenant": name}):  # noqa: SIM117  (the nesting is the trace)
            with tracer.start_as_current_span(f"child {name}"):
                tracer.start_span(f"grandchild {name}").end()
                own = {"braintrust.parent": "experiment_id:e"}
                tracer.start_span(f"own {name}", attributes=own).end()
                said = context.set_value("braintrust.parent", "project_id:said")
                said = trace.set_span_in_context(trace.get_current_span(), said)
                tracer.start_span(f"said {name}", context=said).end()
    tracer.start_span("none").end()
    made.flush()
    expected = {"none": "id-of-default"}
    for name in ("a", "b"):
        family = ("root", "child", "grandchild")
        expected |= {f"{each} {name}": name for each in family}
        expected |= {f"own {name}": "e", f"said {name}": "said"}
    assert made.places == expected


def test_baggage_names_projects_and_experiments_and_nothing_else(pipeline: Make) -> None:
    made = pipeline()
    with made.tracer().start_as_current_span("slugged") as span:
        slug = export_span(span)
    said = {
        "slug": slug,
        "nothing": "project_id: ",
        "unknown": "dataset_id:d",
        "number": 5,
        "project": "project_id:p",
        "experiment": " experiment_id:e",
    }
    for name, value in said.items():
        said_there = baggage.set_baggage("braintrust.parent", value)
        made.tracer().start_span(name, context=said_there).end()
    made.flush()
    assert made.places == dict.fromkeys(
        ("slugged", "slug", "nothing", "unknown", "number"), "id-of-default"
    ) | {"project": "p", "experiment": "e"}
    assert set(made.parents.values()) == {None}


def test_a_route_that_fails_or_is_no_text_is_no_opinion_and_told_once(
    pipeline: Make, caplog: pytest.LogCaptureFixture
) -> None:
    answers: dict[str, Any] = {"number": 5, "nothing": None, "blank": " "}
    made = pipeline(route=lambda span: answers[span.name])
    for name in ("number", "nothing", "blank", "missing"):
        made.tracer().start_span(name).end()
    made.flush()
    assert set(made.places.values()) == {"id-of-default"}
    assert len(made.places) == 4
    assert caplog.text.count("route failed") == 1


def test_several_keys_on_one_provider_each_get_their_own(pipeline: Make) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    servers: dict[str, ScriptedServer] = {}
    made: dict[str, Pipeline] = {}
    for name in ("a", "b"):
        servers[name] = ScriptedServer()
        servers[name].start()
        made[name] = pipeline(
            provider=provider,
            api_key=f"sk-{name}-12345",
            app_url=servers[name].url,
            route=lambda span, name=name: (
                None if span.attributes.get("tenant", name) == name else False
            ),
        )
        made[name].server = servers[name]
    tracer = provider.get_tracer("application")
    http = provider.get_tracer(HTTP)
    for name in ("a", "b"):
        with http.start_as_current_span(f"GET {name}"):  # noqa: SIM117  (the nesting is the trace)
            with tracer.start_as_current_span(f"agent {name}", attributes={"tenant": name}):
                http.start_span(f"POST {name}").end()
                tracer.start_span(f"chat {name}").end()
    for name, each in made.items():
        each.flush()
        assert each.parents == {
            f"GET {name}": None,
            f"agent {name}": f"GET {name}",
            f"chat {name}": f"agent {name}",
        }
        keys = {request.headers["Authorization"] for request in servers[name].posts()}
        assert keys == {f"Bearer sk-{name}-12345"}
    for each in made.values():
        each.processor.shutdown(timeout_millis=1000)
    for running in servers.values():
        running.stop()


def test_of_quiet_traces_a_share_goes_and_of_others_all(pipeline: Make) -> None:
    made = pipeline(tail_ratio=0.25, tail_slow_s=5.0)
    tracer = made.tracer()
    for index in range(200):
        with tracer.start_as_current_span(f"quiet {index}"):
            tracer.start_span(f"quiet child {index}").end()
    with tracer.start_as_current_span("root of error"):
        tracer.start_span("before").end()
        with tracer.start_as_current_span("error") as span:
            span.set_status(StatusCode.ERROR)
        tracer.start_span("after").end()
    slow = tracer.start_span("slow", start_time=1_000_000_000)
    slow.end(end_time=9_000_000_000)
    with tracer.start_as_current_span("root of score"):
        tracer.start_span("scored", attributes={"braintrust.scores": '{"a": 1}'}).end()
    made.flush()
    parents = made.parents
    quiet = {name for name in parents if name.startswith("quiet")}
    assert 20 <= len(quiet) / 2 <= 90
    for name in quiet:
        if "child" in name:
            assert parents[name] == name.replace(" child", "")
    assert set(parents) - quiet == {
        "root of error", "before", "error", "after", "slow", "root of score", "scored",
    }  # fmt: skip
    counts = made.processor.ledger
    assert counts.ended == 407 == counts.sent + counts.filtered
    assert len(made.processor._passage._sampling or ()) == 0


def test_a_trace_that_outgrows_the_limits_goes(pipeline: Make) -> None:
    made = pipeline(tail_ratio=0.0, tail_max_bytes=100_000)
    with made.tracer().start_as_current_span("root"):
        for index in range(100):
            made.tracer().start_span(f"child {index}", attributes={"x": "y" * 500}).end()
    made.tracer().start_span("alone").end()
    made.flush()
    assert len(made.parents) == 101


def test_feedback_keeps_a_trace_and_is_told_of_one_left_out(pipeline: Make) -> None:
    made = pipeline(tail_ratio=0.0)
    with made.tracer().start_as_current_span("rated") as span:
        rated = span.get_span_context().trace_id
        made.processor.keep_trace(rated)
    left_out = made.tracer().start_span("left out")
    left_out.end()
    made.flush()
    assert set(made.parents) == {"rated"}
    assert made.processor.is_left_out(left_out.get_span_context().trace_id)
    assert not made.processor.is_left_out(rated)
