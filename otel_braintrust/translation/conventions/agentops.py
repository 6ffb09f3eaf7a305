"""AgentOps' SDK: `agentops.*` of decorators, and flat `gen_ai.*` of its instrumentations.

Source: agentops 0.4, `semconv` and `sdk/decorators`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.openllmetry import REQUEST_TYPES
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_list
from otel_braintrust.translation.reading import ENTITY, Candidate, Reading
from otel_braintrust.translation.tools import to_tools

KINDS: dict[str, str | None] = {
    "agent": "task",
    "chain": "task",
    "operation": "task",
    "session": "task",
    "task": "task",
    "workflow": "task",
    "guardrail": "function",
    "http": "function",
    "llm": "llm",
    "tool": "tool",
}
_ENTITIES = frozenset({"task", "tool", "function"})


def _kind(reading: Reading, key: str, value: Any) -> bool:
    """Read a kind; wrappers write the name of Python's enumeration before it."""
    name = value.rpartition(".")[2] if isinstance(value, str) else value
    rules.kind(KINDS, 71)(reading, key, name)
    return False


@marks.varying
def _entity(reading: Reading, key: str, rest: str, value: Any) -> bool:
    """Read `agentops.KIND.input` and `.output`: what a decorated function took and returned."""
    entity, _, side = rest.partition(".")
    if side not in ("input", "output") or entity not in (*KINDS, "entity"):
        return False
    reading.offer(side, Candidate(ENTITY, "framework", value, {key: value}, _ENTITIES))
    return True


def _schemas(reading: Reading, key: str, value: Any) -> bool:
    """Read Anthropic's tools, each with its definition below its name."""
    listed = [
        {"name": tool.get("name"), **tool["schema"]}
        for tool in as_list(value) or ()
        if isinstance(tool, dict) and isinstance(tool.get("schema"), dict)
    ]
    found = to_tools(listed) if listed else None
    if found is None:
        return False
    reading.suggest("tools", 42, key, found, value)
    return True


CONVENTION = Convention(
    name="agentops",
    keys={
        "agentops.span.kind": _kind,
        "gen_ai.request.type": rules.kind(REQUEST_TYPES, 76),
        "gen_ai.request.streaming": rules.setting("stream", 45),
        "anthropic.tools.schemas": _schemas,
        "agentops.tags": rules.tags(","),
    },
    prefixes={
        "agentops.": _entity,
        "gen_ai.request.functions.": rules.numbered("llm.request.functions", varies=False),
    },
)
