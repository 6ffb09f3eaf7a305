"""OpenLLMetry (Traceloop): `traceloop.*`, `llm.*` and the flat `gen_ai.prompt.N.*` dialect.

Source: opentelemetry-semantic-conventions-ai 0.4 and 0.5 of openllmetry.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.numbered_messages import messages
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_list, as_mapping, decode, decode_container
from otel_braintrust.translation.reading import (
    ENTITY,
    FIRST_CHOICE,
    TOOL_FORM,
    Candidate,
    Reading,
)
from otel_braintrust.translation.tools import to_tools

SPAN_KINDS: dict[str, str | None] = {
    "workflow": "task",
    "task": "task",
    "agent": "task",
    "server": "task",
    "session": "task",
    "tool": "tool",
}
REQUEST_TYPES: dict[str, str | None] = dict.fromkeys(
    ("chat", "completion", "embedding", "rerank"), "llm"
)
_ENTITIES = frozenset({"task", "tool", "function"})
_LLM = frozenset({"llm", "task"})
_SECRET_HEADERS = ("authorization", "api-key", "apikey", "x-api-key", "cookie", "token")


def _entity(side: str) -> rules.Rule:
    def read(reading: Reading, key: str, value: Any) -> bool:
        holder = decode(value)
        shown = _entity_input(reading, holder) if side == "input" else _entity_output(holder)
        candidate = Candidate(ENTITY, "framework", shown, {key: value}, _ENTITIES)
        reading.offer(side, candidate)
        return True

    return marks.varying(read)


def _entity_input(reading: Reading, holder: Any) -> Any:
    """Unwrap what decorators and the LangChain handler put around the real input."""
    if not isinstance(holder, dict):
        return holder
    shown = next((name for name in _CALLBACK_INPUTS if holder.get(name) is not None), None)
    if shown is not None and set(holder) <= _CALLBACK_KEYS:
        for tag in as_list(holder.get("tags")) or ():
            if isinstance(tag, str) and tag not in reading.tags:
                reading.user_metadata.setdefault("tags", []).append(tag)
        for name, inner in (as_mapping(holder.get("metadata")) or {}).items():
            reading.user_metadata.setdefault(name, inner)
        rest = holder.get("kwargs")
        if isinstance(rest, dict) and any(rest.values()):
            reading.user_metadata.setdefault("kwargs", rest)
        return holder[shown]
    return holder


# What LangChain's callbacks pass: the inputs of a chain, of a tool, of a retriever.
_CALLBACK_INPUTS = ("inputs", "input_str", "query")
_CALLBACK_KEYS = frozenset({*_CALLBACK_INPUTS, "tags", "metadata", "kwargs"})
_CALLBACK_OUTPUTS = ("outputs", "output", "documents", "result")


def _entity_output(holder: Any) -> Any:
    if not isinstance(holder, dict):
        return holder
    shown = next((name for name in _CALLBACK_OUTPUTS if name in holder), None)
    if (
        shown is None
        or not set(holder) <= {shown, "kwargs", "count"}
        or holder.keys() == {"output"}
    ):
        return holder
    return holder[shown]


@marks.settling()
def _build_functions(reading: Reading) -> None:
    members, raw = reading.take("llm.request.functions")
    if not members:
        return
    listed = [{name: decode(value) for name, value in fields.items()} for fields in members]
    found = to_tools(listed)
    if found is None:
        reading.restore(raw)
    else:
        reading.suggest("tools", 40, "llm.request.functions", found, raw)


def _headers(reading: Reading, key: str, value: Any) -> bool:
    """Keep request headers, without those that carry secrets."""
    holder = as_mapping(value)
    if holder is None:
        return False
    reading.leftovers[key] = {
        name: "[REDACTED]" if any(mark in name.lower() for mark in _SECRET_HEADERS) else inner
        for name, inner in holder.items()
    }
    return True


def _prompt_name(reading: Reading, key: str, value: Any) -> bool:
    reading.own.setdefault("prompt", {})["id" if key.endswith(".key") else "version"] = value
    return True


def _template_variable(reading: Reading, _key: str, rest: str, value: Any) -> bool:
    reading.own.setdefault("prompt", {}).setdefault("variables", {})[rest] = decode_container(value)
    return True


CONVENTION = Convention(
    name="openllmetry",
    keys={
        "traceloop.span.kind": rules.kind(SPAN_KINDS, 70),
        "llm.request.type": rules.kind(REQUEST_TYPES, 75),
        "traceloop.entity.input": _entity("input"),
        "traceloop.entity.output": _entity("output"),
        "llm.top_k": rules.setting("top_k", 40),
        "llm.temperature": rules.setting("temperature", 40),
        "llm.top_p": rules.setting("top_p", 40),
        "llm.frequency_penalty": rules.setting("frequency_penalty", 40),
        "llm.presence_penalty": rules.setting("presence_penalty", 40),
        "llm.chat.stop_sequences": rules.setting("stop", 40),
        "llm.headers": _headers,
        "gen_ai.headers": _headers,
        "traceloop.prompt.key": _prompt_name,
        "traceloop.prompt.version": _prompt_name,
        "mcp.request.argument": rules.content(
            "input", TOOL_FORM, homes=frozenset({"tool"}), order=3
        ),
        "mcp.response.value": rules.content(
            "output", TOOL_FORM, homes=frozenset({"tool"}), order=3
        ),
    },
    prefixes={
        "gen_ai.prompt.": rules.numbered("gen_ai.prompt"),
        "gen_ai.completion.": rules.numbered("gen_ai.completion"),
        "llm.request.functions.": rules.numbered("llm.request.functions", varies=False),
        "traceloop.association.properties.": rules.entry(
            {
                "session_id": rules.named("session_id", 40, keep=True),
                "thread_id": rules.named("session_id", 41, keep=True),
                "conversation_id": rules.named("session_id", 42, keep=True),
                "user_id": rules.named("user_id", 50, keep=True),
                **rules.LANGCHAIN_METADATA,
            },
            keep=True,
        ),
        "traceloop.prompt.template_variables.": _template_variable,
    },
    finish=(
        messages("gen_ai.prompt", "input", FIRST_CHOICE, homes=_LLM, order=5),
        messages("gen_ai.completion", "output", FIRST_CHOICE, homes=_LLM, order=5),
        _build_functions,
    ),
)
