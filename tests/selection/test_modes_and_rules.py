"""Which spans go: by mode, rule and function, and what they hang on then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from otel_braintrust import attributes, log, passage
from otel_braintrust.processor import BraintrustSpanProcessor
from otel_braintrust.selection import INFRASTRUCTURE_SCOPES, Rule, RuleError, read_rules
from otel_braintrust.settings import SettingsError
from tests.selection.conftest import DATABASE, HTTP, Pipeline

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
REMOTE = trace.set_span_in_context(
    NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(1)))
)
Make = Callable[..., Pipeline]


def serve_requests(made: Pipeline) -> None:
    """A request with an agent in it, a health check, and a span of the application's own."""
    http, database = made.tracer(HTTP), made.tracer(DATABASE)
    with http.start_as_current_span("GET /chat", context=REMOTE):
        database.start_span("SELECT").end()
        with (
            http.start_as_current_span("middleware"),
            made.tracer().start_as_current_span("agent"),
        ):
            with http.start_as_current_span("POST"):
                pass
            with database.start_as_current_span("transaction"):
                made.tracer("openai").start_span("chat", attributes=CHAT).end()
    with http.start_as_current_span("GET /health"), database.start_as_current_span("ping"):
        pass
    made.tracer().start_span("own").end()


def test_by_default_infrastructure_goes_only_where_something_is_beneath_it(pipeline: Make) -> None:
    made = pipeline()
    serve_requests(made)
    made.flush()
    assert made.parents == {
        "GET /chat": "0000000000000def",
        "middleware": "GET /chat",
        "agent": "middleware",
        "transaction": "agent",
        "chat": "transaction",
        "own": None,
    }
    counts = made.processor.ledger
    assert (counts.ended, counts.sent, counts.filtered) == (10, 6, 4)
    marked = [
        row["span_attributes"]["name"]
        for row in made.server.rows.values()
        if (row.get("context") or {}).get("local_root")
    ]
    assert marked == ["GET /chat"]


