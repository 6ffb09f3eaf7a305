"""LangSmith's OpenTelemetry exporter: `langsmith.*` beside old `gen_ai.*` attributes.

Source: langsmith-sdk `_internal/otel/_otel_exporter.py`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_mapping
from otel_braintrust.translation.reading import Reading
from otel_braintrust.translation.usage import of_payload

KINDS: dict[str, str | None] = {
    "llm": "llm",
    "embedding": "llm",
    "chain": "task",
    "tool": "tool",
    "retriever": "function",
    "prompt": "function",
    "parser": "function",
}


def _usage_metadata(reading: Reading, key: str, value: Any) -> bool:
    counts, _ = of_payload(as_mapping(value))
    for name, number in counts.items():
        reading.usage.add("payload", name, number, key)
    return False


_METADATA = {
    "ls_provider": rules.named("provider", 50, keep=True),
    "ls_model_name": rules.named("request_model", 50, keep=True),
    "ls_temperature": rules.setting("temperature", 70),
    "ls_max_tokens": rules.setting("max_tokens", 70),
    "ls_stop": rules.setting("stop", 70),
    "session_id": rules.named("session_id", 50, keep=True),
    "conversation_id": rules.named("session_id", 51, keep=True),
    "thread_id": rules.named("session_id", 52, keep=True),
    "user_id": rules.named("user_id", 70, keep=True),
}

CONVENTION = Convention(
    name="langsmith",
    keys={
        "langsmith.span.kind": rules.kind(KINDS, 40),
        "langsmith.span.tags": rules.tags(","),
        "langsmith.usage_metadata": _usage_metadata,
    },
    prefixes={"langsmith.metadata.": rules.entry(_METADATA)},
)
