"""The value that matters, out of the wrapper that a framework put around it.

Tasks and tools are shown with what they were given and what they returned: the arguments of a call,
the text of a crew's answer, the content of a tool message. The rest of the wrapper is not lost: it
goes to the metadata (`remainder`).
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation.choices import to_choices
from otel_braintrust.translation.decoding import decode_container
from otel_braintrust.translation.message_shapes import is_message
from otel_braintrust.translation.messages import to_messages
from otel_braintrust.translation.roles import role_of

# Wrappers known by the keys that they always have, and the key whose value is meant.
INPUTS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"new_message", "session_id"}), "new_message"),  # Google ADK runner
    (frozenset({"task", "cancellation_token"}), "task"),  # AutoGen AgentChat
    (frozenset({"msg_history"}), "msg_history"),  # Guardrails
    (frozenset({"input_args"}), "input_args"),  # DSPy
    (frozenset({"tool_name", "arguments"}), "arguments"),  # MCP
)
OUTPUTS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"graph", "update", "resume", "goto"}), "update"),  # LangGraph command
    (frozenset({"raw", "pydantic", "json_dict"}), "raw"),  # CrewAI
    (frozenset({"raw", "agent", "output_format"}), "raw"),  # CrewAI task
    (frozenset({"raw_output", "tool_name", "raw_input"}), "raw_output"),  # LlamaIndex tool
    (frozenset({"response", "tool_calls", "current_agent_name"}), "response"),  # LlamaIndex agent
    (frozenset({"messages", "last_message"}), "last_message"),  # Haystack agent
    (frozenset({"response", "name", "id"}), "response"),  # Gemini function response
)
# Whatever has none of these is no wrapper.
_INPUT_NAMES = frozenset().union(*(keys for keys, _ in INPUTS))
_OUTPUT_NAMES = frozenset().union(*(keys for keys, _ in OUTPUTS))
# What no framework serialised, and none dumped, has none of these.
_OF_FRAMEWORKS = frozenset({"additional_kwargs", "data", "lc"})
MAX_DEPTH = 32
_CALL = frozenset({"args", "kwargs"})
_SCALARS = frozenset({str, int, float, bool, type(None)})

# The argument of an agent's run that is its question; the others are settings of the run.
QUESTIONS = (
    "task",
    "question",
    "query",
    "prompt",
    "user_input",
    "user_message",
    "message",
    "input",
)


def unwrap(side: str, value: Any, span_type: str) -> Any:
    """Return the value that a wrapper holds; the value itself if it is no known wrapper.

    Args:
        side: `input` or `output`.
        value: a parsed value.
        span_type: the span's type; the values of model calls are read elsewhere.
    """
    if isinstance(value, (list, tuple)):
        return _listed(side, value, span_type)
    if not isinstance(value, dict) or not value:
        return value
    found = _asked(value, span_type) if side == "input" else _answered(value, span_type)
    return plain(found)


def _listed(side: str, values: Any, span_type: str) -> Any:
    if len(values) == 1 and side == "output" and isinstance(values[0], dict):
        inner = _answered(values[0], span_type)
        if inner is not values[0]:
            return plain(inner)
    if span_type == "tool" and side == "output" and values and all(_is_text(v) for v in values):
        return "".join(v["text"] for v in values)
    if values and all(_is_said(item) for item in values):
        return to_messages(list(values))
    return plain(values)


def _is_text(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("text"), str)
        and value.keys() <= {"text", "type"}
    )


def plain(value: Any, depth: int = 0) -> Any:
    """Turn LangChain's serialised objects, wherever they stand in a value, into what they mean.

    Args:
        value: a parsed value; messages in it become chat messages, prompts lists of them. What has
            none of these is handed back as it is.
        depth: how deep in the value this is.
    """
    if depth > MAX_DEPTH or type(value) in _SCALARS:
        return value
    if isinstance(value, dict):
        if not _OF_FRAMEWORKS.isdisjoint(value) and (meant := _meant(value)) is not None:
            return meant
        return _with_plain_members(value, depth)
    if isinstance(value, (list, tuple)):
        if _SCALARS.issuperset(map(type, value)):
            return value if type(value) is list else list(value)
        made = [plain(inner, depth + 1) for inner in value]
        is_same = type(value) is list and all(map(operator.is_, made, value))
        return value if is_same else made
    return value


def _with_plain_members(value: dict[str, Any], depth: int) -> dict[str, Any]:
    """Return an object with its members made plain: itself if they are."""
    changed: dict[str, Any] = {}
    for key, inner in value.items():
        if type(inner) not in _SCALARS:
            made = plain(inner, depth + 1)
            if made is not inner:
                changed[key] = made
    return {**value, **changed} if changed else value


def _meant(value: dict[str, Any]) -> Any:
    """Return what an object that a framework wrote means; None if no framework did."""
    if _is_serialised(value):
        body = value["kwargs"]
        listed = body.get("messages")
        if isinstance(listed, (list, tuple)) and listed and "content" not in body:
            return to_messages(list(listed)) or value
        messages = to_messages(value) if is_message(value) and "content" in body else None
        return messages[0] if messages and len(messages) == 1 else value
    if is_message(value) and (isinstance(value.get("data"), dict) or _is_dumped(value)):
        messages = to_messages(value)
        return messages[0] if messages and len(messages) == 1 else value
    return None


def _is_serialised(value: Mapping[str, Any]) -> bool:
    return "lc" in value and isinstance(value.get("kwargs"), dict)


def _is_dumped(value: Mapping[str, Any]) -> bool:
    """Tell whether an object is a framework's dump of a message: LangChain's or LlamaIndex's."""
    return "additional_kwargs" in value and ("response_metadata" in value or "blocks" in value)


