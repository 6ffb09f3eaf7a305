"""OpenInference's vocabulary under `gen_ai.*` names: TraceAI, and Alibaba's and others' kinds.

Sources: fi-instrumentation-otel 1.0 (`gen_ai.span.kind`, `gen_ai.input.messages.N.message.*`);
LoongSuite's instrumentations for the kinds `TASK`, `STEP` and `ENTRY`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation.conventions import marks, openinference, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.reading import FIRST_CHOICE, Candidate, Reading

KINDS: dict[str, str | None] = {
    **openinference.KINDS,
    "task": "task",
    "step": "task",
    "entry": "task",
    "workflow": "task",
}


def _messages(family: str, side: str) -> rules.Step:
    def step(reading: Reading) -> None:
        members, raw = reading.take(family)
        if not members:
            return
        listed = [openinference.message(_with_prefix(fields)) for fields in members]
        homes = frozenset({"llm", "task"})
        reading.offer(side, Candidate(FIRST_CHOICE, "messages", listed, raw, homes, order=3))

    return marks.gathering(f"{family}.")(step)


def _with_prefix(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name if name.startswith("message.") else f"message.{name}": value
        for name, value in fields.items()
    }


CONVENTION = Convention(
    name="traceai",
    keys={
        "gen_ai.span.kind": rules.kind(KINDS, 31),
        "fi.span.kind": rules.kind(KINDS, 32),
        "gen_ai.request.parameters": rules.settings(60, rest_as="invocation_parameters"),
    },
    prefixes={
        "gen_ai.input.messages.": rules.numbered("gen_ai.input.messages"),
        "gen_ai.output.messages.": rules.numbered("gen_ai.output.messages"),
        "gen_ai.tool.definitions.": rules.numbered("llm.tools", varies=False),
    },
    finish=(
        _messages("gen_ai.input.messages", "input"),
        _messages("gen_ai.output.messages", "output"),
    ),
)
