"""Spans that come again get the row that they would have got as the first of their kind."""

from __future__ import annotations

import dataclasses
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_braintrust.traces import TraceAssembler
from otel_braintrust.translation import OtlpSpan, translate
from otel_braintrust.translation.conventions import DISPATCH
from otel_braintrust.translation.otlp import decode
from otel_braintrust.translation.recurring import Recurring
from otel_braintrust.translation.span import SpanEvent
from otel_braintrust.translation.strict import strict
from tests.translation.conformance import CORPUS
from tests.translation.test_any_span import TELLING, keys

EXAMPLES = int(os.environ.get("TRANSLATION_EXAMPLES", "300"))
CASES = sorted(CORPUS.glob("*/*/spans.otlp.json"))

# What an SDK's attributes can hold.
hashable = st.one_of(
    st.booleans(),
    st.integers(-10, 10_000),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.sampled_from(TELLING),
    st.sampled_from(["chat", "gpt-4o", "openai", "invoke_agent", "LLM"]),
    st.tuples(st.text(max_size=5), st.text(max_size=5)),
)


def _as_in_the_sdk(value: Any) -> Any:
    return tuple(map(_as_in_the_sdk, value)) if isinstance(value, list) else value


def _recorded(case: Path) -> Iterator[OtlpSpan]:
    for span in decode(case.read_bytes()).spans:
        assert isinstance(span, OtlpSpan)
        attributes = {key: _as_in_the_sdk(value) for key, value in span.attributes.items()}
        yield dataclasses.replace(span, attributes=attributes)


def _with_other_values(span: OtlpSpan) -> OtlpSpan:
    """The same call another time: other counts, longer texts."""

    def other(value: Any) -> Any:
        if type(value) is int:
            return value + 1
        is_plain = isinstance(value, str) and len(value) > 12 and value[0] not in '{["'
        return value + "!" if is_plain else value

    attributes = {key: other(value) for key, value in span.attributes.items()}
    return dataclasses.replace(span, attributes=attributes)


# What another span of the shape may have where the recorded one has something else.
ODD: tuple[Any, ...] = (
    *("", "null", "None", "[]", "{}", "x", "12", "N/A", "[REDACTED]", '"quoted"', "{cut", "[1"),
    *(
        0,
        1,
        -1,
        7,
        2**60,
        2.5,
        -0.5,
        True,
        False,
        ("a", "b"),
        (),
        "{'a': 1}",
        ' {"a": 1}',
        "\ud800",
    ),
    "2024-01-01T00:00:00Z",
    json.dumps([{"role": "user", "content": "hi"}]),
    json.dumps({"messages": [{"role": "user", "content": "q"}], "model": "m-1", "tools": []}),
    json.dumps(
        {
            "model": "gpt-x",
            "usage": {"prompt_tokens": 3, "completion_tokens": 4},
            "choices": [{"message": {"role": "assistant", "content": "a"}}],
        }
    ),
    json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "a"}]}]),
    json.dumps(
        [
            {"role": "tool", "content": "22 degrees", "tool_call_id": "c"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "name": "f"}]},
        ]
    ),
    json.dumps({"prompt_tokens": 3, "completion_tokens": 4, "cache_read_input_tokens": 9}),
    json.dumps({"ls_provider": "anthropic", "ls_model_name": "claude", "model": "z", "user": 1}),
    json.dumps({"inputs": {"a": 1}, "tags": ["t"], "metadata": {"model": "k"}, "kwargs": {"x": 1}}),
    json.dumps({"output": "o"}),
)
# Attributes under the names of entries that others give.
IN_THE_WAY = ("model", "temperature", "session_id", "attributes", "resource", "prompt", "links")


def _assert_as_the_first_time(recurring: Recurring, span: OtlpSpan) -> None:
    row, _ = recurring.make(span)
    if row is not None:  # else a placeholder, which only the whole way finds
        assert strict(row) == translate(span)


def _assert_all_as_the_first_time(recurring: Recurring, spans: list[OtlpSpan]) -> None:
    rows = [row for row, _ in recurring.make_all(spans)]
    for row, span in zip(rows, spans, strict=True):
        if row is not None:
            assert strict(row) == translate(span)