def arguments(value: Mapping[str, Any]) -> Any:
    """Show a call: its keyword arguments, its one argument, or both as they are."""
    positional = value.get("args")
    by_name = value.get("kwargs")
    if not positional:
        return by_name if isinstance(by_name, dict) else dict(value)
    if not by_name and isinstance(positional, (list, tuple)) and len(positional) == 1:
        return positional[0]
    return dict(value)


def _asked(value: Mapping[str, Any], span_type: str) -> Any:
    if _CALL.issuperset(value) or _is_call(value):
        return arguments({key: value[key] for key in _CALL if key in value})
    for keys, shown in () if _INPUT_NAMES.isdisjoint(value) else INPUTS:
        if keys <= value.keys():
            inner = decode_container(value[shown])
            if isinstance(inner, dict) and is_message(inner):
                return to_messages(inner)
            return inner
    return _question(value) if span_type == "task" else value


def _is_call(value: Mapping[str, Any]) -> bool:
    """Tell whether an object is a call's arguments with flags of the call beside them."""
    return (
        isinstance(value.get("args"), (list, tuple))
        and isinstance(value.get("kwargs"), dict)
        and all(key in _CALL or _is_setting(inner) for key, inner in value.items())
    )


def _question(value: Mapping[str, Any]) -> Any:
    """Return the question out of a run's arguments, if all others are settings left as they were.

    One argument alone stays an object: its name says what it is.
    """
    asked = next((key for key in QUESTIONS if isinstance(value.get(key), str)), None)
    if asked is None or len(value) == 1:
        return value
    others = (inner for key, inner in value.items() if key != asked)
    return value[asked] if all(_is_setting(inner) for inner in others) else value


def _is_setting(value: Any) -> bool:
    return value is None or isinstance(value, bool) or value in ({}, [])


def _is_said(item: Any) -> bool:
    return (isinstance(item, dict) and is_message(item)) or (
        isinstance(item, (list, tuple)) and len(item) == 2 and role_of(item[0]) != item[0]
    )


def _answered(value: Mapping[str, Any], span_type: str) -> Any:
    for keys, shown in () if _OUTPUT_NAMES.isdisjoint(value) else OUTPUTS:
        if keys <= value.keys():
            inner = decode_container(value[shown])
            return to_choices(inner) if isinstance(inner, dict) and is_message(inner) else inner
    if span_type in ("tool", "function") and (said := _tool_message(value)) is not None:
        return said
    content = value.get("content")
    if isinstance(content, dict) and isinstance(content.get("parts"), (list, tuple)):
        reason = value.get("finish_reason") or value.get("finishReason")
        return to_choices([{**content, "role": "assistant"}], [reason])  # a Gemini event
    return value


# What Python writes of LangChain's tool message: `content='18 C' name='f' tool_call_id='c'`.
_TOOL_MESSAGE = re.compile(
    r"""^content=('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*") (?:\w+=.* )?tool_call_id=""", re.DOTALL
)


def _content_in_repr(text: str) -> Any:
    found = _TOOL_MESSAGE.match(text)
    if found is None:
        return None
    try:
        return decode_container(ast.literal_eval(found[1]))
    except (ValueError, SyntaxError):
        return None


def _tool_message(value: Mapping[str, Any]) -> Any:
    """Return the content of a LangChain tool message, also one inside `{"output": ...}`."""
    inner = value.get("output") if len(value) == 1 else value
    if isinstance(inner, str):
        return _content_in_repr(inner)
    if not isinstance(inner, dict) or not is_message(inner):
        return None
    messages = to_messages(inner)
    if messages and len(messages) == 1 and messages[0].get("role") == "tool":
        return decode_container(messages[0].get("content"))
    return None
