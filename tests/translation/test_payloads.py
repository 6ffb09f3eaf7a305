"""Payloads beside messages: what they say once more, and what they say besides."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otel_braintrust.translation import OtlpSpan, translate
from otel_braintrust.translation.recurring import Recurring
from otel_braintrust.translation.strict import strict

LANGCHAIN = ["langchain", "schema", "messages", "HumanMessage"]


def _tool(name: str, told: str = "Looks something up.") -> dict[str, Any]:
    schema = {"type": "object", "properties": {"city": {"type": "string", "minLength": 3}}}
    return {"name": name, "description": told, "input_schema": schema}


def _call(question: str, tools: list[dict[str, Any]], **further: Any) -> OtlpSpan:
    asked = {"role": "user", "content": question}
    request = {"model": "claude-sonnet-4-5", "messages": [asked], "tools": tools, **further}
    attributes = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "claude-sonnet-4-5",
        "llm.tools.0.tool.json_schema": json.dumps(_tool("weather")),
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": question,
        "input.value": json.dumps(request),
    }
    return OtlpSpan("1" * 32, "2" * 16, "call", start_ns=5, end_ns=9, attributes=attributes)


def _task(value: Any) -> OtlpSpan:
    attributes = {"openinference.span.kind": "CHAIN", "input.value": json.dumps(value)}
    return OtlpSpan("1" * 32, "2" * 16, "chain", start_ns=5, end_ns=9, attributes=attributes)


def _rows(spans: list[OtlpSpan]) -> list[Any]:
    recurring = Recurring()
    return [strict(row) for span in spans for row, _ in [recurring.make(span)]]


def test_tools_that_come_with_each_request_are_told_as_with_the_first() -> None:
    others = [_tool("weather"), _tool("other", "Nobody else says so.")]
    sets = [[_tool("weather")]] * 6 + [others] * 6 + [[_tool("weather")]] * 2
    spans = [_call(f"question {number}", tools) for number, tools in enumerate(sets)]
    assert _rows(spans) == [translate(span) for span in spans]
    rest = translate(_call("one more", others))["metadata"]["input.value"]
    assert rest["tools"] == [{"name": "other", "description": "Nobody else says so."}]


def test_more_sets_of_tools_than_are_remembered_are_all_told() -> None:
    sets = [[_tool("weather"), _tool(f"tool_{number % 9}")] for number in range(30)]
    spans = [_call(f"question {number}", tools) for number, tools in enumerate(sets)]
    assert _rows(spans) == [translate(span) for span in spans]


def test_a_row_that_somebody_changes_leaves_the_next_as_it_is() -> None:
    span = _call("question", [_tool("weather")])
    first = translate(span)
    first["metadata"]["tools"][0]["function"]["parameters"].clear()
    first["metadata"]["tools"].clear()
    assert translate(span)["metadata"]["tools"][0]["function"]["parameters"]["type"] == "object"


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        ({"seen": [1, 2.5, True]}, {"seen": [1, 2.5, True]}),
        ({"index": [0, 1]}, None),
        ({"index": 3, "total_tokens": 0}, None),
        ({"token_ids": [7, 0]}, {"token_ids": [7]}),
        ({"a": {"b": [{}, [], None, ""]}}, None),
        ({"a": [["x"], ["question"]]}, {"a": [["x"]]}),
        ({"a": "question", "b": '{"c": "question", "d": 4}'}, {"b": {"d": 4}}),
    ],
)
def test_what_a_request_says_besides_stays_in_the_metadata(said: Any, rest: Any) -> None:
    span = _call("question", [], **said)
    assert translate(span)["metadata"].get("input.value") == rest
    assert _rows([span] * 4) == [translate(span)] * 4


def test_messages_of_a_framework_are_found_wherever_they_stand() -> None:
    message = {"lc": 1, "type": "constructor", "id": LANGCHAIN, "kwargs": {"content": "hello"}}
    state = {"steps": [1, 2], "kept": {"a": [{"b": None}]}, "deep": [{"x": [message]}]}
    assert translate(_task(state))["input"] == {
        "steps": [1, 2],
        "kept": {"a": [{"b": None}]},
        "deep": [{"x": [{"role": "user", "content": "hello"}]}],
    }
