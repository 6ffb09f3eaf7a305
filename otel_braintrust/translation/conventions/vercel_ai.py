"""Vercel AI SDK, versions 3 to 6: `ai.*` (version 7 speaks GenAI).

Source: vercel/ai, `packages/ai/core/telemetry` and `packages/otel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.conventions.slots import Count
from otel_braintrust.translation.decoding import (
    as_list,
    as_mapping,
    decode,
    is_placeholder,
)
from otel_braintrust.translation.reading import DOMAIN_FORM, FIRST_CHOICE, Candidate, Reading
from otel_braintrust.translation.usage import CACHED, COMPLETION, CREATED, PROMPT, REASONING, TOTAL

_LLM = frozenset({"llm"})
_TASK = frozenset({"task", "llm"})
_MODEL_OPERATIONS = (".doGenerate", ".doStream", ".doEmbed", ".doRerank")


def _operation(rank: int) -> rules.Rule:
    def read(reading: Reading, key: str, value: Any) -> bool:
        if isinstance(value, str) and value.startswith("ai."):
            name = value.split(" ", 1)[0]
            if name.endswith(_MODEL_OPERATIONS):
                found = "llm"
                reading.is_embedding = reading.is_embedding or "mbed" in name
            else:
                found = "tool" if name == "ai.toolCall" else "task"
            reading.kinds.append((rank, found, key))
        return False

    return read


_ANSWER = "ai.answer"
_ANSWERS = {
    "ai.response.text": "text",
    "ai.response.object": "object",
    "ai.response.toolCalls": "tool_calls",
    "ai.response.reasoning": "reasoning",
    "ai.response.files": "files",
    "ai.response.finishReason": "finish_reason",
    "ai.result.text": "text",
    "ai.result.object": "object",
    "ai.result.toolCalls": "tool_calls",
    "ai.finishReason": "finish_reason",
}
_COUNTS = {
    "ai.usage.promptTokens": PROMPT,
    "ai.usage.completionTokens": COMPLETION,
    "ai.usage.inputTokens": PROMPT,
    "ai.usage.outputTokens": COMPLETION,
    "ai.usage.totalTokens": TOTAL,
    "ai.usage.reasoningTokens": REASONING,
    "ai.usage.cachedInputTokens": CACHED,
    "ai.usage.tokens": PROMPT,
}
# Of version 6.
_DETAILS = {
    "ai.usage.inputTokenDetails.cacheReadTokens": CACHED,
    "ai.usage.inputTokenDetails.cacheWriteTokens": CREATED,
    "ai.usage.outputTokenDetails.reasoningTokens": REASONING,
}


def _answer(name: str) -> rules.Rule:
    """A part of the answer; they are put together after the pass."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        if is_placeholder(value):
            return True
        fields = reading.group(_ANSWER, 0)
        first = fields.get(name, value)
        reading.gather(_ANSWER, 0, name, key, value)
        fields[name] = first
        return True

    return marks.varying(read)


@marks.gathering(*_ANSWERS)
def _build_answer(reading: Reading) -> None:
    members, raw = reading.take(_ANSWER)
    if not members:
        return
    (fields,) = members
    reason = fields.get("finish_reason")
    if reason is not None:
        reading.finish_reasons = reading.finish_reasons or [reason]
    content_keys = [
        name for name in ("text", "object", "tool_calls", "reasoning", "files") if name in fields
    ]
    if not content_keys:
        reading.restore({k: v for k, v in raw.items() if not k.endswith("finishReason")})
        return
    message = {"role": "assistant", "content": _content(fields)}
    if "tool_calls" in fields:
        message["tool_calls"] = as_list(fields["tool_calls"]) or fields["tool_calls"]
    choice = {"index": 0, "finish_reason": reason, "message": message}
    reading.offer("output", Candidate(FIRST_CHOICE, "messages", [choice], raw, _LLM, order=4))
    shown = fields.get("text", decode(fields.get("object")))
    if shown is None or set(content_keys) - {"text", "object"}:
        shown, form = [choice], "messages"
    else:
        form = "as_is"
        if reason is not None:
            reading.remainders["ai.response.finishReason"] = reason
    reading.offer("output", Candidate(FIRST_CHOICE, form, shown, raw, frozenset({"task"}), order=4))


