"""What a span's input or output says, in one line of plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MAX_CHARS = 240
_MAX_SCANNED_CHARS = 4_000  # a message of megabytes must not be split to show its first line
_MAX_DEPTH = 8
_MAX_FIELDS = 8
_BOLD = re.compile(r"\*\*(\S[^*]{0,200})\*\*")  # answers are Markdown; one line of it is words

# Keys that hold the words of a request or an answer where people log an object of their own.
_INPUT_KEYS = (
    "messages",
    "input",
    "question",
    "query",
    "prompt",
    "user_msg",
    "query_str",
    "message",
    "text",
    "content",
    "contents",
    "user",
)
_JAVASCRIPT_FRAMES = re.compile(r"\n\s+at ")
_REFERENCES = frozenset({"braintrust_attachment", "external_attachment", "inline_attachment"})
_IMAGE_KEYS = frozenset({"image_url", "inlineData", "inline_data"})
_PAIR_ROLES = ("system", "user", "human", "assistant", "ai")
_OUTPUT_KEYS = (
    "answer",
    "output",
    "response",
    "result",
    "completion",
    "message",
    "messages",
    "choices",
    "text",
    "content",
    "page_content",
    "final_output",
)


def input_line(value: Any) -> str:
    """The last thing the user said, or the words of whatever else went in.

    Args:
        value: the `input` field of a row, any JSON value.

    Returns:
        Text of at most 240 characters without line breaks; empty where there is none.

    Example:
        >>> input_line([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "?"}])
        'Hi'
    """
    return _one_line(_said(value, roles=("user", "human"), keys=_INPUT_KEYS, depth=0))


def output_line(value: Any) -> str:
    """The answer, or the tool calls the model made instead of one.

    Args:
        value: the `output` field of a row, any JSON value.

    Returns:
        Text of at most 240 characters without line breaks; empty where there is none.

    Example:
        >>> output_line([{"index": 0, "message": {"role": "assistant", "content": "18 C"}}])
        '18 C'
    """
    return _one_line(_said(value, roles=("assistant", "model", "ai"), keys=_OUTPUT_KEYS, depth=0))


def error_line(value: Any) -> str:
    """The message of an error: of a traceback its last line, else its first.

    Args:
        value: the `error` field of a row, usually a string with a whole traceback.
    """
    if isinstance(value, Mapping):
        value = value.get("message") or value.get("error") or value
    if not isinstance(value, str):
        return _one_line(_said(value, roles=(), keys=("message",), depth=0))
    lines = [line for line in value[-_MAX_SCANNED_CHARS:].splitlines() if line.strip()]
    if not lines:
        return ""
    if "Traceback (most recent call last)" in value:
        # A message may go on for lines; it starts at the last line that is not indented.
        starts = [line for line in lines if not line.startswith((" ", "\t"))]
        return _one_line(starts[-1] if starts else lines[-1])
    return _one_line(_JAVASCRIPT_FRAMES.split(value[:_MAX_SCANNED_CHARS], maxsplit=1)[0])


def _one_line(text: str) -> str:
    line = _BOLD.sub(r"\1", " ".join(text[:_MAX_SCANNED_CHARS].split()))
    return line if len(line) <= MAX_CHARS else line[: MAX_CHARS - 1] + "…"


def _said(value: Any, *, roles: Sequence[str], keys: Sequence[str], depth: int) -> str:
    if value is None or depth > _MAX_DEPTH:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, Mapping):
        return _of_object(value, roles=roles, keys=keys, depth=depth)
    if isinstance(value, Sequence):
        return _of_list(value, roles=roles, keys=keys, depth=depth)
    return str(value)


def _of_list(
    values: Sequence[Any], *, roles: Sequence[str], keys: Sequence[str], depth: int
) -> str:
    messages = [message for message in map(_message, values) if message is not None]
    if messages:
        wanted = [message for message in messages if message.get("role") in roles]
        for message in reversed(wanted or messages):
            text = _of_message(message, depth=depth + 1)
            if text:
                return text
        return ""
    texts = (
        _said(value, roles=roles, keys=keys, depth=depth + 1) for value in values[:_MAX_FIELDS]
    )
    return " · ".join(text for text in texts if text)


def _of_object(
    value: Mapping[str, Any], *, roles: Sequence[str], keys: Sequence[str], depth: int
) -> str:
    message = _message(value)
    if message is not None:
        return _of_message(message, depth=depth)
    if value.get("type") in _REFERENCES:
        return f"[{value.get('filename') or 'file'}]"
    for key in keys:
        text = _said(value.get(key), roles=roles, keys=keys, depth=depth + 1)
        if text:
            return text
    if len(value) == 1:
        return _said(next(iter(value.values())), roles=roles, keys=keys, depth=depth + 1)
    return ", ".join(_fields(value, depth=depth))


def _fields(value: Mapping[str, Any], *, depth: int) -> Iterator[str]:
    for key in list(value)[:_MAX_FIELDS]:
        text = _said(value[key], roles=(), keys=(), depth=depth + 1)
        if text:
            yield f"{key}: {text[:MAX_CHARS]}"


def _message(value: Any) -> Mapping[str, Any] | None:
    """The message in a value: itself, that of a choice, or an item of the Responses API."""
    if not isinstance(value, Mapping):
        return _pair(value)
    inner = value.get("message")
    if isinstance(inner, Mapping) and ("role" in inner or "content" in inner):
        return {"role": "assistant", **inner}
    if isinstance(value.get("role"), str):
        return value
    if value.get("type") == "function_call":
        return {"role": "assistant", "tool_calls": [{"function": value}]}
    return None


def _pair(value: Any) -> Mapping[str, Any] | None:
    """A message written as role and text, as LangChain's prompts are."""
    if isinstance(value, list) and len(value) == 2 and value[0] in _PAIR_ROLES:
        return {"role": value[0], "content": value[1]}
    return None


