"""Token counts in the usage objects of model APIs, each by the names of its provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation.usage import (
    CACHED,
    COMPLETION,
    COMPLETION_AUDIO,
    CREATED,
    CREATED_1H,
    CREATED_5M,
    PROMPT,
    PROMPT_AUDIO,
    REASONING,
    TOTAL,
    token_count,
    written_to_cache,
)

# A provider's own usage object, wherever it turns up as JSON. Nested keys are joined by a dot.
_PAYLOAD_NAMES: dict[str, str] = {
    "prompt_tokens": PROMPT,
    "input_tokens": PROMPT,
    "inputTokens": PROMPT,
    "promptTokens": PROMPT,
    "prompt_token_count": PROMPT,
    "promptTokenCount": PROMPT,
    "prompt_eval_count": PROMPT,
    "inputTokens.total": PROMPT,
    "completion_tokens": COMPLETION,
    "output_tokens": COMPLETION,
    "outputTokens": COMPLETION,
    "completionTokens": COMPLETION,
    "candidates_token_count": COMPLETION,
    "candidatesTokenCount": COMPLETION,
    "eval_count": COMPLETION,
    "outputTokens.total": COMPLETION,
    "total_tokens": TOTAL,
    "totalTokens": TOTAL,
    "total_token_count": TOTAL,
    "totalTokenCount": TOTAL,
    "prompt_tokens_details.cached_tokens": CACHED,
    "cached_tokens": CACHED,
    "input_tokens_details.cached_tokens": CACHED,
    "input_token_details.cache_read": CACHED,
    "cache_read_input_tokens": CACHED,
    "cacheReadInputTokens": CACHED,
    "cached_content_token_count": CACHED,
    "cachedContentTokenCount": CACHED,
    "cache_read_tokens": CACHED,
    "cachedInputTokens": CACHED,
    "cachedContentTokens": CACHED,
    "cached_prompt_tokens": CACHED,
    "inputTokens.cacheRead": CACHED,
    "cache_creation_input_tokens": CREATED,
    "cacheWriteInputTokens": CREATED,
    "input_token_details.cache_creation": CREATED,
    "cache_write_tokens": CREATED,
    "inputTokens.cacheWrite": CREATED,
    "cache_creation.ephemeral_5m_input_tokens": CREATED_5M,
    "cache_creation.ephemeral_1h_input_tokens": CREATED_1H,
    "completion_tokens_details.reasoning_tokens": REASONING,
    "output_tokens_details.reasoning_tokens": REASONING,
    "output_token_details.reasoning": REASONING,
    "thoughts_token_count": REASONING,
    "thoughtsTokenCount": REASONING,
    "thoughtsTokens": REASONING,
    "reasoning_tokens": REASONING,
    "reasoningTokens": REASONING,
    "outputTokens.reasoning": REASONING,
    "prompt_tokens_details.audio_tokens": PROMPT_AUDIO,
    "completion_tokens_details.audio_tokens": COMPLETION_AUDIO,
    "input_token_details.audio": PROMPT_AUDIO,
    "output_token_details.audio": COMPLETION_AUDIO,
}


def _by_holder(names: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The names that stand within another object, by that object's."""
    held: dict[str, dict[str, str]] = {}
    for key, name in names.items():
        holder, _, detail = key.partition(".")
        if detail:
            held.setdefault(holder, {})[detail] = name
    return held


_DETAIL_NAMES = _by_holder(_PAYLOAD_NAMES)
# Names by which only APIs speak whose input leaves the cache tokens out (Anthropic, Bedrock).
_EXCLUSIVE_NAMES = frozenset(
    {"cache_creation_input_tokens", "cacheReadInputTokens", "cacheWriteInputTokens"}
)


def of_payload(value: Any, *, includes_cache: bool = False) -> tuple[dict[str, int], bool]:
    """Read a provider's usage object.

    Args:
        value: `usage`, `usage_metadata` or the like, as an object.
        includes_cache: the producer has added the cache tokens to the input already.

    Returns:
        Canonical counts with cache tokens in the prompt, and whether the object left them out.
    """
    counts: dict[str, int] = {}
    if not isinstance(value, dict):
        return counts, False
    details: list[tuple[Mapping[str, str], dict[str, Any]]] = []
    for key, raw in value.items():
        if isinstance(raw, dict):
            if key in _DETAIL_NAMES:
                details.append((_DETAIL_NAMES[key], raw))
        elif (name := _PAYLOAD_NAMES.get(key)) is not None:
            _note(counts, name, raw)
    for names, inner in details:
        for key, raw in inner.items():
            if (name := names.get(key)) is not None:
                _note(counts, name, raw)
    excludes = (
        not includes_cache
        and not _EXCLUSIVE_NAMES.isdisjoint(value)
        and ("input_tokens" in value or "inputTokens" in value)
    )
    if counts.get(REASONING) and ("thoughts_token_count" in value or "thoughtsTokenCount" in value):
        counts[COMPLETION] = counts.get(COMPLETION, 0) + counts[REASONING]
    if excludes and PROMPT in counts:
        if counts.get(TOTAL) == counts[PROMPT] + counts.get(COMPLETION, 0):
            counts.pop(TOTAL)
        counts[PROMPT] += counts.get(CACHED, 0) + written_to_cache(counts)
    return counts, excludes


def _note(counts: dict[str, int], name: str, raw: Any) -> None:
    """Note a count, unless one that is not zero is there."""
    if not counts.get(name) and (count := token_count(raw)) is not None:
        counts[name] = count