def _content(fields: Mapping[str, Any]) -> Any:
    parts: list[Any] = []
    reasoning = decode(fields.get("reasoning"))
    if isinstance(reasoning, str) and reasoning:
        parts.append({"type": "reasoning", "text": reasoning})
    elif isinstance(reasoning, list):
        parts.extend(
            part if isinstance(part, dict) else {"type": "reasoning", "text": part}
            for part in reasoning
        )
    text = fields.get("text", fields.get("object"))
    if isinstance(text, str) and text:
        parts.append({"type": "text", "text": text})
    parts.extend(part for part in as_list(fields.get("files")) or () if isinstance(part, dict))
    return parts or None


@marks.varying
def _provider_metadata(reading: Reading, key: str, value: Any) -> bool:
    """Read cache details that only the provider's metadata has; the rest stays, opened."""
    holder = as_mapping(value)
    if holder is None:
        return False
    for inner in holder.values():
        if not isinstance(inner, dict):
            continue
        for name, canonical in _PROVIDER_COUNTS.items():
            if name in inner:
                reading.count("ai.usage", canonical, key, inner[name])
        usage = inner.get("usage")
        if isinstance(usage, dict):
            for name, canonical in _RAW_COUNTS.items():
                if name in usage:
                    reading.count("ai.usage", canonical, key, usage[name])
    if not is_placeholder(holder):
        reading.leftovers[key] = dict(holder)
    return True


_PROVIDER_COUNTS = {
    "cacheCreationInputTokens": CREATED,
    "cacheWriteInputTokens": CREATED,
    "cacheReadInputTokens": CACHED,
    "cachedPromptTokens": CACHED,
    "reasoningTokens": REASONING,
}
# The provider's own usage object, where version 5 hands it on as it came.
_RAW_COUNTS = {
    **_PROVIDER_COUNTS,
    "cache_creation_input_tokens": CREATED,
    "cache_read_input_tokens": CACHED,
}


@marks.varying
def _values(reading: Reading, key: str, value: Any) -> bool:
    listed = [decode(item) for item in value] if isinstance(value, (list, tuple)) else decode(value)
    reading.offer("input", Candidate(DOMAIN_FORM, "as_is", listed, {key: value}, _TASK))
    return True


@marks.varying
def _embeddings(reading: Reading, key: str, value: Any) -> bool:
    listed = value if isinstance(value, (list, tuple)) else [value]
    vectors = [decode(item) for item in listed]
    if vectors and all(isinstance(vector, (int, float)) for vector in vectors):
        vectors = [vectors]
    lengths = [len(vector) for vector in vectors if isinstance(vector, (list, tuple))]
    if not lengths:
        return False
    summary = {"embedding_count": len(lengths), "embedding_length": lengths[0]}
    reading.offer("output", Candidate(DOMAIN_FORM, "summary", summary, {key: value}, _TASK))
    return True


def _schema(reading: Reading, key: str, value: Any) -> bool:
    schema = decode(value)
    if not isinstance(schema, dict):
        return False
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    reading.suggest("response_format", 50, key, form, value)
    return True


