"""Spring AI: `spring.ai.*` of its chat clients, advisors, tools and vector stores.

Source: Spring AI 1.x reference, "Observability"; its model calls speak OpenTelemetry's GenAI.
"""

from __future__ import annotations

from otel_braintrust.translation.conventions import rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.reading import FRAMEWORK, TOOL_FORM

KINDS: dict[str, str | None] = {
    "chat_client": "task",
    "tool_call": "tool",
    "advisor": "function",
    "vector_store": "function",
}
_ALL = frozenset({"task", "tool", "function"})
_TOOL = frozenset({"tool"})

CONVENTION = Convention(
    name="spring_ai",
    keys={
        # Below 60: the operation beside it is only `framework`.
        "spring.ai.kind": rules.kind(KINDS, 55),
        "spring.ai.tool.definition.name": rules.named("tool_name", 60, keep=True),
        "spring.ai.tool.call.id": rules.named("tool_call_id", 60, keep=True),
        "spring.ai.tool.call.arguments": rules.content("input", TOOL_FORM, homes=_TOOL, order=9),
        "spring.ai.tool.call.result": rules.content("output", TOOL_FORM, homes=_TOOL, order=9),
        "spring.ai.chat.client.user.text": rules.content("input", FRAMEWORK, "text", homes=_ALL),
        "spring.ai.chat.client.conversation.id": rules.named("session_id", 60, keep=True),
    },
)
