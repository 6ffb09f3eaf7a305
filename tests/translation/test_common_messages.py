"""The messages that most model calls have are read a shorter way, to the same end."""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_braintrust.translation import OtlpSpan, translate

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
part = st.one_of(text, call, answer)
roles = st.sampled_from(["assistant", "user", "system", "developer", "tool", "AI", ""])
message = st.one_of(
    st.fixed_dictionaries({"role": st.just("tool"), "parts": st.lists(answer, max_size=2)}),
    st.fixed_dictionaries({"role": st.just("assistant"), "parts": st.lists(part, max_size=2)}),
    st.fixed_dictionaries({"role": roles, "parts": st.lists(part, max_size=2)}),
    st.fixed_dictionaries({"role": roles, "content": st.one_of(st.none(), texts)}),
)


def _row(messages: list[dict[str, Any]]) -> dict[str, Any]:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": json.dumps(messages),
        "gen_ai.output.messages": json.dumps(messages),
    }
    row = translate(OtlpSpan("1" * 32, "2" * 16, "chat", start_ns=5, attributes=attributes))
    return {side: row.get(side) for side in ("input", "output")}


@settings(max_examples=EXAMPLES, deadline=None)
@given(messages=st.lists(message, min_size=1, max_size=2))
def test_a_field_that_says_nothing_beside_a_message_does_not_change_how_it_is_read(
    messages: list[dict[str, Any]],
) -> None:
    # An unset field is no part of a message, and yet keeps it from the shorter way.
    told_longer = [{**each, "unset": None} for each in messages]
    assert _row(messages) == _row(told_longer)