def _count(name: str, *, v6: bool = False) -> rules.Rule:
    """A usage count; the details of version 6 say that its input includes the cache."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        if v6:
            reading.count("ai.usage.v6", name, key, value)
            return True
        return reading.count("ai.usage", name, key, value)

    return marks.varying(read, Count("ai.usage.v6" if v6 else "ai.usage", name))


@marks.gathering(*_COUNTS, *_DETAILS, "ai.response.providerMetadata", always=True)
def _settle_usage(reading: Reading) -> None:
    """Make version 6's record whole, and mark Anthropic's and Bedrock's older ones as exclusive."""
    families = reading.usage.families
    plain, details = families.get("ai.usage"), families.pop("ai.usage.v6", None)
    if details is not None and plain is not None:
        families["ai.usage.v6"] = {**plain, **details}
        families.pop("gen_ai", None)
    elif plain is not None:
        provider = str(reading.best("provider") or "").lower()
        if provider.startswith(("anthropic", "amazon", "bedrock", "aws")):
            reading.excludes_cache = True
            own = families.get("gen_ai")
            if own is not None and own.get(PROMPT) == plain.get(PROMPT):
                families.pop("gen_ai")
    if plain is not None and not plain.get(PROMPT) and "ai.usage.tokens" in reading.span.attributes:
        reading.count(
            "ai.usage", PROMPT, "ai.usage.tokens", reading.span.attributes["ai.usage.tokens"]
        )


def _parameter(name: str) -> rules.Rule:
    return rules.setting(name, 40)


CONVENTION = Convention(
    name="vercel_ai",
    keys={
        "ai.operationId": _operation(50),
        "operation.name": _operation(51),
        "ai.model.id": rules.named("request_model", 40),
        "ai.model.provider": rules.named("provider", 40),
        "ai.response.model": rules.named("response_model", 40),
        "ai.response.id": rules.named("response_id", 60),
        "ai.prompt": rules.content("input", FIRST_CHOICE, "request", homes=_TASK, order=4),
        "ai.prompt.messages": rules.content("input", FIRST_CHOICE, "messages", homes=_LLM, order=3),
        "ai.prompt.tools": rules.tools(40),
        "ai.prompt.toolChoice": _parameter("tool_choice"),
        **{key: _answer(name) for key, name in _ANSWERS.items()},
        "ai.response.providerMetadata": _provider_metadata,
        **{key: _count(name) for key, name in _COUNTS.items()},
        **{key: _count(name, v6=True) for key, name in _DETAILS.items()},
        "ai.response.msToFirstChunk": rules.first_token(20, unit_s=1e-3),
        "ai.stream.msToFirstChunk": rules.first_token(21, unit_s=1e-3),
        "ai.toolCall.args": rules.content("input", FIRST_CHOICE, homes=frozenset({"tool"})),
        "ai.toolCall.result": rules.content("output", FIRST_CHOICE, homes=frozenset({"tool"})),
        "ai.value": _values,
        "ai.values": _values,
        "ai.embedding": _embeddings,
        "ai.embeddings": _embeddings,
        "ai.documents": rules.member("input", "documents", DOMAIN_FORM, homes=_TASK),
        "ai.ranking": rules.content("output", DOMAIN_FORM, homes=_TASK),
        "ai.schema": _schema,
        "ai.settings.temperature": _parameter("temperature"),
        "ai.settings.maxTokens": _parameter("max_tokens"),
        "ai.settings.maxOutputTokens": _parameter("max_tokens"),
        "ai.settings.topP": _parameter("top_p"),
        "ai.settings.topK": _parameter("top_k"),
        "ai.settings.frequencyPenalty": _parameter("frequency_penalty"),
        "ai.settings.presencePenalty": _parameter("presence_penalty"),
        "ai.settings.stopSequences": _parameter("stop"),
        "ai.settings.seed": _parameter("seed"),
    },
    prefixes={
        "ai.telemetry.metadata.": rules.entry(
            {
                "userId": rules.named("user_id", 60, keep=True),
                "user_id": rules.named("user_id", 61, keep=True),
                "sessionId": rules.named("session_id", 60, keep=True),
                "session_id": rules.named("session_id", 61, keep=True),
                "threadId": rules.named("session_id", 62, keep=True),
                "tags": rules.tags(","),
            }
        ),
    },
    finish=(_build_answer, _settle_usage),
)
