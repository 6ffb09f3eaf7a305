"""The messages that most model calls have are read a shorter way, to the same end."""

from __future__ import annotations

import copy
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_braintrust.translation.choices import to_choices
from otel_braintrust.translation.messages import to_messages

EXAMPLES = int(os.environ.get("TRANSLATION_EXAMPLES", "1000"))

texts = st.sampled_from(
    ["", " ", "Hello", "[1]", '{"a": 1}', '"quoted"', "null", '[{"type": "x"}]']
)
values = st.one_of(st.none(), texts, st.integers(0, 3), st.just({"to": "LIS"}), st.just(["a"]))
ids = st.sampled_from([None, "", "call_1"])
text = st.fixed_dictionaries({"type": st.just("text"), "content": texts})
call = st.fixed_dictionaries(
    {"type": st.just("tool_call")},
    optional={"id": ids, "name": st.just("find"), "arguments": values, "args": values},
)
answer = st.fixed_dictionaries(
    {"type": st.just("tool_call_response"), "id": ids, "response": values}
)
untyped = st.fixed_dictionaries({"text": values}, optional={"type": st.just("text")})
part = st.one_of(text, call, answer, untyped)
roles = st.sampled_from(["assistant", "user", "system", "developer", "tool", "AI", ""])
reasons = st.sampled_from(["stop", "tool_call", "end_turn", "", None])
called = st.fixed_dictionaries(
    {"function": st.fixed_dictionaries({"name": st.just("find"), "arguments": values})},
    optional={"id": ids, "type": st.just("function"), "index": st.just(0), "more": st.just(1)},
)
names = st.sampled_from([None, "", "ann"])
# Fields that are set to nothing, and some that are set.
unset = {
    "refusal": st.sampled_from([None, "", "No."]),
    "annotations": st.sampled_from([None, [], [1]]),
    "audio": st.none(),
    "finish_reason": reasons,
    "name": names,
    "tool_call_id": ids,
}
listed_text = st.lists(
    st.one_of(
        st.fixed_dictionaries({"type": st.just("text"), "text": texts}),
        untyped,
        st.fixed_dictionaries({"text": texts}, optional={"cachePoint": st.just({})}),
    ),
    min_size=1,
    max_size=2,
)
of_api = st.fixed_dictionaries(
    {"role": roles, "content": st.one_of(st.none(), texts, listed_text)},
    optional={"tool_calls": st.lists(called, max_size=2), **unset},
)
message = st.one_of(
    of_api,
    st.fixed_dictionaries(
        {"role": st.just("assistant"), "content": st.sampled_from(["", None, "Hello"])},
        optional={"tool_calls": st.lists(called, max_size=2)},
    ),
    st.fixed_dictionaries(
        {"role": st.just("tool"), "content": texts}, optional={"tool_call_id": ids, "name": ids}
    ),
    st.fixed_dictionaries(
        {"role": st.just("tool"), "parts": st.lists(answer, max_size=2)},
        optional={"name": names},
    ),
    st.fixed_dictionaries(
        {"role": st.just("assistant"), "parts": st.lists(part, max_size=2)},
        optional={"finish_reason": reasons, "name": names},
    ),
    st.fixed_dictionaries({"role": roles, "parts": st.sampled_from([7, True, {}, "Hello", None])}),
    st.fixed_dictionaries({"role": roles, "parts": st.lists(part, max_size=2)}),
    st.fixed_dictionaries({"role": roles, "content": st.one_of(st.none(), texts)}),
)
spoken = st.fixed_dictionaries({"role": st.just("assistant"), "content": st.just("Hello")})
choice = st.one_of(
    message,
    st.fixed_dictionaries(
        {"message": st.one_of(spoken, message)},
        optional={
            "index": st.sampled_from([0, 1, None]),
            "finish_reason": reasons,
            "stop_reason": reasons,
            "logprobs": st.sampled_from([None, {"content": []}]),
        },
    ),
)


class _Longer(dict[str, Any]):
    """An object of a kind that is read the longer way."""


def _told_longer(value: dict[str, Any]) -> dict[str, Any]:
    inner = value.get("message")
    return _Longer(value if inner is None else {**value, "message": _Longer(inner)})


@settings(max_examples=EXAMPLES, deadline=None)
@given(messages=st.lists(message, min_size=1, max_size=2))
def test_plain_messages_are_read_as_all_others_are(messages: list[dict[str, Any]]) -> None:
    longer = list(map(_told_longer, messages))
    assert to_messages(copy.deepcopy(messages)) == to_messages(longer)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    choices=st.lists(choice, min_size=1, max_size=2), given_reasons=st.lists(reasons, max_size=2)
)
def test_plain_answers_are_read_as_all_others_are(
    choices: list[dict[str, Any]], given_reasons: list[Any]
) -> None:
    longer = list(map(_told_longer, choices))
    assert to_choices(copy.deepcopy(choices), given_reasons) == to_choices(longer, given_reasons)
