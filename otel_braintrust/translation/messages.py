"""Messages of every shape as OpenAI chat messages.

One converter reads them all: it looks at the shape of what it is given, never at the producer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otel_braintrust.translation import parts
from otel_braintrust.translation.decoding import as_list, decode, decode_container, to_text
from otel_braintrust.translation.gathered import Gathered
from otel_braintrust.translation.message_building import Message, MessageBuilder, item_messages
from otel_braintrust.translation.message_shapes import (
    ITEM_TYPES,
    is_loose_part,
    is_message,
    is_pair,
)
from otel_braintrust.translation.plain_messages import plain, plain_answer
from otel_braintrust.translation.roles import KNOWN_ROLES, role_of

_LANGCHAIN_NOISE = frozenset(
    [
        "response_metadata",
        "usage_metadata",
        "example",
        "invalid_tool_calls",
        "tool_call_chunks",
        "chunk_position",
        "type",
        "additional_kwargs",
        "lc_attributes",
        "lc_kwargs",
        "lc_namespace",
    ]
)


def to_messages(value: Any, default_role: str = "user") -> list[Message] | None:
    """Convert a list of messages, one message, or a text.

    Args:
        value: native values or JSON text in any shape that carries roles, parts or content.
        default_role: role of a text, or of a message that names none.

    Returns:
        OpenAI chat messages, or None if the value holds no messages.
    """
    if type(value) is list:
        return _listed(value, default_role)
    value = decode(value)
    if isinstance(value, str):
        return [{"role": default_role, "content": value}] if value else None
    if isinstance(value, dict):
        return _one(value, default_role) if is_message(value) else None
    return _listed(value, default_role) if isinstance(value, (list, tuple)) else None


def _listed(value: Sequence[Any], default_role: str) -> list[Message] | None:
    if not value:
        return None
    found = list(map(plain, value))
    if all(found):
        return found  # type: ignore[return-value]  # none is None
    if len(value) == 1 and isinstance(value[0], (list, tuple)) and not is_pair(value[0]):
        return to_messages(value[0], default_role)  # LangChain batches: [[message, ...]]
    return _many(value, default_role)


def simple_messages(values: Any) -> list[Message] | None:
    """Convert a list of messages of which each can be converted by itself.

    Args:
        values: anything.

    Returns:
        The messages, before :func:`without_repeats`; None if one may bear on another, or is none.
    """
    if type(values) is not list:
        return None
    found = []
    for value in values:
        message = plain(value) or plain_answer(value)
        if message is None:
            return None
        found.append(message)
    return found


def _many(values: Sequence[Any], default_role: str) -> list[Message] | None:
    found: list[Message] = []
    loose: list[Any] = []
    for item in values:
        simple = plain(item) or plain_answer(item)
        if simple is not None and not loose:
            found.append(simple)
            continue
        decoded = decode_container(item)
        if isinstance(decoded, dict) and is_message(decoded):
            _flush_loose(loose, found, default_role)
            found.extend(_one(decoded, default_role))
        elif is_pair(decoded):
            _flush_loose(loose, found, default_role)
            found.extend(_one({"role": decoded[0], "content": decoded[1]}, default_role))
        elif isinstance(decoded, dict) and not is_loose_part(decoded):
            return None
        elif isinstance(decoded, (str, dict)):
            loose.append(decoded)
        else:
            return None
    _flush_loose(loose, found, default_role)
    return without_repeats(found) or None


def with_call_ids(messages: list[Message]) -> list[Message]:
    """Give calls without an id one made of their place, and their results the same, by name.

    Gemini's calls have no ids of their own; without them nobody can tell which result is whose.
    """
    waiting: list[tuple[str | None, str]] = []
    for position, message in enumerate(messages):
        for place, call in enumerate(message.get("tool_calls") or ()):
            if not call.get("id"):
                call_id = f"call_{position}_{place}"
                message["tool_calls"][place] = {"id": call_id, **call}
                waiting.append((call["function"].get("name"), call_id))
        if message["role"] == "tool" and not message.get("tool_call_id"):
            match = next((w for w in waiting if w[0] == message.get("name")), None)
            if match is not None:
                waiting.remove(match)
                message["tool_call_id"] = match[1]
    return messages


def without_repeats(messages: list[Message]) -> list[Message]:
    """Drop a tool's answer told twice in a row: as an event of its own, or as a text beside."""
    kept: list[Message] = []
    for message in messages:
        before = kept[-1] if kept and message["role"] == "tool" else None
        if before is not None and before["role"] == "tool":
            if message == before:
                continue
            if "tool_call_id" not in before and before["content"] == message["content"]:
                kept[-1] = message
                continue
        kept.append(message)
    return kept