@pytest.mark.parametrize("producer", sorted({case.parts[-3] for case in CASES}))
def test_a_recorded_span_is_translated_alike_each_time(producer: str) -> None:
    for case in (case for case in CASES if case.parts[-3] == producer):
        recurring, spans = Recurring(), list(_recorded(case))
        for span in spans:
            again = _with_other_values(span)
            for each in (span, span, span, again, again, again, span):
                _assert_as_the_first_time(recurring, each)
        _assert_all_as_the_first_time(recurring, [*spans, *map(_with_other_values, spans)])


@pytest.mark.parametrize("producer", sorted({case.parts[-3] for case in CASES}))
def test_a_recorded_span_with_any_other_value_is_translated_as_if_it_were_the_first(
    producer: str,
) -> None:
    chosen = random.Random(producer)
    for case in (case for case in CASES if case.parts[-3] == producer):
        for span in _recorded(case):
            recurring = Recurring()
            for _ in range(4):
                recurring.make(span)
            varying = [key for key in span.attributes if DISPATCH.route(key).varies]
            others = []
            for key in varying * (EXAMPLES // 300):
                other = {**span.attributes, key: chosen.choice(ODD)}
                if chosen.random() < 0.1:
                    other[chosen.choice(IN_THE_WAY)] = chosen.choice(ODD)
                again = dataclasses.replace(span, attributes=other)
                _assert_as_the_first_time(recurring, again)
                others += [again, _with_other_values(span)]
            _assert_all_as_the_first_time(recurring, others)


def _with_other_events(span: OtlpSpan, chosen: random.Random) -> OtlpSpan:
    """The same call with one event told otherwise, or twice, or not at all."""
    events = list(span.events)
    place = chosen.randrange(len(events))
    event = events.pop(place)
    told = {**event.attributes, chosen.choice([*event.attributes, "id"]): chosen.choice(ODD)}
    copies = chosen.choice([0, 1, 1, 1, 2])
    events[place:place] = [dataclasses.replace(event, attributes=told)] * copies
    return dataclasses.replace(span, events=events)


@pytest.mark.parametrize("producer", sorted({case.parts[-3] for case in CASES}))
def test_a_recorded_span_with_other_events_is_translated_as_if_it_were_the_first(
    producer: str,
) -> None:
    chosen = random.Random(producer)  # the same in each run
    for case in (case for case in CASES if case.parts[-3] == producer):
        for span in _recorded(case):
            if not span.events or any(event.name == "exception" for event in span.events):
                continue
            recurring = Recurring()
            for _ in range(4):
                recurring.make(span)
            for _ in range(EXAMPLES // 15):
                _assert_as_the_first_time(recurring, _with_other_events(span, chosen))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), named=st.lists(keys, max_size=8, unique=True))
def test_spans_with_the_same_keys_and_any_values_are_translated_alike_each_time(
    data: st.DataObject, named: list[str]
) -> None:
    def draw() -> OtlpSpan:
        values = {key: data.draw(hashable) for key in named}
        return OtlpSpan("1" * 32, "2" * 16, "call", start_ns=5, end_ns=9, attributes=values)

    recurring = Recurring()
    first, second = draw(), draw()
    for span in (first, first, first, second, second, second, first, second):
        _assert_as_the_first_time(recurring, span)


def _chat(number: int) -> OtlpSpan:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.id": f"chatcmpl-{number}",
        "gen_ai.usage.input_tokens": number,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.input.messages": json.dumps(
            [{"role": "user", "parts": [{"type": "text", "content": str(number)}]}]
        ),
        "request": f"r{number}",
    }
    return OtlpSpan("1" * 32, f"{number:016x}", "chat gpt-4o", start_ns=5, attributes=attributes)


def test_spans_of_one_shape_keep_their_own_texts_counts_and_ids() -> None:
    rows = [entry.row for entry in TraceAssembler().assemble([_chat(n) for n in range(1, 9)])]

    for number, row in enumerate(rows, start=1):
        assert row is not None
        assert row["input"] == [{"role": "user", "content": str(number)}]
        assert row["metrics"]["prompt_tokens"] == number
        assert row["metadata"]["response_id"] == f"chatcmpl-{number}"
        assert row["metadata"]["request"] == f"r{number}"
        assert row["metadata"]["temperature"] == 0.5


def test_the_third_span_of_a_shape_is_filled_into_its_form() -> None:
    recurring = Recurring()
    for number in range(1, 11):
        # A tracer made for each span, as many applications do it.
        recurring.make(dataclasses.replace(_chat(number), scope_name=f"sc{'ope'}"))
    assert recurring.filled >= 6


