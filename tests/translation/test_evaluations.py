"""Evaluations that stand on spans of their own."""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation import OtlpSpan, translate
from otel_braintrust.translation.span import SpanLink

TRACE_ID, SPAN_ID = "0" * 31 + "1", "0" * 15 + "2"
JUDGED = SpanLink("0" * 31 + "3", "0" * 15 + "4", {})


def row_of(attributes: dict[str, Any], links: list[SpanLink]) -> dict[str, Any]:
    span = OtlpSpan(TRACE_ID, SPAN_ID, "judge", start_ns=1, attributes=attributes, links=links)
    row = translate(span)
    assert row is not None
    return row


def test_a_span_that_carries_an_evaluation_of_another_is_a_score_that_names_it() -> None:
    row = row_of(
        {
            "evaluations.0.evaluation.name": "relevance",
            "evaluations.0.evaluation.score": 0.8,
            "evaluations.0.evaluation.explanation": "to the point",
        },
        [JUDGED],
    )
    assert row["span_attributes"] == {"name": "judge", "type": "score", "purpose": "scorer"}
    assert row["scores"] == {"relevance": 0.8}
    assert row["metadata"]["evaluations"][0]["explanation"] == "to the point"
    assert row["metadata"]["links"] == [
        {"trace_id": JUDGED.trace_id, "span_id": JUDGED.span_id},
    ]


def test_evaluations_of_a_whole_trace_are_scores_too() -> None:
    row = row_of(
        {
            "trace.evaluations.0.evaluation.name": "helpful",
            "trace.evaluations.0.evaluation.score": 1,
            "trace.evaluations.1.evaluation.name": "stars",
            "trace.evaluations.1.evaluation.score": 4,
        },
        [JUDGED],
    )
    assert row["scores"] == {"helpful": 1}
    assert row["span_attributes"]["type"] == "score"
    assert row["metadata"]["evaluations"][1] == {"name": "stars", "value": 4}


def test_an_evaluation_in_genai_attributes_is_read_as_its_event_is() -> None:
    row = row_of(
        {
            "gen_ai.evaluation.name": "tone",
            "gen_ai.evaluation.score.value": 0.5,
            "gen_ai.evaluation.score.label": "polite",
        },
        [],
    )
    assert row["scores"] == {"tone": 0.5}
    assert row["metadata"]["evaluations"] == [{"name": "tone", "value": 0.5, "label": "polite"}]
    assert row["span_attributes"]["purpose"] == "scorer"


def test_a_model_call_stays_one_whatever_was_said_of_it() -> None:
    row = row_of(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "evaluations.0.evaluation.name": "relevance",
            "evaluations.0.evaluation.score": 0.8,
        },
        [JUDGED],
    )
    assert row["span_attributes"] == {"name": "judge", "type": "llm"}
    assert row["scores"] == {"relevance": 0.8}
