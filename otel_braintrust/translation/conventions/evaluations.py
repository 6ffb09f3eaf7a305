"""Evaluations on spans of their own: made afterwards, of another span, to which a link leads.

Sources: OTel GenAI's `gen_ai.evaluation.*` where they are attributes, not an event's; OpenInference
0.1.42, `trace.evaluations.*` and `session.evaluations.*` beside `evaluations.*`.
"""

from __future__ import annotations

from otel_braintrust.translation.conventions import rules
from otel_braintrust.translation.conventions.genai_events import add_evaluation
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import decode_container
from otel_braintrust.translation.reading import Reading

_NAME = "gen_ai.evaluation.name"
_DETAILS = {
    "label": "gen_ai.evaluation.score.label",
    "explanation": "gen_ai.evaluation.explanation",
    "response_id": "gen_ai.response.id",
}
FAMILIES = ("trace.evaluations", "session.evaluations")


def _of_attributes(reading: Reading) -> None:
    attributes = reading.span.attributes
    name = attributes.get(_NAME)
    if isinstance(name, str) and name:
        value = attributes.get("gen_ai.evaluation.score.value")
        details = {key: attributes.get(source) for key, source in _DETAILS.items()}
        add_evaluation(reading, name, value, details)
        reading.kinds.append((59, "score", _NAME))


def _of_families(reading: Reading) -> None:
    for family in FAMILIES:
        members, raw = reading.take(family)
        for fields in members:
            own = {
                name.removeprefix("evaluation."): decode_container(value)
                for name, value in fields.items()
            }
            name = own.pop("name", None)
            if isinstance(name, str):
                add_evaluation(reading, name, own.pop("score", None), own)
            else:
                reading.restore(raw)


def _carrier(reading: Reading) -> None:
    """A span that has evaluations, a link and no kind tells of the span that it links to."""
    if reading.evaluations and len(reading.span.links) == 1 and not _is_typed(reading):
        reading.kinds.append((89, "score", "evaluations"))
    if reading.evaluations and reading.kinds and min(reading.kinds)[1] == "score":
        reading.purpose = reading.purpose or "scorer"


def _is_typed(reading: Reading) -> bool:
    return any(rank < 89 for rank, _, _ in reading.kinds)


CONVENTION = Convention(
    name="evaluations",
    prefixes={f"{family}.": rules.numbered(family) for family in FAMILIES},
    finish=(_of_attributes, _of_families, _carrier),
)