@pytest.mark.parametrize("way", ["argument", "variable", "specified variable"])
def test_in_ai_mode_only_ai_spans_go_and_make_one_tree(
    pipeline: Make, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    variables = {"variable": ("OTEL_BRAINTRUST_SPANS", "AI")}
    variables["specified variable"] = ("BRAINTRUST_FILTER_AI_SPANS", "true")
    if way in variables:
        monkeypatch.setenv(*variables[way])
    made = pipeline(**({"spans": "ai"} if way == "argument" else {}))
    serve_requests(made)
    made.flush()
    assert made.parents == {"chat": "0000000000000def"}
    assert made.processor.ledger.filtered == 9


def test_an_argument_goes_before_the_specified_variable(
    pipeline: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINTRUST_FILTER_AI_SPANS", "true")
    made = pipeline(spans="all")
    serve_requests(made)
    made.flush()
    assert made.processor.ledger.sent == 10


def test_where_a_span_goes_does_not_make_it_an_ai_span(pipeline: Make) -> None:
    made = pipeline(spans="ai")
    context = baggage.set_baggage("braintrust.parent", "project_id:p")
    with made.tracer().start_as_current_span("plain", context=context):
        made.tracer().start_span("own", attributes={"braintrust.parent": "project_id:q"}).end()
        made.tracer().start_span("scored", attributes={"braintrust.scores": "{}"}).end()
    made.flush()
    assert made.parents == {"scored": None}
    assert made.places == {"scored": "p"}


def test_an_ai_parent_known_at_its_start_holds_nothing_back(pipeline: Make) -> None:
    made = pipeline(spans="ai")
    with made.tracer().start_as_current_span("agent", attributes={"gen_ai.agent.name": "a"}):
        made.tracer().start_span("chat", attributes=CHAT).end()
        assert made.processor.flush(10.0).sent == 1
    made.flush()
    assert made.parents == {"agent": None, "chat": "agent"}


def test_a_parent_that_becomes_an_ai_span_keeps_its_children(pipeline: Make) -> None:
    made = pipeline(spans="ai")
    with made.tracer().start_as_current_span("outer"):  # noqa: SIM117  (the nesting is the trace)
        with made.tracer().start_as_current_span("agent") as agent:
            made.tracer().start_span("chat", attributes=CHAT).end()
            assert made.processor.ledger.pending == 1
            agent.set_attribute("gen_ai.agent.name", "a")
    made.flush()
    assert made.parents == {"agent": None, "chat": "agent"}


def test_a_model_call_of_an_infrastructure_scope_goes(pipeline: Make) -> None:
    made = pipeline()
    scope = "opentelemetry.instrumentation.botocore"
    with made.tracer(HTTP).start_as_current_span("GET /chat"):
        made.tracer(f"{scope}.bedrock-runtime").start_span("ApplyGuardrail").end()
        made.tracer(scope).start_span("chat claude", attributes=CHAT).end()
        for service in ("Bedrock Agent Runtime", "S3"):
            made.tracer(scope).start_span(service, attributes={"rpc.service": service}).end()
    made.flush()
    assert made.parents == {
        "GET /chat": None,
        "ApplyGuardrail": "GET /chat",
        "chat claude": "GET /chat",
        "Bedrock Agent Runtime": "GET /chat",
    }


def test_function_rules_and_mode_are_asked_in_this_order(pipeline: Make) -> None:
    asked: list[str] = []

    def judge(span: Any) -> bool | None:
        asked.append(span.name)
        return {"keep me": True, "drop me": False}.get(span.name)

    made = pipeline(
        span_filter=judge,
        span_rules=[
            "drop name=keep*; keep name=rule keeps; drop http.route=/a*",
            Rule(keep=False, scope="noisy.*"),
        ],
    )
    made.tracer(HTTP).start_span("keep me").end()
    made.tracer().start_span("keep me not").end()
    made.tracer().start_span("drop me").end()
    made.tracer("noisy.library").start_span("rule keeps").end()
    made.tracer("noisy.library").start_span("noise").end()
    made.tracer().start_span("route", attributes={"http.route": "/admin"}).end()
    made.tracer().start_span("other").end()
    made.tracer(HTTP).start_span("GET /health").end()
    made.flush()
    assert made.parents == {"keep me": None, "rule keeps": None, "other": None}
    assert len(asked) == 8


def test_a_dropped_parent_is_passed_over_also_when_it_ends_last(pipeline: Make) -> None:
    made = pipeline(span_rules="drop name=step *")
    with made.tracer().start_as_current_span("root"):  # noqa: SIM117  (the nesting is the trace)
        with made.tracer().start_as_current_span("step 1"):
            with made.tracer().start_as_current_span("step 2"):
                made.tracer().start_span("chat", attributes=CHAT).end()
    made.flush()
    assert made.parents == {"root": None, "chat": "root"}


def test_what_waits_for_a_span_that_never_ends_goes_by_itself(
    pipeline: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passage, "HOLD_S", 0.2)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    made = pipeline(spans="ai")
    session = made.tracer().start_span("session")
    context = trace.set_span_in_context(session)
    made.tracer().start_span("chat", context=context, attributes=CHAT).end()
    deadline = time.monotonic() + 20
    while not made.server.rows and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert made.parents == {"chat": None}
    session.end()


def test_beneath_a_function_s_judgement_spans_wait_as_long_as_agents_run(
    pipeline: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passage, "HOLD_S", 0.05)
    made = pipeline(span_filter=lambda span: None)
    with made.tracer().start_as_current_span("agent"):
        made.tracer().start_span("chat", attributes=CHAT).end()
        assert made.processor.ledger.pending == 1
        threading.Event().wait(0.2)
        made.tracer().start_span("more", attributes=CHAT).end()
        assert made.processor.ledger.pending == 2
    made.flush()
    assert made.parents == {"agent": None, "chat": "agent", "more": "agent"}


def test_a_function_that_fails_keeps_the_span_and_is_told_once(
    pipeline: Make, caplog: pytest.LogCaptureFixture
) -> None:
    made = pipeline(span_filter=lambda span: 1 / 0)
    for name in ("a", "b", "c"):
        made.tracer().start_span(name).end()
    made.flush()
    assert set(made.parents) == {"a", "b", "c"}
    assert caplog.text.count("span_filter failed (ZeroDivisionError)") == 1


def test_the_function_sees_the_span_as_it_was_made(pipeline: Make) -> None:
    seen: list[dict[str, Any]] = []
    made = pipeline(span_filter=lambda span: seen.append(dict(span.attributes)))
    context = baggage.set_baggage("braintrust.parent", "project_id:p")
    made.tracer().start_span("a", context=context, attributes={"k": 1}).end()
    made.flush()
    assert seen == [{"k": 1}]
    assert made.places == {"a": "p"}


def test_scopes_of_ones_own_can_be_infrastructure(pipeline: Make) -> None:
    made = pipeline(infrastructure_scopes="acme.cache, acme.queue")
    for scope in ("acme.cache.reads", "acme.queue", "acme.cached"):
        made.tracer(scope).start_span(scope).end()
    made.flush()
    assert set(made.parents) == {"acme.cached"}


def test_no_scope_of_models_agents_or_vector_databases_is_infrastructure() -> None:
    names = (
        "openai openai_v2 openai_agents anthropic langchain llamaindex bedrock vertexai cohere "
        "google_genai google_generativeai groq mistralai ollama together replicate watsonx mcp "
        "transformers sagemaker crewai agno haystack chromadb pinecone qdrant weaviate milvus "
        "lancedb marqo writer voyageai alephalpha"
    )
    scopes = {f"opentelemetry.instrumentation.{name}" for name in names.split()}
    assert not scopes & INFRASTRUCTURE_SCOPES
    assert not any(each.startswith("openinference") for each in INFRASTRUCTURE_SCOPES)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("skip name=a", "neither keep nor drop"),
        ("drop", "no condition"),
        ("keep name", "'name' is no condition"),
        ("keep =a", "'=a' is no condition"),
    ],
)
def test_a_rule_that_cannot_be_read_is_quoted(text: str, why: str) -> None:
    with pytest.raises(RuleError, match=why):
        read_rules(text)
    with pytest.raises(SettingsError, match="span_rules"):
        make_with_rules(text)


