"""LiveKit Agents: `lk.*`, and `lk.pii.*` since content is marked as such.

Source: livekit-agents 1.x `telemetry/trace_types.py`, before and after the `pii` segment.
"""

from __future__ import annotations

from otel_braintrust.translation.conventions import rules
from otel_braintrust.translation.conventions.rules import Convention, Rule
from otel_braintrust.translation.reading import FRAMEWORK, TOOL_FORM

_ALL = frozenset({"task", "tool", "function", "llm", "score", "eval"})
_TOOL = frozenset({"tool"})

_CONTENT: dict[str, Rule] = {
    "user_input": rules.content("input", FRAMEWORK, "text", homes=_ALL),
    "chat_ctx": rules.content("input", FRAMEWORK, "chat", homes=_ALL),
    "input_text": rules.content("input", FRAMEWORK, "text", homes=_ALL, order=1),
    "rpc.payload": rules.content("input", FRAMEWORK, homes=_ALL, order=2),
    "response.text": rules.content("output", FRAMEWORK, "text", homes=_ALL),
    "response.function_calls": rules.content("output", FRAMEWORK, "chat", homes=_ALL, order=1),
    "user_transcript": rules.content("output", FRAMEWORK, "text", homes=_ALL, order=2),
    "rpc.response": rules.content("output", FRAMEWORK, homes=_ALL, order=3),
    "function_tool.arguments": rules.content("input", TOOL_FORM, homes=_TOOL, order=6),
    "function_tool.output": rules.content("output", TOOL_FORM, homes=_TOOL, order=6),
}

CONVENTION = Convention(
    name="livekit",
    keys={
        **{f"lk.{name}": rule for name, rule in _CONTENT.items()},
        **{f"lk.pii.{name}": rule for name, rule in _CONTENT.items()},
        "lk.function_tool.name": rules.named("tool_name", 60, keep=True),
        "lk.function_tool.id": rules.named("tool_call_id", 60, keep=True),
        "lk.response.ttft": rules.first_token(40),
        "lk.response.ttfb": rules.first_token(42),
    },
)
