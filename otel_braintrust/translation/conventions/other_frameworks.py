"""Dialects of few keys: OpenLIT, Opik, Laminar, Genkit, LiveKit, CrewAI, bare `input`/`output`.

Sources: openlit, opik, lmnr, genkit, livekit-agents and crewai, their telemetry modules.
"""

from __future__ import annotations

from otel_braintrust.translation.conventions import rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.reading import DUMP, FRAMEWORK, TOOL_FORM

_ALL = frozenset({"task", "tool", "function", "llm", "score", "eval"})
_TOOL = frozenset({"tool"})

LAMINAR: dict[str, str | None] = {
    "llm": "llm",
    "tool": "tool",
    "executor": "task",
    "evaluator": "score",
    "evaluation": "eval",
}
GENKIT: dict[str, str | None] = {
    "model": "llm",
    "embedder": "llm",
    "tool": "tool",
    "retriever": "function",
    "indexer": "function",
    "evaluator": "score",
    "flow": "task",
    "util": "task",
}


CONVENTION = Convention(
    name="other_frameworks",
    keys={
        "gen_ai.llm.provider": rules.named("provider", 36, keep=True),
        "gen_ai.content.reasoning": rules.keep,
        "opik.tags": rules.tags(","),
        "thread_id": rules.named("session_id", 80, keep=True),
        "conversation.id": rules.named("session_id", 81, keep=True),
        "lmnr.span.type": rules.kind(LAMINAR, 81),
        "lmnr.span.input": rules.content("input", DUMP, "framework", homes=_ALL),
        "lmnr.span.output": rules.content("output", DUMP, "framework", homes=_ALL),
        "lmnr.association.properties.session_id": rules.named("session_id", 82, keep=True),
        "lmnr.association.properties.user_id": rules.named("user_id", 82, keep=True),
        "genkit:metadata:subtype": rules.kind(GENKIT, 82),
        "genkit:input": rules.content("input", DUMP, "framework", homes=_ALL),
        "genkit:output": rules.content("output", DUMP, "framework", homes=_ALL),
        "lk.user_input": rules.content("input", FRAMEWORK, "text", homes=_ALL),
        "lk.chat_ctx": rules.content("input", FRAMEWORK, "framework", homes=_ALL),
        "lk.input_text": rules.content("input", FRAMEWORK, "text", homes=_ALL, order=1),
        "lk.response.text": rules.content("output", FRAMEWORK, "text", homes=_ALL),
        "lk.function_tool.arguments": rules.content("input", TOOL_FORM, homes=_TOOL, order=6),
        "lk.function_tool.output": rules.content("output", TOOL_FORM, homes=_TOOL, order=6),
        "lk.response.ttft": rules.first_token(40),
        "metrics.ttfb": rules.first_token(41),
        "crewai.task.description": rules.content("input", DUMP, "text", homes=_ALL),
        "crewai.task.output": rules.content("output", DUMP, homes=_ALL),
        "crewai.tool.input": rules.content("input", TOOL_FORM, homes=_TOOL, order=7),
        "crewai.tool.output": rules.content("output", TOOL_FORM, homes=_TOOL, order=7),
        "input": rules.content("input", DUMP + 1, "framework", homes=frozenset()),
        "output": rules.content("output", DUMP + 1, "framework", homes=frozenset()),
    },
    prefixes={"opik.metadata.": rules.entry()},
)
