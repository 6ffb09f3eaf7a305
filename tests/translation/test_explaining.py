"""An explanation tells what really happened: every attribute once, every field of the row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_braintrust.cli.translate import explain
from otel_braintrust.conventions import FIRST, Convention, content
from otel_braintrust.traces import TraceAssembler
from otel_braintrust.traces.explaining import ExplainingAssembler
from otel_braintrust.translation import LogEvent, OtlpSpan, SpanEvent
from otel_braintrust.translation.decoding import is_placeholder
from otel_braintrust.translation.explanation import (
    DROPPED,
    FATES,
    GAVE,
    KEPT,
    LOST,
    MERGED,
    Explanation,
)
from otel_braintrust.translation.otlp import decode
from otel_braintrust.translation.strict import text
from tests.translation.conformance import CORPUS
from tests.translation.expectations import opened
from tests.translation.test_any_span import EXAMPLES, logs, spans

CASES = sorted(file.parent for file in CORPUS.glob("*/*/expect.json"))


def holds(row: Mapping[str, Any], path: str) -> bool:
    """Tell whether a row has what stands at a path; names may have dots themselves."""
    if path in row:
        return True
    part, _, rest = path.partition(".")
    holder = row.get(part)
    if not isinstance(holder, Mapping):
        return False
    if rest.startswith("attributes.") and rest not in holder:
        return rest.removeprefix("attributes.") in holder.get("attributes", {})
    return rest in holder


def complaints(told: Explanation, span: Any, row: Mapping[str, Any]) -> Iterator[str]:
    """Name everything that an explanation tells and the row does not show, or the other way."""
    if [fate.name for fate in told.attributes] != list(span.attributes):
        yield "the attributes are not each told once"
    given = {origin.field: origin for origin in told.fields}
    for fate in told.attributes:
        yield from _complaints_on(fate, row, given)
    for origin in told.fields:
        if not origin.sources:
            yield f"{origin.field} has no source"
        if not holds(row, origin.field) and origin.field != "metadata":
            yield f"{origin.field} is told and not there"
    yield from (f"{path} is there and not told" for path in _paths(row) if path not in given)
    if len(told.events) < len(span.events):
        yield "not all events are told"


def _complaints_on(fate: Any, row: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    own_name = f"metadata.{text(fate.name)}"
    if fate.fate not in FATES:
        yield f"{fate.name}: {fate.fate} is no fate"
    if fate.kept_as and not holds(row, fate.kept_as):
        yield f"{fate.name} is not at {fate.kept_as}"
    if fate.fate in (GAVE, MERGED):
        for field in fate.fields:
            if field == "the row's destination":
                continue
            if field != "metadata" and not holds(row, field):
                yield f"{fate.name} gave {field}, which is not there"
            if fate.name not in given[field].sources:
                yield f"{fate.name} gave {field}, whose sources are {given[field].sources}"
    if fate.fate in (LOST, KEPT) and not fate.kept_as:
        yield f"{fate.name} is {fate.fate} and not kept"
    if fate.fate == LOST and not fate.to:
        yield f"{fate.name} lost to nobody"
    if fate.fate == DROPPED and not fate.because:
        yield f"{fate.name} is dropped for no reason"
    if fate.fate == DROPPED and holds(row, own_name) and own_name not in given:
        yield f"{fate.name} is dropped and there"


def _paths(row: Mapping[str, Any]) -> Iterator[str]:
    """The fields of a row that something gave: all but its identity and what is kept as it is."""
    yield "span_attributes.type"
    for part in ("input", "output", "expected", "error", "tags"):
        if part in row:
            yield part
    for part in ("metrics", "scores"):
        yield from (f"{part}.{name}" for name in row.get(part, {}))


def unexplained_metadata(told: Explanation, row: Mapping[str, Any]) -> set[str]:
    known = {origin.field for origin in told.fields} | {fate.kept_as for fate in told.attributes}
    return {name for name in row["metadata"] if f"metadata.{name}" not in known}


@pytest.fixture(scope="module")
def explained() -> list[tuple[str, Any, Any]]:
    """Every span of the corpus: its case, its assembled row, and its explanation."""
    return [
        (f"{folder.parent.name}/{folder.name}", entry, told)
        for folder in CASES
        for entry, told in explain(_telemetry(folder))
    ]


def _telemetry(folder: Path) -> list[Any]:
    files = [folder / "spans.otlp.json", folder / "logs.otlp.json"]
    return [decode(file.read_bytes()) for file in files if file.exists()]


def test_every_recorded_span_is_explained_truly(explained: list[tuple[str, Any, Any]]) -> None:
    wrong = [
        f"{case} [{entry.span.name}] {complaint}"
        for case, entry, told in explained
        if entry.row is not None
        for complaint in (
            *complaints(told, entry.span, entry.row),
            *(f"metadata.{n} is not told" for n in unexplained_metadata(told, entry.row)),
        )
    ]
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])


def test_what_is_dropped_is_empty_or_said_elsewhere_in_the_row(
    explained: list[tuple[str, Any, Any]],
) -> None:
    dropped = [
        (case, fate, entry)
        for case, entry, told in explained
        for fate in told.attributes
        if fate.fate == DROPPED and entry.row is not None
    ]
    lost = [
        f"{case} {fate.name}: {fate.because}" for case, fate, e in dropped if not _said(fate, e)
    ]
    assert len(dropped) > 100
    assert not lost


def _said(fate: Any, entry: Any) -> bool:
    value = opened(entry.span.attributes[fate.name])
    if is_placeholder(value) or not isinstance(value, str):
        return True
    return orjson.dumps(value)[1:-1] in orjson.dumps(entry.row)


def test_explaining_changes_no_row() -> None:
    for folder in CASES[::20]:
        found = _telemetry(folder)
        all_spans = [span for telemetry in found for span in telemetry.spans]
        assembler = TraceAssembler(max_age_s=float("inf"))
        for telemetry in found:
            for event in telemetry.logs:
                assembler.add_log_record(event)
        plain = [entry.row for entry in assembler.assemble(all_spans)]
        assert [entry.row for entry, _ in explain(found)] == plain


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(span=spans(), log_events=st.lists(logs, max_size=2))
def test_any_span_is_explained_truly(span: OtlpSpan, log_events: list[LogEvent]) -> None:
    assembler, plain = ExplainingAssembler(), TraceAssembler()
    for event in log_events:
        assembler.add_log_record(event)
        plain.add_log_record(event)
    [(entry, told)] = assembler.assemble_and_explain([span])

    assert entry.row == plain.assemble([span])[0].row
    orjson.dumps(told.as_json(), default=text)
    if entry.row is not None:
        assert list(complaints(told, span, entry.row)) == []
        assert unexplained_metadata(told, entry.row) == set()


def one(attributes: Mapping[str, Any], **parts: Any) -> Explanation:
    conventions = parts.pop("conventions", ())
    span = OtlpSpan("1" * 32, "2" * 16, "chat", 1, 2, attributes=attributes, **parts)
    return ExplainingAssembler(conventions=conventions).assemble_and_explain([span])[0][1]


def fate_of(told: Explanation, name: str) -> Any:
    return next(fate for fate in (*told.attributes, *told.events) if fate.name == name)


def test_each_kind_of_fate_is_told() -> None:
    told = one(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.input.messages": '[{"role": "user", "content": "Hi"}]',
            "gen_ai.prompt.0.content": "Something else",
            "input.value": "Hi",
            "gen_ai.system_instructions": "Be brief.",
            "gen_ai.usage.input_tokens": 3,
            "llm.token_count.prompt": 4,
            "gen_ai.usage.output_tokens": 2,
            "gen_ai.request.temperature": None,
            "app.name": "support",
        }
    )
    assert (fate_of(told, "gen_ai.operation.name").fate) == GAVE
    assert fate_of(told, "gen_ai.system_instructions").fate == MERGED
    assert fate_of(told, "gen_ai.system_instructions").fields == ["input"]
    other = fate_of(told, "gen_ai.prompt.0.content")
    assert (other.fate, other.to, other.convention) == (
        LOST,
        "gen_ai.input.messages",
        "openllmetry",
    )
    tokens = fate_of(told, "llm.token_count.prompt")
    assert (tokens.fate, tokens.to, tokens.convention) == (
        LOST,
        "gen_ai.usage.input_tokens",
        "openinference",
    )
    assert tokens.kept_as == "metadata.llm.token_count.prompt"
    assert fate_of(told, "app.name").fate == KEPT
    assert fate_of(told, "gen_ai.request.temperature").because == "it is empty"
    origins = {origin.field: origin for origin in told.fields}
    assert origins["metadata.model"].sources == ["gen_ai.response.model"]
    assert origins["metadata.model"].conventions == ["genai"]
    assert origins["input"].sources == ["gen_ai.input.messages", "gen_ai.system_instructions"]
    assert origins["metrics.tokens"].sources == ["prompt_tokens + completion_tokens"]
    assert origins["metadata.provider"].sources == ["model name"]


def test_events_and_joined_log_events_are_told() -> None:
    asked = SpanEvent("gen_ai.user.message", {"content": "Hi"}, 1)
    other = SpanEvent("retry", {"attempt": 2}, 1)
    span = OtlpSpan(
        "1" * 32,
        "2" * 16,
        "chat",
        1,
        2,
        attributes={"gen_ai.operation.name": "chat"},
        events=[asked, other],
    )
    assembler = ExplainingAssembler()
    answer = {"message": {"content": "Hello"}, "index": 0}
    assembler.add_log_record(LogEvent("1" * 32, "2" * 16, "gen_ai.choice", {}, answer, 2))
    [(_, told)] = assembler.assemble_and_explain([span])

    assert [(e.kind, e.name, e.fate, e.fields) for e in told.events] == [
        ("event", "gen_ai.user.message", GAVE, ["input"]),
        ("event", "retry", KEPT, []),
        ("log event", "gen_ai.choice", GAVE, ["output"]),
    ]
    assert told.notes == ["joined by id: 1 log events"]


def test_demotion_and_lent_content_are_told() -> None:
    usage = {"gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 2}
    call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", **usage}
    outer = OtlpSpan(
        "1" * 32, "2" * 16, "outer", 1, 9, attributes={**call, "gen_ai.input.messages": "Hi"}
    )
    inner = OtlpSpan("1" * 32, "3" * 16, "inner", 2, 8, parent_span_id="2" * 16, attributes=call)
    [(_, above), (_, beneath)] = ExplainingAssembler().assemble_and_explain([outer, inner])

    assert "demoted from llm to task" in above.notes[0]
    assert fate_of(above, "gen_ai.usage.input_tokens").fields == ["metadata.aggregated_usage"]
    assert fate_of(beneath, "gen_ai.usage.input_tokens").fields == ["metrics.prompt_tokens"]
    origins = {origin.field: origin.sources for origin in beneath.fields}
    assert origins["input"] == [f"span {'2' * 16}"]
    assert f"lent by span {'2' * 16}" in beneath.notes[0]


def test_a_users_convention_is_named() -> None:
    zork = Convention(name="zork", keys={"zork.said": content("output", FIRST)})
    told = one({"zork.said": "xyzzy", "output.value": "plugh"}, conventions=[zork])
    assert (fate_of(told, "zork.said").fate, fate_of(told, "zork.said").convention) == (
        GAVE,
        "zork",
    )
    assert fate_of(told, "output.value").to == "zork.said"


def test_a_placeholder_is_told_to_have_no_row() -> None:
    told = one({"logfire.span_type": "pending_span", "a": 1}, scope_name="logfire")
    assert not told.row
    assert {fate.fate for fate in told.attributes} == {DROPPED}


def test_content_cut_short_is_told() -> None:
    told = one(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": '[{"role": "user", "content": "Hi, I wo',
        }
    )
    assert told.notes == ["cut short where it was recorded: gen_ai.input.messages"]
