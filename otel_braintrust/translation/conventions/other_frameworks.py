"""Dialects of few keys: OpenLIT, Opik, Langtrace, Genkit, VoltAgent, Pipecat, bare `input`.

Sources: openlit, opik, langtrace-python-sdk, genkit, @voltagent/core and pipecat, their telemetry
modules.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import decode
from otel_braintrust.translation.reading import DOMAIN_FORM, DUMP, FRAMEWORK, Candidate, Reading
from otel_braintrust.translation.usage import CACHED, COMPLETION, PROMPT, REASONING, TOTAL

_ALL = frozenset({"task", "tool", "function", "llm", "score", "eval"})
_LLM = frozenset({"llm"})
_TOOL = frozenset({"tool"})

GENKIT: dict[str, str | None] = {
    "model": "llm",
    "background-model": "llm",
    "embedder": "llm",
    "tool": "tool",
    "tool.v2": "tool",
    "retriever": "function",
    "indexer": "function",
    "reranker": "function",
    "evaluator": "score",
    "flow": "task",
    "agent": "task",
    "prompt": "task",
    "executable-prompt": "task",
    "util": "task",
}
VOLTAGENT: dict[str, str | None] = {
    "agent": "task",
    "workflow": "task",
    "workflow-step": "task",
    "llm": "llm",
    "tool": "tool",
    "embedding": "llm",
    "memory": "function",
    "retriever": "function",
    "vector": "function",
    "guardrail": "function",
    "middleware": "function",
}


def _embedding_inputs(reading: Reading, key: str, value: Any) -> bool:
    """Read Langtrace's texts: a list of them in a list of one, or JSON text of that."""
    listed = decode(value)
    shown = decode(listed[0]) if isinstance(listed, (list, tuple)) and len(listed) == 1 else listed
    reading.offer("input", Candidate(DOMAIN_FORM, "as_is", shown, {key: value}, _LLM))
    reading.is_embedding = True
    return True


def _genkit_name(reading: Reading, key: str, value: Any) -> bool:
    """Name the model of a Genkit model action; other actions have names of their own."""
    if reading.span.attributes.get("genkit:metadata:subtype") in ("model", "embedder"):
        reading.suggest("request_model", 70, key, value)
    return False


def _kernel_function(reading: Reading) -> None:
    """Semantic Kernel before 1.35 makes spans of its functions without any attribute."""
    reading.kinds.append((95, "tool", "scope name"))


CONVENTION = Convention(
    name="other_frameworks",
    scopes={"semantic_kernel.functions.kernel_function": _kernel_function},
    keys={
        "gen_ai.llm.provider": rules.named("provider", 36, keep=True),
        "gen_ai.content.reasoning": rules.keep,
        "gen_ai.request.tools": rules.tools(45),
        "gen_ai.request.embedding_inputs": _embedding_inputs,
        "gen_ai.system_fingerprint": rules.keep,
        "opik.tags": rules.tags(","),
        "thread_id": rules.named("session_id", 80, keep=True),
        "conversation.id": rules.named("session_id", 81, keep=True),
        "genkit:metadata:subtype": rules.kind(GENKIT, 82),
        "genkit:input": rules.content("input", DUMP, "framework", homes=_ALL),
        "genkit:output": rules.content("output", DUMP, "framework", homes=_ALL),
        "genkit:name": _genkit_name,
        "genkit:sessionId": rules.named("session_id", 83, keep=True),
        "span.type": rules.kind(VOLTAGENT, 84),
        "entity.type": rules.kind(VOLTAGENT, 85),
        "llm.model": rules.named("request_model", 60),
        "agent.messages": rules.content("input", FRAMEWORK, "payload", homes=_ALL, order=3),
        "llm.messages": rules.content("input", FRAMEWORK, "payload", homes=_ALL, order=4),
        "llm.usage.prompt_tokens": rules.count("payload", PROMPT),
        "llm.usage.completion_tokens": rules.count("payload", COMPLETION),
        "llm.usage.cached_tokens": rules.count("payload", CACHED),
        "llm.usage.reasoning_tokens": rules.count("payload", REASONING),
        "usage.prompt_tokens": rules.count("payload", PROMPT),
        "usage.completion_tokens": rules.count("payload", COMPLETION),
        "usage.total_tokens": rules.count("payload", TOTAL),
        "usage.cached_tokens": rules.count("payload", CACHED),
        "usage.reasoning_tokens": rules.count("payload", REASONING),
        "metrics.ttfb": rules.first_token(41),
        "input": rules.content("input", DUMP + 1, "framework", homes=_TOOL, order=7),
        "output": rules.content("output", DUMP + 1, "framework", homes=_TOOL, order=7),
    },
    prefixes={"opik.metadata.": rules.entry()},
)