def _flush_loose(loose: list[Any], found: list[Message], default_role: str) -> None:
    """Make a message of parts that stand in a list of messages by themselves."""
    if loose:
        found.extend(_one({"role": default_role, "content": list(loose)}, default_role))
        loose.clear()


def _unwrap(message: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any]:
    """Return a message's body and its role's raw text, out of wrappers around it."""
    if isinstance(message.get("message"), dict) and not (
        "content" in message or "parts" in message
    ):
        body, role = _unwrap(message["message"])
        return body, message.get("role") if role is None else role
    kwargs = message.get("kwargs")
    if isinstance(kwargs, dict) and ("lc" in message or isinstance(message.get("id"), list)):
        path = message.get("id")
        name = path[-1] if isinstance(path, (list, tuple)) and path else kwargs.get("type")
        role = kwargs.get("role") if str(name).startswith("Chat") else name
        return _without_noise(kwargs), role
    data = message.get("data")
    if isinstance(data, dict) and "role" not in message and isinstance(message.get("type"), str):
        return _without_noise(data), message["type"]
    if "role" in message:
        return message, message["role"]
    kind = message.get("type")
    if isinstance(kind, str) and role_of(kind) in KNOWN_ROLES and "content" in message:
        return _without_noise(message), kind
    return message, None


def _without_noise(body: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what LangChain writes on every message; its extras may hold the tool calls."""
    return {k: v for k, v in body.items() if k not in _LANGCHAIN_NOISE or k == "additional_kwargs"}


def _one(message: Mapping[str, Any], default_role: str) -> list[Message]:
    """Convert one message; tool results in it become messages of their own, in their place."""
    simple = plain(message)
    if simple is not None:
        return [simple]
    body, raw_role = _unwrap(message)
    kind = body.get("type")
    if raw_role is None and kind in ITEM_TYPES and kind != "message":
        return item_messages(body)
    role = role_of(raw_role, default_role) or default_role
    builder = MessageBuilder(role, body)
    content = _content_of(body)
    if role == "tool" and isinstance(body.get("content"), dict):
        return [builder.tool_message(body["content"])]
    if role == "tool" and not _holds_results(content):
        return [builder.tool_message(content)]
    for part in content if isinstance(content, (list, tuple)) else [content]:
        if part is not None and part != "":
            builder.add(decode_container(part) if isinstance(content, (list, tuple)) else part)
    for image in body.get("images") or ():  # Ollama: base64 images beside the text
        if isinstance(image, (str, bytes)):
            builder.add({"type": "image", "data": image, "mime_type": "image/png"})
    builder.add_calls(body)
    return builder.messages()


def _content_of(body: Mapping[str, Any]) -> Any:
    for key in ("parts", "content", "contents", "text", "blocks"):
        value = body.get(key)
        if value is not None:
            if isinstance(value, str):
                return _content_list(value)
            if isinstance(value, dict):
                inner = value.get("parts") or value.get("content")
                return inner if inner is not None else [value]
            return list(value) if isinstance(value, (list, tuple)) else to_text(value)
    return None


def _content_list(text: str) -> Any:
    """Parse content that is the JSON text of a list of parts; all other text is text."""
    if text[:1] == "[" or text[:2] in (" [", "\n["):
        listed = as_list(text)
        if listed and all(isinstance(item, dict) and _is_typed_part(item) for item in listed):
            return listed
    return text


def _is_typed_part(item: Mapping[str, Any]) -> bool:
    kind = item.get("type")
    if isinstance(kind, str):
        return kind in parts.BY_TYPE
    return len(item) == 1 and next(iter(item)) in parts.BY_KEY


def _holds_results(content: Any) -> bool:
    if not isinstance(content, (list, tuple)):
        return False
    probe = Gathered()
    for part in content:
        if isinstance(part, dict):
            parts.gather(part, probe)
    return bool(probe.results)
