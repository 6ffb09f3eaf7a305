"""Requests to the model APIs, wherever they turn up as JSON: messages, model and parameters.

OpenAI Chat, Completions and Responses, Anthropic, Gemini, Bedrock, Cohere, Ollama, LangChain's
dumps: each is told by its own keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from otel_braintrust.translation.decoding import decode, is_placeholder
from otel_braintrust.translation.gathered import Gathered
from otel_braintrust.translation.message_building import Message
from otel_braintrust.translation.message_shapes import is_message
from otel_braintrust.translation.messages import to_messages, with_call_ids
from otel_braintrust.translation.parameters import parameters_of
from otel_braintrust.translation.parts import collapse, gather
from otel_braintrust.translation.roles import role_of


@dataclass(slots=True)
class Request:
    """What a request to a model asked: messages, model, parameters (canonical and other).

    Attributes:
        is_taken: what it says besides its messages is noted already.
    """

    messages: list[Message] | None = None
    model: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    other: dict[str, Any] = field(default_factory=dict)
    is_taken: bool = False


MODEL_KEYS = ("model", "modelId", "model_id", "model_name", "modelVersion", "model_version")


_SYSTEM_KEYS = ("system", "system_instruction", "systemInstruction", "instructions", "preamble")


_MESSAGE_KEYS = (
    "messages",
    "input",
    "contents",
    "input_messages",
    "prompt",
    "prompts",
    "inputs",
    "inputText",
    "msg_history",
    "chat_history",
)


def read_request(value: Any) -> Request | None:
    """Read a request payload.

    Args:
        value: an object or its JSON text; a list of messages counts too.

    Returns:
        The request, or None if the value is no request to a model.
    """
    holder = decode(value)
    if isinstance(holder, (list, tuple)):
        messages = to_messages(holder)
        return Request(messages) if messages and are_said_by_someone(holder) else None
    if not isinstance(holder, dict):
        return None
    if is_message(holder):
        return Request(to_messages(holder))
    messages = _messages_of(holder)
    model = text_of(holder, MODEL_KEYS)
    known, other = parameters_of(holder)
    if messages is None and not (model and (known or other)):
        for key in ("request", "body", "kwargs", "llm_request", "params"):
            if isinstance(holder.get(key), (dict, str)):
                inner = read_request(holder[key]) if decode(holder[key]) is not holder else None
                if inner is not None and inner.messages is not None:
                    return inner
        return None
    return Request(messages, model, known, other)


def are_said_by_someone(listed: Any) -> bool:
    first = decode(listed[0]) if listed else None
    if isinstance(first, (list, tuple)) and first:
        first = decode(first[0]) if not isinstance(first[0], str) else first
    return (isinstance(first, dict) and is_message(first)) or (
        isinstance(first, (list, tuple)) and len(first) == 2 and role_of(first[0]) != first[0]
    )


def text_of(holder: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = holder.get(key)
        if isinstance(value, str) and not is_placeholder(value):
            return value
    return None


def _messages_of(holder: Mapping[str, Any]) -> list[Message] | None:
    messages: list[Message] | None = None
    for key in _MESSAGE_KEYS:
        raw = holder.get(key)
        if raw is None or is_placeholder(raw):
            continue
        if isinstance(raw, dict) and not is_message(raw):
            inner = read_request(raw)
            if inner is not None and inner.messages:
                messages = inner.messages
                break
            continue
        messages = to_messages(raw)
        if messages:
            messages = with_call_ids(messages) if key == "contents" else messages
            break
    message = holder.get("message")
    if isinstance(message, str) and message:  # Cohere v1: `message` after `chat_history`
        messages = [*(messages or []), {"role": "user", "content": message}]
    if messages is None:
        return None
    return with_system(messages, system_of(holder))


def system_of(holder: Mapping[str, Any]) -> Any:
    """Find a request's system prompt, in itself or in its configuration."""
    for key in _SYSTEM_KEYS:
        if key in holder and not is_placeholder(holder[key]):
            return holder[key]
    config = holder.get("config") or holder.get("generation_config")
    return system_of(config) if isinstance(config, dict) else None


def with_system(messages: list[Message], system: Any) -> list[Message]:
    """Put a system prompt before the messages, unless they open with it already.

    Args:
        messages: chat messages.
        system: a text, parts, an object with parts, or JSON text of those; None for no prompt.
    """
    said = system_message(system)
    if said is None:
        return messages
    if any(
        message.get("role") in ("system", "developer") and message.get("content") == said["content"]
        for message in messages
    ):
        return messages
    return [said, *messages]


def system_message(system: Any) -> Message | None:
    """Make the system message of a text, of parts or of a message."""
    system = decode(system)
    if is_placeholder(system):
        return None
    if isinstance(system, dict):
        system = next(
            (system[key] for key in ("parts", "content", "text") if system.get(key)), system
        )
    if isinstance(system, (list, tuple)):
        gathered = Gathered()
        for part in system:
            part = decode(part) if isinstance(part, str) else part
            if isinstance(part, dict) and is_message(part) and "type" not in part:
                part = part.get("parts") or part.get("content")
            for inner in part if isinstance(part, (list, tuple)) else [part]:
                gather(inner, gathered)
        return {"role": "system", "content": collapse(gathered.content)}
    return {"role": "system", "content": system if isinstance(system, str) else str(system)}