def make_with_rules(text: str) -> None:
    BraintrustSpanProcessor(api_key="sk-test-12345", span_rules=text)


def test_a_sampled_span_under_an_unsampled_parent_is_told_once(
    pipeline: Make, caplog: pytest.LogCaptureFixture
) -> None:
    made = pipeline()
    made.provider = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    made.provider.add_span_processor(made.processor)
    for is_remote, name in ((True, "remote"), (False, "local")):
        parent = SpanContext(0xABC, 0xDEF, is_remote=is_remote, trace_flags=TraceFlags(0))
        context = trace.set_span_in_context(NonRecordingSpan(parent))
        made.tracer().start_span(name, context=context).end()
    made.flush()
    assert made.parents == {"remote": "0000000000000def", "local": None}
    assert caplog.text.count("parent is not") == 1


def tags_of(made: Pipeline) -> dict[str, list[str]]:
    return {
        row["span_attributes"]["name"]: row["tags"]
        for row in made.server.rows.values()
        if row.get("tags")
    }


def test_a_process_that_calls_itself_has_one_whole_tree(pipeline: Make) -> None:
    made = pipeline()
    http = made.tracer(HTTP)

    def serve(name: str) -> None:
        headers: dict[str, str] = {}
        with http.start_as_current_span(f"POST {name}"):
            propagate.inject(headers)
            with http.start_as_current_span(name, context=propagate.extract(headers)):
                if name == "/chat":
                    made.tracer().start_span("chat", attributes=CHAT).end()

    with made.tracer().start_as_current_span("client"):
        serve("/chat")
        serve("/health")
    made.flush()
    assert made.parents == {
        "client": None,
        "POST /chat": "client",
        "/chat": "POST /chat",
        "chat": "/chat",
    }
    assert not any(
        (row.get("context") or {}).get("local_root") for row in made.server.rows.values()
    )


def test_tags_rise_to_the_root_of_what_goes(pipeline: Make) -> None:
    made = pipeline(spans="ai")
    agent_attributes = {"gen_ai.agent.name": "a", "braintrust.tags": ["of the agent"]}
    with attributes(tags=["of the block"]), made.tracer().start_as_current_span("session"):  # noqa: SIM117  (the nesting is the trace)
        with made.tracer().start_as_current_span("agent", attributes=agent_attributes):
            call = made.tracer().start_span("chat", attributes=CHAT)
            call.set_attribute("braintrust.tags", ["of the call"])
            call.end()
            log(tags=["said"])
    made.flush()
    assert made.parents == {"agent": None, "chat": "agent"}
    assert {name: set(tags) for name, tags in tags_of(made).items()} == {
        "agent": {"of the block", "of the agent", "of the call", "said"}
    }


def test_tags_find_the_root_of_what_goes_while_the_one_above_is_still_open(pipeline: Make) -> None:
    made = pipeline(span_rules="drop scope=noise")
    with made.tracer("noise").start_as_current_span("session") as session:
        session.set_attribute("langfuse.trace.tags", ["of the session"])
        for name in ("a", "b"):
            with made.tracer().start_as_current_span(name):
                child = {"tag.tags": [f"beneath {name}"]}
                made.tracer().start_span(f"child of {name}", attributes=child).end()
        made.flush()
        found = {name: set(tags) for name, tags in tags_of(made).items()}
        assert found["a"] == {"of the session", "beneath a"}
        assert found["b"] >= {"of the session", "beneath b"}
        assert set(found) == {"a", "b"}


class OddAnswer:
    """Neither true nor false."""

    def __bool__(self) -> bool:
        raise ValueError("neither")


def raises(error: BaseException) -> Any:
    raise error


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        (lambda span: OddAnswer(), "ValueError"),
        (lambda span: raises(SystemExit(3)), "SystemExit"),
        (lambda span: raises(RecursionError()), "RecursionError"),
        (lambda span: span.no_such_thing, "AttributeError"),
        (lambda: True, "TypeError"),
    ],
)
def test_whatever_the_function_does_the_span_is_kept(
    pipeline: Make, caplog: pytest.LogCaptureFixture, judge: Any, told: str
) -> None:
    made = pipeline(span_filter=judge, route=lambda span: raises(SystemExit(3)))
    made.tracer().start_span("a").end()
    made.flush()
    assert set(made.parents) == {"a"}
    assert f"span_filter failed ({told})" in caplog.text
    assert "route failed (SystemExit)" in caplog.text


def test_spans_that_the_functions_make_are_not_asked_for(pipeline: Make) -> None:
    asked: list[str] = []

    def ask(span: Any) -> None:
        asked.append(span.name)
        with made.tracer().start_as_current_span("of the function"):
            pass

    made = pipeline(span_filter=ask, route=ask)
    made.tracer().start_span("a").end()
    made.flush()
    assert asked == ["a", "a"]
    assert set(made.parents) == {"a"}
    assert (made.processor.ledger.sent, made.processor.ledger.filtered) == (1, 2)