def _of_message(message: Mapping[str, Any], *, depth: int) -> str:
    content = message.get("content", message.get("parts"))
    text = _of_content(content, depth=depth)
    if text:
        return text
    for key in ("refusal", "tool_calls"):
        text = _of_content(message.get(key), depth=depth)
        if text:
            return text
    return ""


def _of_content(content: Any, *, depth: int) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return _of_part(content, depth=depth)
    if isinstance(content, Sequence):
        texts = (
            [_of_content(part, depth=depth + 1) for part in content] if depth < _MAX_DEPTH else []
        )
        return " ".join(text for text in texts if text)
    return ""


def _of_part(part: Mapping[str, Any], *, depth: int) -> str:
    """The text of one part of a message; media are named, reasoning is left to the trace page."""
    function = part.get("function") or part.get("functionCall") or part.get("function_call")
    if isinstance(function, Mapping):
        return _call(function)
    kind = str(part.get("type", ""))
    if kind in _REFERENCES:
        return f"[{part.get('filename') or 'file'}]"
    if kind in ("tool_use", "tool_call"):
        return _call(part)
    if kind in ("thinking", "reasoning", "redacted_thinking"):
        return ""
    for key in ("text", "content", "refusal"):
        if isinstance(part.get(key), (str, list)):
            return _of_content(part[key], depth=depth + 1)
    if "image" in kind or not _IMAGE_KEYS.isdisjoint(part):
        return "[image]"
    if not kind and "file" in part:
        return "[file]"
    if kind in ("file", "input_file", "document", "input_audio", "audio"):
        return f"[{kind.removeprefix('input_')}]"
    return ""


def _call(function: Mapping[str, Any]) -> str:
    arguments = function.get("arguments", function.get("args", function.get("input", "")))
    if isinstance(arguments, Mapping):
        arguments = ", ".join(_fields(arguments, depth=_MAX_DEPTH - 1))
    return f"{function.get('name', 'tool')}({arguments if arguments != '{}' else ''})"
