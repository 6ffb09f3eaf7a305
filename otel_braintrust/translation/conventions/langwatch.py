"""LangWatch's SDK: `langwatch.*`, each value with its type beside it.

Source: langwatch (Python) 0.5 and later, `telemetry/span.py` and `domain`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_mapping
from otel_braintrust.translation.payload_usage import of_payload
from otel_braintrust.translation.reading import DELIBERATE, DOMAIN_FORM, Candidate, Reading

TYPES: dict[str, str | None] = {
    "llm": "llm",
    "tool": "tool",
    "rag": "function",
    "guardrail": "function",
    "evaluation": "score",
    "agent": "task",
    "chain": "task",
    "workflow": "task",
    "task": "task",
    "component": "task",
    "module": "task",
}
# What a value may be; `chat_messages` are messages, all others are shown as they are.
_VALUE_TYPES = frozenset(
    {"chat_messages", "text", "json", "list", "raw", "guardrail_result", "evaluation_result"}
)


def _content(side: str) -> rules.Rule:
    def read(reading: Reading, key: str, value: Any) -> bool:
        holder = as_mapping(value)
        is_typed = holder is not None and holder.get("type") in _VALUE_TYPES and "value" in holder
        shown = holder["value"] if is_typed and holder is not None else value
        reading.offer(side, Candidate(DELIBERATE, "framework", shown, {key: value}))
        return True

    return marks.varying(read)


@marks.varying
def _metrics(reading: Reading, key: str, value: Any) -> bool:
    holder = as_mapping(value)
    if holder is None:
        return False
    for name, count in of_payload(holder)[0].items():
        reading.usage.add("payload", name, count, key)
    if "cost" in holder:
        reading.costs.append((55, key, holder["cost"]))
    return False


CONVENTION = Convention(
    name="langwatch",
    keys={
        "langwatch.span.type": rules.kind(TYPES, 42),
        "langwatch.input": _content("input"),
        "langwatch.output": _content("output"),
        "langwatch.params": rules.settings(60, rest_as="invocation_parameters"),
        "langwatch.metrics": _metrics,
        "langwatch.contexts": rules.content(
            "output", DOMAIN_FORM, homes=frozenset({"function"}), order=3
        ),
        "langwatch.thread.id": rules.named("session_id", 45, keep=True),
        "langwatch.user.id": rules.named("user_id", 55, keep=True),
        "langwatch.labels": rules.tags(","),
    },
)
