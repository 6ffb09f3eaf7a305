"""Mastra's OpenTelemetry exporter: `mastra.*` for what GenAI's attributes have no name for.

Source: @mastra/otel-exporter 1.4, `span-converter`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import decode_container, is_placeholder
from otel_braintrust.translation.reading import ENTITY, Candidate, Reading
from otel_braintrust.translation.times import seconds_since_start

KINDS: dict[str, str | None] = {
    "agent_run": "task",
    "workflow_run": "task",
    "workflow_step": "task",
    "workflow_conditional": "function",
    "workflow_conditional_eval": "function",
    "workflow_wait_event": "function",
    "workflow_sleep": "function",
    "model_step": "task",
    "model_chunk": "task",
    "llm_generation": "llm",
    "model_inference": "llm",
    "tool_call": "tool",
    "mcp_tool_call": "tool",
    "processor_run": "function",
    "scorer_run": "score",
}
_HOMES = frozenset({"task", "tool", "function"})


@marks.varying
def _content(reading: Reading, key: str, rest: str, value: Any) -> bool:
    """Read `mastra.TYPE.input` and `.output`: what a span of the type was given and gave."""
    _, _, side = rest.rpartition(".")
    if side not in ("input", "output") or rest.count(".") != 1:
        return False
    shown = _said(value) if side == "output" else value
    reading.offer(side, Candidate(ENTITY, "framework", shown, {key: value}, _HOMES))
    return True


def _said(value: Any) -> Any:
    """Return the text of an answer that holds nothing else."""
    holder = decode_container(value)
    if isinstance(holder, dict) and isinstance(holder.get("text"), str):
        others = (inner for name, inner in holder.items() if name != "text")
        if all(is_placeholder(inner) or inner in ([], {}) for inner in others):
            return holder["text"]
    return value


@marks.varying
def _first_token(reading: Reading, key: str, value: Any) -> bool:
    seconds = seconds_since_start(reading.span, value)
    if seconds is None:
        return False
    reading.first_token.append((35, key, seconds, value))
    return False


CONVENTION = Convention(
    name="mastra",
    keys={
        "mastra.span.type": rules.kind(KINDS, 83),
        "mastra.completion_start_time": _first_token,
    },
    prefixes={"mastra.": _content, "mastra.metadata.": rules.entry()},
)
