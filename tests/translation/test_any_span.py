"""Whatever a span holds: a row, strict JSON, the right ids, and no exception."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_braintrust.translation import LogEvent, OtlpSpan, SpanEvent, SpanLink, translate
from otel_braintrust.translation.conventions import DISPATCH

EXAMPLES = int(os.environ.get("TRANSLATION_EXAMPLES", "300"))

KNOWN_KEYS = sorted(DISPATCH.keys)
KNOWN_PREFIXES = sorted(DISPATCH.prefixes)
SUFFIXES = [
    "0",
    "0.role",
    "1.content",
    "10.message.role",
    "0.message.content",
    "0.message.contents.0.message_content.type",
    "0.message.contents.0.message_content.image.image.url",
    "0.message.tool_calls.0.tool_call.function.arguments",
    "0.tool_calls.0.name",
    "99999999.role",
    "x",
    "",
    "0.document.content",
    "0.embedding.vector",
    "0.evaluation.score",
]
# Values that instrumentations are known to write, whole and cut short.
TELLING = [
    '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
    '[{"role":"assistant","content":[{"toolUse":{"name":"f","input":{}}}]}]',
    '{"messages":[{"role":"user","content":"hi"}],"model":"m","tools":[{"name":"f"}]}',
    '{"choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"f"}}]}}]}',
    '{"contents":[{"parts":[{"function_call":{"name":"f"}}]}],"config":{"tools":[null]}}',
    '{"lc":1,"type":"constructor","id":["a","HumanMessage"],"kwargs":{"content":[1,null]}}',
    '[{"role":"user","parts":[{"type":"text","cont',
    '"\\"{\\\\\\"a\\\\\\":1}\\""',
    "NaN",
    "\ud800",
    "{'a': 1}",
    "LLM",
    "chat",
    "true",
    "26",
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=8),
    st.sampled_from(TELLING),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "parts",
                    "type",
                    "text",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "message",
                    "id",
                    "data",
                    "kwargs",
                    "choices",
                    "candidates",
                    "output",
                    "usage",
                    "messages",
                    "lc",
                    "index",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)
texts_of_values = values.map(lambda value: json.dumps(value, default=repr))
keys = st.one_of(
    st.sampled_from(KNOWN_KEYS),
    st.builds(str.__add__, st.sampled_from(KNOWN_PREFIXES), st.sampled_from(SUFFIXES)),
    st.text(max_size=12),
)
attributes = st.dictionaries(keys, values | texts_of_values, max_size=8)
event_names = st.sampled_from([*sorted(DISPATCH.events), "exception", "other"])


@st.composite
def spans(draw: Any) -> OtlpSpan:
    start_ns = draw(st.integers(0, 2**63 - 1))
    return OtlpSpan(
        trace_id="1" * 32,
        span_id="2" * 16,
        parent_span_id=draw(st.none() | st.just("3" * 16)),
        name=draw(st.text(max_size=10)),
        kind=draw(st.sampled_from(["INTERNAL", "CLIENT"])),
        start_ns=start_ns,
        end_ns=draw(st.none() | st.integers(0, 2**63 - 1)),
        attributes=draw(attributes),
        events=[
            SpanEvent(draw(event_names), draw(attributes), draw(st.none() | st.integers(0, 2**63)))
            for _ in range(draw(st.integers(0, 2)))
        ],
        links=[SpanLink("4" * 32, "5" * 16, draw(attributes))] if draw(st.booleans()) else [],
        status_code=draw(st.sampled_from(["UNSET", "OK", "ERROR"])),
        status_description=draw(st.none() | st.text(max_size=5)),
        scope_name=draw(
            st.sampled_from(["", "logfire", "langsmith", "litellm", "strands-agents", "ai"])
        ),
        resource=draw(attributes),
    )


logs = st.builds(
    LogEvent,
    trace_id=st.just("1" * 32),
    span_id=st.just("2" * 16),
    name=event_names,
    attributes=attributes,
    body=values,
    time_ns=st.none() | st.integers(0, 2**63),
)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(span=spans(), log_events=st.lists(logs, max_size=2))
def test_every_span_becomes_a_row_of_strict_json(
    span: OtlpSpan, log_events: list[LogEvent]
) -> None:
    row = translate(span, log_events=log_events)

    assert "mapping_error" not in row["metadata"], row["metadata"]["mapping_error"]
    text = orjson.dumps(row)
    assert json.loads(text, parse_constant=_refuse) == orjson.loads(text)
    assert row["id"] == row["span_id"] == span.span_id
    assert row["root_span_id"] == span.trace_id
    assert row["span_parents"] == ([span.parent_span_id] if span.parent_span_id else None)
    assert all(_is_number(value) for value in row["metrics"].values())
    assert all(v is None or 0 <= v <= 1 for v in row.get("scores", {}).values())
    assert all(isinstance(tag, str) for tag in row.get("tags", ()))


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not strict JSON")


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)


def test_wild_values_end_in_a_valid_row() -> None:
    cyclic: dict[str, Any] = {"a": 1}
    cyclic["self"] = cyclic
    deep: Any = "end"
    for _ in range(500):
        deep = [deep]
    wild = {
        "nan": math.nan,
        "bytes": b"\xff\x00",
        "surrogate": "a\ud800b",
        "cycle": cyclic,
        "deep": deep,
        "huge": 2**70,
        "long": "x" * 10_000_000,
        "gen_ai.input.messages": "[" * 100_000,
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"te',
        "gen_ai.usage.input_tokens": math.inf,
        "braintrust.scores": '{"ok": 0.5, "bad": NaN}',
    }
    row = translate(OtlpSpan("1" * 32, "2" * 16, "wild", start_ns=1, attributes=wild))

    orjson.dumps(row)
    assert "mapping_error" not in row["metadata"]
    assert row["metadata"]["nan"] is None
    assert row["metadata"]["huge"] == str(2**70)
    assert row["metadata"]["surrogate"] == "a\ufffdb"
    assert row["metadata"]["cycle"]["self"] == "<circular reference>"
    assert len(row["metadata"]["long"]) == 10_000_000
    assert row["metadata"]["braintrust.mapping.truncated"] == [
        "gen_ai.input.messages",
        "gen_ai.output.messages",
    ]
    assert row["scores"] == {"ok": 0.5}
