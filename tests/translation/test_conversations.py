"""A conversation is read the same whether its earlier turns are remembered or not."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_braintrust.traces import TraceAssembler
from otel_braintrust.translation import OtlpSpan, translate
from otel_braintrust.translation.conversations import Conversations
from otel_braintrust.translation.decoding import parse
from otel_braintrust.translation.messages import to_messages
from tests.translation.test_common_messages import message

EXAMPLES = int(os.environ.get("TRANSLATION_EXAMPLES", "500"))

# So long that texts which begin with it may be turns of one conversation.
FIRST = {"role": "user", "content": "Where? " * 50}

plain = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant"]), "content": st.sampled_from(["Hi", "Yes"])}
)
layouts = st.sampled_from(
    [{}, {"separators": (",", ":")}, {"indent": 1}, {"separators": ("\t,\n", ": ")}]
)
# How a text may end in place of the bracket at its end.
ENDINGS = (
    "]",
    " ]\n",
    "]]",
    "] []",
    "",
    ",]",
    ", ]",
    "\t,\r\n{}]",
    ", {]",
    "\u00a0]",
    "\u00a0, 1]",
    "7]",
    '7{"role": "user", "content": "Ho"}]',
    '"x"]',
    ", [], 7]",
    ', {"role": "user", "content": "\\ud800"}]',
    ', {"role": "user", "content": "Ho"}]',
    ', {"role": "tool", "content": "22"}, {"role": "tool", "content": "22"}]',
)


def _read(read: Any, text: str) -> Any:
    try:
        return read(text)
    except ValueError:
        return ValueError


def _converted(text: str) -> Any:
    return to_messages(parse(text))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    turns=st.lists(
        st.tuples(
            st.one_of(st.lists(plain, max_size=3), st.lists(message, max_size=2)),
            st.one_of(st.just("]"), st.sampled_from(ENDINGS)),
        ),
        max_size=8,
    ),
    layout=layouts,
)
def test_turns_of_a_conversation_are_read_as_if_each_were_the_first(
    turns: list[tuple[list[Any], str]], layout: dict[str, Any]
) -> None:
    conversations = Conversations(least_characters=0)
    said: list[Any] = [FIRST]
    for more, ending in turns:
        said += more
        text = json.dumps(said, **layout).removesuffix("]") + ending
        assert _read(conversations.messages_in, text) == _read(_converted, text)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("before", ENDINGS)
@pytest.mark.parametrize("stem", ["[" + " " * 300, json.dumps([FIRST])[:-1]])
def test_a_text_may_go_on_in_any_way_after_the_turn_before(
    stem: str, before: str, ending: str
) -> None:
    conversations = Conversations(least_characters=0)
    for end in (before, ending, ending):
        assert _read(conversations.messages_in, stem + end) == _read(_converted, stem + end)


def _turns(number: int, count: int) -> list[dict[str, Any]]:
    call = {"type": "tool_call", "id": "c1", "name": "find", "arguments": {"to": "LIS"}}
    result = {"type": "tool_call_response", "id": "c1", "response": [{"type": "image", "n": 1}]}
    said: list[dict[str, Any]] = [
        {"role": "user", "parts": [{"type": "text", "content": f"{number} " + "Where? " * 400}]}
    ]
    for _ in range(count):
        said.append({"role": "assistant", "parts": [call]})
        said.append({"role": "tool", "parts": [result]})
    return said


def _call(number: int, count: int) -> OtlpSpan:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 10 + count,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.input.messages": json.dumps(_turns(number, count)),
    }
    span_id = f"{number:08x}{count:08x}"
    return OtlpSpan(f"{number:032x}", span_id, "chat", 5, end_ns=9, attributes=attributes)


def test_the_calls_of_agents_that_run_side_by_side_have_all_of_their_messages() -> None:
    assembler = TraceAssembler()
    for count in range(12):
        calls = [_call(number, count) for number in range(1, 6)]
        rows = [entry.row for entry in assembler.assemble(calls)]
        assert rows == [translate(call) for call in calls]


def test_conversations_that_ended_are_forgotten() -> None:
    conversations = Conversations(max_characters=100_000)
    for number in range(1000):
        conversations.messages_in(json.dumps(_turns(number, 1)))
    assert 0 < len(conversations) <= 100_000 // 2_000
    conversations.messages_in(json.dumps(_turns(0, 1) * 100))  # too long to be remembered
    assert len(conversations) <= 100_000 // 2_000