def test_spans_with_events_are_filled_in_however_many_messages_their_events_tell() -> None:
    def conversation(length: int) -> OtlpSpan:
        said = [SpanEvent("gen_ai.user.message", {"content": f"{n}"}, 5) for n in range(length)]
        return dataclasses.replace(_chat(length), events=said, attributes={"gen_ai.system": "x"})

    recurring = Recurring()
    for length in range(1, 11):
        _assert_as_the_first_time(recurring, conversation(length))
    assert recurring.filled >= 6


def test_a_users_attribute_does_not_stand_for_a_parameter_that_a_payload_names() -> None:
    def call(request: dict[str, Any]) -> OtlpSpan:
        attributes = {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o",
            "temperature": "warm",
            "input.value": json.dumps({"messages": [{"role": "user", "content": "?"}], **request}),
        }
        return OtlpSpan("1" * 32, "2" * 16, "call", start_ns=5, attributes=attributes)

    recurring = Recurring()
    for _ in range(5):
        _assert_as_the_first_time(recurring, call({}))
    row, _ = recurring.make(call({"temperature": 0.5}))

    assert row is not None
    assert row["metadata"]["temperature"] == 0.5
    assert row["metadata"]["attributes"] == {"temperature": "warm"}


def test_payloads_of_one_form_may_name_other_models() -> None:
    def call(model: str) -> OtlpSpan:
        answer = {"model": model, "choices": [{"message": {"role": "assistant", "content": "!"}}]}
        attributes = {"openinference.span.kind": "LLM", "output.value": json.dumps(answer)}
        return OtlpSpan("1" * 32, "2" * 16, "call", start_ns=5, attributes=attributes)

    recurring = Recurring()
    for model in ["gpt-4o"] * 4 + ["claude-sonnet-4-5", "gemini-2.5-pro", "gpt-4o", "unheard-of"]:
        _assert_as_the_first_time(recurring, call(model))
    assert recurring.filled >= 5


def test_resources_that_say_the_same_share_forms_and_others_do_not() -> None:
    recurring = Recurring()
    for number in range(1, 41):
        resource = {"service.name": "shop", "shard": (1, 1.0, True)[number % 3]}
        span = dataclasses.replace(_chat(number), resource=resource)
        _assert_as_the_first_time(recurring, span)
        row, _ = recurring.make(span)
        assert row is not None
        assert type(row["metadata"]["resource"]["shard"]) is type(resource["shard"])
    assert recurring.filled >= 60


def test_spans_that_never_come_again_are_not_looked_up_for_long() -> None:
    recurring = Recurring()
    for number in range(2000):
        span = dataclasses.replace(_chat(1), name=f"chat {number}")
        _assert_as_the_first_time(recurring, span)
    assert recurring.filled == 0
    for number in range(5000):
        recurring.make(_chat(number))
    assert recurring.filled > 0


def test_a_row_that_is_changed_changes_no_other_row_of_its_shape() -> None:
    assembler = TraceAssembler(strict_rows=False)
    for entry in assembler.assemble([_chat(n) for n in range(1, 9)]):
        assert entry.row is not None
        entry.row["metadata"]["model"] = "changed"
        entry.row["span_attributes"]["type"] = "changed"
        entry.row["context"]["caller_filename"] = "changed"

    (last,) = assembler.assemble([_chat(20)])
    assert last.row == translate(_chat(20))


@pytest.mark.parametrize("value", [1, 1.0, True, "1"])
def test_equal_values_of_other_types_are_kept_apart(value: Any) -> None:
    recurring = Recurring()
    for each in (1, 1, 1, 1.0, True, "1", value):
        span = dataclasses.replace(_chat(1), attributes={"gen_ai.request.seed": each})
        row, _ = recurring.make(span)
        assert row is not None
        assert type(row["metadata"]["seed"]) is type(translate(span)["metadata"]["seed"])


def test_an_event_with_attributes_that_are_put_together_is_read_though_those_before_had_none() -> (
    None
):
    told = {"gen_ai.input.messages": json.dumps([{"role": "user", "content": "hi"}])}
    more = {"llm.cost.prompt": 0.25, "llm.cost.completion": 0.5}
    recurring = Recurring()
    for number in (1, 2, 3, 4, 5, 6):
        attributes = {**told, **more} if number > 4 else told
        event = SpanEvent("gen_ai.client.inference.operation.details", attributes, 7)
        _assert_as_the_first_time(recurring, dataclasses.replace(_chat(number), events=[event]))
