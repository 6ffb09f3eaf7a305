"""The messages that most calls have: one text, calls of tools, or what a tool answered.

They need no look at every shape that a message can have. What is here gives what `messages` and
`choices` make of the same, or None for any message that is not so plain.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation import parts
from otel_braintrust.translation.message_building import Message
from otel_braintrust.translation.roles import KNOWN_ROLES, finish_reason_of

PLAIN_ROLES = KNOWN_ROLES - {"tool"}
# A text that begins with one of these may be the JSON text of a list of parts.
_MAY_BE_PARTS = frozenset({"", "[", " ", "\n"})
# OpenTelemetry's own messages say of most speakers that they have no name.
_OF_PARTS = frozenset({"role", "parts", "finish_reason", "name"})
_OF_RESULT = frozenset({"role", "parts", "name"})
_CALL = frozenset({"type", "id", "name", "arguments"})
_API_CALL = frozenset({"type", "id", "function", "index"})
_FUNCTION = {"name", "arguments"}
_RESULT = {"type", "id", "response"}
_ANSWER = frozenset({"role", "content", "tool_call_id", "name"})
# With one of these a choice is more than a message and the reason why it ended.
_NOT_OF_CHOICES = frozenset(
    {
        "content",
        "data",
        "finishReason",
        "kwargs",
        "lc",
        "parts",
        "response_metadata",
        "role",
        "stopReason",
        "stop_reason",
        "text",
        "type",
    }
)


def plain(message: Any) -> Message | None:
    """Convert a message of one text or of calls, as most are; None if it is any other.

    Args:
        message: anything that may be a message.
    """
    if type(message) is not dict:
        return None
    role, content = message.get("role"), message.get("content")
    if type(role) is not str or role not in PLAIN_ROLES:
        return None
    if type(content) is str and len(message) == 2:
        return None if content[:1] in _MAY_BE_PARTS else {"role": role, "content": content}
    listed = message.get("parts")
    if listed is None:
        return _of_api(role, content, message)
    if _OF_PARTS.issuperset(message) and message.get("name") is None:
        return _of_parts(role, listed)
    return None


def plain_answer(message: Any) -> Message | None:
    """Convert what a tool answered; None if it is anything else, or in another form.

    Args:
        message: anything that may be a message.
    """
    if type(message) is not dict or message.get("role") != "tool":
        return None
    listed = message.get("parts")
    if listed is not None:
        is_plain = _OF_RESULT.issuperset(message) and message.get("name") is None
        return _of_result(listed) if is_plain else None
    content = message.get("content")
    if type(content) is not str or content[:1] in _MAY_BE_PARTS or not _ANSWER.issuperset(message):
        return None
    answer: Message = {"role": "tool", "content": content}
    call_id, name = message.get("tool_call_id"), message.get("name")
    if type(call_id) is str and call_id:
        answer["tool_call_id"] = call_id
    if type(name) is str:
        answer["name"] = name
    elif name is not None:
        return None
    return answer


def plain_choice(choice: Any) -> dict[str, Any] | None:
    """Convert a message, or a choice that holds one, to a choice; None if it is not so plain.

    Args:
        choice: anything that may be an answer.
    """
    message = plain(choice)
    if message is not None:
        reason = finish_reason_of(choice.get("finish_reason"))
        return {"index": None, "finish_reason": reason, "message": message}
    if type(choice) is not dict or not _NOT_OF_CHOICES.isdisjoint(choice):
        return None
    inner = choice.get("message")
    message = plain(inner)
    if message is None or inner is None:
        return None
    reason = finish_reason_of(choice.get("finish_reason"))
    reason = reason or finish_reason_of(inner.get("finish_reason"))
    return {"index": choice.get("index"), "finish_reason": reason, "message": message}


def _of_parts(role: str, listed: Any) -> Message | None:
    """Convert a text, calls or both in OpenTelemetry's parts, or a text in Gemini's."""
    if type(listed) is not list:
        return None
    text: str | None = None
    calls: list[dict[str, Any]] = []
    for part in listed:
        kind = part.get("type") if type(part) is dict else ""
        if kind == "tool_call" and _CALL.issuperset(part):
            calls.append(parts.tool_call(part.get("id"), part.get("name"), part.get("arguments")))
            continue
        if text is None and kind == "text" and len(part) == 2:
            text = part.get("content")
        elif text is None and kind is None and len(part) == 1:  # Gemini's
            text = part.get("text")
        else:
            return None
        if type(text) is not str:
            return None
    if not calls:
        return {"role": role, "content": text}
    return {"role": role, "content": text, "tool_calls": calls}


def _of_api(role: str, content: Any, message: Message) -> Message | None:
    """Convert a text, calls or both as OpenAI's API has them, among fields that are not set."""
    if type(content) is list:
        content = _only_text(content)
        if content is None:
            return None
    elif content is not None and (type(content) is not str or content[:1] in _MAY_BE_PARTS):
        return None
    calls: list[dict[str, Any]] | None = []
    for key, value in message.items():
        if key in ("role", "content", "finish_reason") or value is None or value in ([], {}):
            continue
        calls = _api_calls(value) if key == "tool_calls" else None
        if calls is None:
            return None
    if calls:
        return {"role": role, "content": content, "tool_calls": calls}
    return {"role": role, "content": content} if content is not None else None


def _only_text(listed: list[Any]) -> str | None:
    part = listed[0] if len(listed) == 1 else None
    if type(part) is not dict or type(part.get("text")) is not str:
        return None
    is_plain = len(part) == 1 or (len(part) == 2 and part.get("type") == "text")
    return part["text"] if is_plain else None


def _api_calls(listed: Any) -> list[dict[str, Any]] | None:
    if type(listed) is not list:
        return None
    calls = []
    for call in listed:
        function = call.get("function") if type(call) is dict else None
        if type(function) is not dict or function.keys() != _FUNCTION:
            return None
        if not _API_CALL.issuperset(call):
            return None
        calls.append(parts.tool_call(call.get("id"), function["name"], function["arguments"]))
    return calls


def _of_result(listed: Any) -> Message | None:
    """Convert what a tool answered in OpenTelemetry's parts."""
    part = listed[0] if type(listed) is list and len(listed) == 1 else None
    if type(part) is not dict or part.keys() != _RESULT or part["type"] != "tool_call_response":
        return None
    answer: Message = {"role": "tool", "content": parts.tool_result_content(part["response"])}
    if part["id"]:
        answer["tool_call_id"] = part["id"]
    return answer
