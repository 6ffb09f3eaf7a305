"""LangSmith's OpenTelemetry exporter: `langsmith.*` beside old `gen_ai.*` attributes.

Source: langsmith-sdk `_internal/otel/_otel_exporter.py`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_mapping
from otel_braintrust.translation.payload_usage import of_payload
from otel_braintrust.translation.reading import OLD_CONTENT, Candidate, Reading
from otel_braintrust.translation.span import SpanEvent
from otel_braintrust.translation.wrappers import unwrap

KINDS: dict[str, str | None] = {
    "llm": "llm",
    "embedding": "llm",
    "chain": "task",
    "tool": "tool",
    "retriever": "function",
    "prompt": "function",
    "parser": "function",
}


@marks.varying
def _usage_metadata(reading: Reading, key: str, value: Any) -> bool:
    counts, _ = of_payload(as_mapping(value))
    for name, number in counts.items():
        reading.usage.add("payload", name, number, key)
    return False


@marks.varying
def _outputs(reading: Reading, key: str, value: Any) -> bool:
    """Show a run's outputs; LangSmith wraps whatever is no object in `{"output": ...}`."""
    holder = as_mapping(value)
    if holder is None or not reading.span.scope_name.startswith("langsmith"):
        reading.offer("output", Candidate(OLD_CONTENT, "payload", value, {key: value}))
    elif set(holder) in _WRAPPERS:
        (inner,) = holder.values()
        shown = unwrap("output", {"output": inner}, "tool") if isinstance(inner, dict) else inner
        reading.offer("output", Candidate(OLD_CONTENT, "framework", shown, {key: value}))
    else:
        reading.offer("output", Candidate(OLD_CONTENT, "framework", holder, {key: value}))
    return True


# Python's name and JavaScript's.
_WRAPPERS = ({"output"}, {"outputs"})


def _exception(reading: Reading, event: SpanEvent) -> bool:
    """LangSmith has an exception only of a run that failed, whatever the span's status says."""
    if reading.span.scope_name.startswith("langsmith"):
        reading.errors.append((35, event.attributes.get("exception.message")))
    return False


_METADATA = {
    **rules.LANGCHAIN_METADATA,
    "session_id": rules.named("session_id", 50, keep=True),
    "conversation_id": rules.named("session_id", 51, keep=True),
    "thread_id": rules.named("session_id", 52, keep=True),
    "user_id": rules.named("user_id", 70, keep=True),
}

CONVENTION = Convention(
    name="langsmith",
    keys={
        "gen_ai.completion": _outputs,
        "langsmith.span.kind": rules.kind(KINDS, 40),
        "langsmith.span.tags": rules.tags(","),
        "langsmith.usage_metadata": _usage_metadata,
    },
    prefixes={"langsmith.metadata.": rules.entry(_METADATA)},
    events={"exception": _exception},
)
