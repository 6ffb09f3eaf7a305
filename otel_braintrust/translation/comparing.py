"""How much messages tell, and whether two lists of them say the same."""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.decoding import as_list, decode, is_placeholder


def richness(messages: Any) -> tuple[int, int, int]:
    """Measure how much a list of messages or choices tells: texts, calls and results, media."""
    texts = calls = media = 0
    for item in messages if isinstance(messages, list) else ():
        message = item.get("message", item) if isinstance(item, dict) else {}
        content = message.get("content") if isinstance(message, dict) else None
        made = as_list(message.get("tool_calls")) or () if "tool_calls" in message else ()
        texts += not is_placeholder(content) or bool(message.get("tool_calls"))
        calls += 2 * len(made) + (message.get("role") == "tool")
        calls += bool(message.get("tool_call_id"))
        calls += sum(bool(call.get("id")) for call in made if isinstance(call, dict))
        if isinstance(content, list):
            media += sum(
                isinstance(p, dict) and p.get("type") not in ("text", "thinking") for p in content
            )
    return texts, calls, media


def same_said(ours: Any, theirs: Any) -> bool:
    """Tell whether two lists of messages or choices say the same, however they encode it."""
    return bool(ours) and (ours == theirs or _said(ours) == _said(theirs))


def _said(messages: Any) -> list[Any]:
    listed = messages if isinstance(messages, list) else []
    return [_said_by(item) for item in listed]


def _said_by(item: Any) -> Any:
    message = item.get("message", item) if isinstance(item, dict) else item
    if not isinstance(message, dict):
        return message
    calls = [
        (call.get("id"), function.get("name"), decode(function.get("arguments")))
        for call in (as_list(message["tool_calls"]) or () if "tool_calls" in message else ())
        if isinstance(call, dict) and isinstance(function := call.get("function"), dict)
    ]
    return message.get("role"), message.get("content") or None, calls, message.get("tool_call_id")
