"""Laminar: `lmnr.span.*` of its decorator, `lmnr.association.properties.*` of the trace.

Source: lmnr 0.7 `opentelemetry_lib/tracing/attributes.py`; its values are JSON text.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import decode_container
from otel_braintrust.translation.reading import DUMP, Reading

TYPES: dict[str, str | None] = {
    "llm": "llm",
    "tool": "tool",
    "executor": "task",
    "human_evaluator": "score",
    "evaluator": "score",
    "evaluation": "eval",
}
_ALL = frozenset({"task", "tool", "function", "llm", "score", "eval"})


def _metadata(reading: Reading, _key: str, rest: str, value: Any) -> bool:
    reading.user_metadata.setdefault(rest, decode_container(value))
    return True


CONVENTION = Convention(
    name="laminar",
    keys={
        "lmnr.span.type": rules.kind(TYPES, 81),
        "lmnr.span.input": rules.content("input", DUMP, "framework", homes=_ALL),
        "lmnr.span.output": rules.content("output", DUMP, "framework", homes=_ALL),
        "lmnr.association.properties.session_id": rules.named("session_id", 82, keep=True),
        "lmnr.association.properties.user_id": rules.named("user_id", 82, keep=True),
        "lmnr.association.properties.tags": rules.tags(),
    },
    prefixes={"lmnr.association.properties.metadata.": _metadata},
)
