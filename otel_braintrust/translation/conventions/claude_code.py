"""Claude Code's traces: bare keys, trusted only where `span.type` is one of its own.

Source: public documentation of Claude Code's OpenTelemetry export (beta).
"""

from __future__ import annotations

from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import decode_container
from otel_braintrust.translation.reading import FRAMEWORK, Candidate, Reading
from otel_braintrust.translation.span import SpanEvent
from otel_braintrust.translation.usage import CACHED, COMPLETION, CREATED, PROMPT

TYPES = {
    "llm_request": "llm",
    "tool": "tool",
    "interaction": "task",
    "tool.execution": "function",
    "tool.blocked_on_user": "function",
    "hook": "function",
}
_COUNTS = {
    "input_tokens": PROMPT,
    "output_tokens": COMPLETION,
    "cache_read_tokens": CACHED,
    "cache_creation_tokens": CREATED,
}
_INPUTS = ("user_prompt", "new_context", "tool_input", "full_command", "file_path")
_OUTPUTS = ("response.model_output", "tool_output")


def _read(reading: Reading) -> None:
    attributes = reading.span.attributes
    raw_type = attributes.get("span.type")
    name = raw_type.removeprefix("claude_code.") if isinstance(raw_type, str) else None
    found = TYPES.get(name) if name else None
    if found is None:
        return
    reading.kinds.append((80, found, "span.type"))
    for key, canonical in _COUNTS.items():
        if key in reading.leftovers and reading.count(
            "claude_code", canonical, key, attributes[key]
        ):
            reading.leftovers.pop(key)
    reading.excludes_cache = True
    reading.suggest("provider", 65, "span.type", "anthropic")
    if isinstance(attributes.get("model"), str):
        reading.suggest("response_model", 60, "model", reading.leftovers.pop("model"))
    if isinstance(attributes.get("ttft_ms"), (int, float)):
        reading.first_token.append(
            (25, "ttft_ms", attributes["ttft_ms"] / 1e3, attributes["ttft_ms"])
        )
    if isinstance(attributes.get("stop_reason"), str):
        reading.finish_reasons = reading.finish_reasons or [attributes["stop_reason"]]
    for side, keys in (("input", _INPUTS), ("output", _OUTPUTS)):
        for key in keys:
            value = reading.leftovers.pop(key, None)
            if value is not None:
                form = "answer" if side == "output" and found == "llm" else "value"
                reading.offer(side, Candidate(FRAMEWORK, form, value, {key: value}))
    if str(attributes.get("success")).lower() == "false":
        reading.errors.append((30, attributes.get("error") or "error"))
    if name == "tool.blocked_on_user" and attributes.get("decision"):
        reading.own.setdefault("extra", {})["tool_approval"] = attributes["decision"]


def _tool_output(reading: Reading, event: SpanEvent) -> bool:
    fields = {key: decode_container(value) for key, value in event.attributes.items()}
    reading.offer("output", Candidate(FRAMEWORK, "as_is", fields.get("output", fields), {}))
    return set(fields) <= {"output"}


CONVENTION = Convention(name="claude_code", events={"tool.output": _tool_output}, finish=(_read,))
