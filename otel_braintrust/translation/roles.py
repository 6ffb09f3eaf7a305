"""Roles and finish reasons of every provider in OpenAI's spelling."""

from __future__ import annotations

from typing import Any

ROLES: dict[str, str] = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "humanmessage": "user",
    "systemmessage": "system",
    "toolmessage": "tool",
    "functionmessage": "tool",
    "function": "tool",
    "tool_result": "tool",
    # smolagents: calls and results in text, as its `tool_role_conversions` send them to a model.
    "tool-response": "user",
    "tool-call": "assistant",
    "tool_response": "tool",
    "ipython": "tool",
}


KNOWN_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


FINISH_REASONS: dict[str, str] = {
    "tool_call": "tool_calls",
    "tool-calls": "tool_calls",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "end_turn": "stop",
    "stop": "stop",
    "complete": "stop",
    "completed": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "finish_reason.stop": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "length": "length",
    "finish_reason.max_tokens": "length",
    "content-filter": "content_filter",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
    "guardrail_intervened": "content_filter",
}


def role_of(raw: Any, default: str | None = None) -> str | None:
    """Spell a message's role as OpenAI does: `human` is user, `MessageRole.SYSTEM` is system."""
    if not isinstance(raw, str) or not raw or raw == "unknown":
        return default
    lowered = raw.lower()
    if lowered in KNOWN_ROLES:
        return lowered
    if lowered in ROLES:
        return ROLES[lowered]
    tail = lowered.rpartition(".")[2]
    if tail in KNOWN_ROLES:
        return tail
    return ROLES.get(tail, raw)


def finish_reason_of(raw: Any) -> str | None:
    """Spell a finish reason as OpenAI does; an unknown one stays as it is."""
    if type(raw) is str and raw in FINISH_REASONS:
        return FINISH_REASONS[raw]
    if isinstance(raw, dict):
        raw = raw.get("unified") or raw.get("type") or raw.get("raw")
    if not isinstance(raw, str) or not raw or raw in ("None", "null"):
        return None
    lowered = raw.lower()
    return FINISH_REASONS.get(lowered) or FINISH_REASONS.get(lowered.rpartition(".")[2], raw)
