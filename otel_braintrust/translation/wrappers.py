"""The value that matters, out of the wrapper that a framework put around it.

Tasks and tools are shown with what they were given and what they returned: the arguments of a call,
the text of a crew's answer, the content of a tool message. The rest of the wrapper is not lost: it
goes to the metadata (`remainder`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation.decoding import decode_container
from otel_braintrust.translation.messages import (
    Message,
    is_message,
    role_of,
    to_choices,
    to_messages,
)

# Wrappers known by the keys that they always have, and the key whose value is meant.
INPUTS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"new_message", "session_id"}), "new_message"),  # Google ADK runner
    (frozenset({"task", "cancellation_token"}), "task"),  # AutoGen AgentChat
    (frozenset({"input_args"}), "input_args"),  # DSPy
)
OUTPUTS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"raw", "pydantic", "json_dict"}), "raw"),  # CrewAI
    (frozenset({"raw", "agent", "output_format"}), "raw"),  # CrewAI task
    (frozenset({"raw_output", "tool_name", "raw_input"}), "raw_output"),  # LlamaIndex tool
    (frozenset({"messages", "last_message"}), "last_message"),  # Haystack agent
    (frozenset({"response", "name", "id"}), "response"),  # Gemini function response
)
# A conversation alone, under the names that states and callbacks give it.
_CONVERSATIONS = frozenset({"messages", "msg_history", "chat_history"})
_CALL = frozenset({"args", "kwargs"})


def unwrap(side: str, value: Any, span_type: str) -> Any:
    """Return the value that a wrapper holds; the value itself if it is no known wrapper.

    Args:
        side: `input` or `output`.
        value: a parsed value.
        span_type: the span's type; the values of model calls are read elsewhere.
    """
    if not isinstance(value, Mapping) or not value:
        return value
    if side == "input":
        return _asked(value)
    return _answered(value, span_type)


def arguments(value: Mapping[str, Any]) -> Any:
    """Show a call: its keyword arguments, its one argument, or both as they are."""
    positional = value.get("args")
    by_name = value.get("kwargs")
    if not positional:
        return by_name if isinstance(by_name, Mapping) else dict(value)
    if not by_name and isinstance(positional, (list, tuple)) and len(positional) == 1:
        return positional[0]
    return dict(value)


def _asked(value: Mapping[str, Any]) -> Any:
    if _CALL.issuperset(value):
        return arguments(value)
    for keys, shown in INPUTS:
        if keys <= value.keys():
            inner = decode_container(value[shown])
            if isinstance(inner, Mapping) and is_message(inner):
                return to_messages(inner)
            return inner
    conversation = _conversation(value)
    return value if conversation is None else conversation


def _conversation(value: Mapping[str, Any]) -> list[Message] | None:
    """Read an object that holds messages and nothing else."""
    if len(value) != 1:
        return None
    ((name, listed),) = value.items()
    if name not in _CONVERSATIONS or not isinstance(listed, (list, tuple)) or not listed:
        return None
    inner = listed[0] if len(listed) == 1 and isinstance(listed[0], (list, tuple)) else listed
    if not all(_is_said(item) for item in inner):
        return None
    return to_messages(list(inner))


def _is_said(item: Any) -> bool:
    return (isinstance(item, Mapping) and is_message(item)) or (
        isinstance(item, (list, tuple)) and len(item) == 2 and role_of(item[0]) != item[0]
    )


def _answered(value: Mapping[str, Any], span_type: str) -> Any:
    for keys, shown in OUTPUTS:
        if keys <= value.keys():
            inner = decode_container(value[shown])
            return to_choices(inner) if isinstance(inner, Mapping) and is_message(inner) else inner
    if span_type in ("tool", "function") and (said := _tool_message(value)) is not None:
        return said
    conversation = _conversation(value)
    if conversation is not None:
        last = next((m for m in reversed(conversation) if m.get("role") == "assistant"), None)
        return to_choices([last]) if last is not None else conversation
    content = value.get("content")
    if isinstance(content, Mapping) and isinstance(content.get("parts"), (list, tuple)):
        reason = value.get("finish_reason") or value.get("finishReason")
        return to_choices([{**content, "role": "assistant"}], [reason])  # a Gemini event
    return value


def _tool_message(value: Mapping[str, Any]) -> Any:
    """Return the content of a LangChain tool message, also one inside `{"output": ...}`."""
    inner = value.get("output") if len(value) == 1 else value
    if not isinstance(inner, Mapping) or not is_message(inner):
        return None
    messages = to_messages(inner)
    if messages and len(messages) == 1 and messages[0].get("role") == "tool":
        return decode_container(messages[0].get("content"))
    return None
