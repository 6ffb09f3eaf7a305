"""Requests and responses of the model APIs, wherever they turn up as JSON.

OpenAI Chat, Completions and Responses, Anthropic Messages, Gemini, Bedrock Converse, Cohere, Ollama,
LangChain's dumps: each is told by its own keys, and read for messages, parameters, model and usage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from otel_braintrust.translation import usage
from otel_braintrust.translation.decoding import decode, is_placeholder
from otel_braintrust.translation.messages import (
    Message,
    finish_reason_of,
    is_message,
    role_of,
    to_choices,
    to_messages,
)
from otel_braintrust.translation.parameters import parameters_of
from otel_braintrust.translation.parts import Gathered, collapse, gather


@dataclass(slots=True)
class Request:
    """What a request to a model asked: messages, model, parameters (canonical and other)."""

    messages: list[Message] | None = None
    model: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    other: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Response:
    """What a model answered: choices, model, usage and what else the response says."""

    choices: list[dict[str, Any]] | None = None
    model: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    excludes_cache: bool = False
    response_id: str | None = None


_MODEL_KEYS = ("model", "modelId", "model_id", "model_name", "modelVersion", "model_version")
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
        return Request(messages) if messages and _are_said_by_someone(holder) else None
    if not isinstance(holder, Mapping):
        return None
    if is_message(holder):
        return Request(to_messages(holder))
    messages = _messages_of(holder)
    model = _text(holder, _MODEL_KEYS)
    known, other = parameters_of(holder)
    if messages is None and not (model and (known or other)):
        for key in ("request", "body", "kwargs", "llm_request", "params"):
            if isinstance(holder.get(key), (Mapping, str)):
                inner = read_request(holder[key]) if decode(holder[key]) is not holder else None
                if inner is not None and inner.messages is not None:
                    return inner
        return None
    return Request(messages, model, known, other)


def _are_said_by_someone(listed: Any) -> bool:
    first = decode(listed[0]) if listed else None
    if isinstance(first, (list, tuple)) and first:
        first = decode(first[0]) if not isinstance(first[0], str) else first
    return (isinstance(first, Mapping) and is_message(first)) or (
        isinstance(first, (list, tuple)) and len(first) == 2 and role_of(first[0]) != first[0]
    )


def _text(holder: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = holder.get(key)
        if isinstance(value, str) and not is_placeholder(value):
            return value
    return None


def _messages_of(holder: Mapping[str, Any]) -> list[Message] | None:
    messages: list[Message] | None = None
    for key in _MESSAGE_KEYS:
        raw = holder.get(key)
        if is_placeholder(raw):
            continue
        if isinstance(raw, Mapping) and not is_message(raw):
            inner = read_request(raw)
            if inner is not None and inner.messages:
                messages = inner.messages
                break
            continue
        messages = to_messages(raw)
        if messages:
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
        if not is_placeholder(holder.get(key)):
            return holder[key]
    config = holder.get("config") or holder.get("generation_config")
    return system_of(config) if isinstance(config, Mapping) else None


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
    if isinstance(system, Mapping):
        system = next(
            (system[key] for key in ("parts", "content", "text") if system.get(key)), system
        )
    if isinstance(system, (list, tuple)):
        gathered = Gathered()
        for part in system:
            part = decode(part) if isinstance(part, str) else part
            if isinstance(part, Mapping) and is_message(part) and "type" not in part:
                part = part.get("parts") or part.get("content")
            for inner in part if isinstance(part, (list, tuple)) else [part]:
                gather(inner, gathered)
        return {"role": "system", "content": collapse(gathered.content)}
    return {"role": "system", "content": system if isinstance(system, str) else str(system)}


def read_response(value: Any) -> Response | None:
    """Read a response payload.

    Args:
        value: an object or its JSON text; a list of choices or of messages counts too.

    Returns:
        The response, or None if the value is no answer of a model.
    """
    holder = decode(value)
    if isinstance(holder, (list, tuple)):
        choices = (
            to_choices(holder) if _are_said_by_someone(holder) or _are_choices(holder) else None
        )
        return Response(choices) if choices else None
    if not isinstance(holder, Mapping):
        return None
    choices = _choices_of(holder)
    counts, excludes_cache = _usage_of(holder)
    if choices is None and not counts:
        return None
    response_id = holder.get("id") or holder.get("responseId") or holder.get("response_id")
    return Response(
        choices,
        _text(holder, _MODEL_KEYS) or _model_inside(holder),
        counts,
        excludes_cache,
        response_id if isinstance(response_id, str) else None,
    )


def _are_choices(listed: Any) -> bool:
    return bool(listed) and all(
        isinstance(item, Mapping) and ("message" in item or item.get("type") in _OUTPUT_ITEMS)
        for item in listed
    )


_OUTPUT_ITEMS = frozenset(
    {"message", "function_call", "reasoning", "tool_use", "tool_call", "text", "output_text"}
)


def _choices_of(holder: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    for key, read in _RESPONSE_FORMS.items():
        if not is_placeholder(holder.get(key)):
            choices = read(holder, holder[key])
            if choices:
                return choices
    if is_message(holder):
        return to_choices(holder)
    return None


def _openai_choices(_holder: Mapping[str, Any], listed: Any) -> list[dict[str, Any]] | None:
    if not isinstance(listed, (list, tuple)):
        return None
    forms = []
    for choice in listed:
        if (
            isinstance(choice, Mapping)
            and isinstance(choice.get("text"), str)
            and "message" not in choice
        ):
            forms.append({**choice, "message": {"role": "assistant", "content": choice["text"]}})
        elif (
            isinstance(choice, Mapping)
            and isinstance(choice.get("delta"), Mapping)
            and "message" not in choice
        ):
            forms.append({**choice, "message": {"role": "assistant", **choice["delta"]}})
        else:
            forms.append(choice)
    return to_choices(forms)


def _content_blocks(holder: Mapping[str, Any], content: Any) -> list[dict[str, Any]] | None:
    """Read Anthropic's message, or any answer that has content and no choices."""
    if isinstance(content, Mapping):
        return to_choices({**holder, **content, "role": content.get("role", "assistant")})
    if not isinstance(content, (list, str)):
        return None
    return to_choices({**_answer(holder), "content": content})


def _answer(holder: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        key: holder[key]
        for key in (
            "finish_reason",
            "stop_reason",
            "stopReason",
            "tool_calls",
            "reasoning_content",
            "refusal",
        )
        if holder.get(key)
    }
    return {"role": role_of(holder.get("role"), "assistant"), **kept}


def _output(holder: Mapping[str, Any], output: Any) -> list[dict[str, Any]] | None:
    """Read the output of the Responses API (items) or of Bedrock Converse (a message)."""
    if isinstance(output, Mapping):
        message = output.get("message", output)
        if not isinstance(message, Mapping):
            return None
        return to_choices({**_answer(holder), **message}, [holder.get("stopReason")])
    if not isinstance(output, (list, tuple)):
        return None
    reason = "stop" if holder.get("status") == "completed" else None
    choices = to_choices([{"role": "assistant", "content": list(output)}], [reason])
    if (
        choices
        and choices[0]["message"].get("tool_calls")
        and choices[0]["finish_reason"] == "stop"
    ):
        choices[0]["finish_reason"] = "tool_calls"
    return choices


def _candidates(_holder: Mapping[str, Any], listed: Any) -> list[dict[str, Any]] | None:
    if not isinstance(listed, (list, tuple)):
        return None
    forms = []
    for index, candidate in enumerate(listed):
        if not isinstance(candidate, Mapping):
            return None
        content = candidate.get("content")
        body = content if isinstance(content, Mapping) else {"content": content}
        forms.append(
            {
                **body,
                "role": "assistant",
                "index": candidate.get("index", index),
                "finish_reason": candidate.get("finish_reason") or candidate.get("finishReason"),
            }
        )
    return to_choices(
        [
            {k: v for k, v in form.items() if k != "index"} | {"index": form["index"]}
            for form in forms
        ]
    )


def _generations(_holder: Mapping[str, Any], listed: Any) -> list[dict[str, Any]] | None:
    """Read LangChain's result: `generations[[{text, message, generation_info}]]`; Cohere's likewise."""
    if not isinstance(listed, (list, tuple)):
        return None
    flat = [
        inner for item in listed for inner in (item if isinstance(item, (list, tuple)) else [item])
    ]
    forms: list[Any] = []
    for generation in flat:
        if not isinstance(generation, Mapping):
            return None
        info = generation.get("generation_info")
        reason = (
            info.get("finish_reason")
            if isinstance(info, Mapping)
            else generation.get("finish_reason")
        )
        message = generation.get("message")
        if isinstance(message, Mapping):
            forms.append(
                {
                    "message": {"type": "ai", **message} if "kwargs" in message else message,
                    "finish_reason": reason,
                }
            )
        else:
            forms.append(
                {
                    "role": "assistant",
                    "content": generation.get("text", ""),
                    "finish_reason": reason,
                }
            )
    return to_choices([_as_answer(form) for form in forms])


def _as_answer(form: dict[str, Any]) -> dict[str, Any]:
    message = form.get("message")
    if (
        isinstance(message, dict)
        and isinstance(message.get("kwargs"), Mapping)
        and "lc" not in message
    ):
        return {**form, "message": {"role": "assistant", **message["kwargs"]}}
    return form


def _message(holder: Mapping[str, Any], message: Any) -> list[dict[str, Any]] | None:
    """Read Ollama's and Cohere's answer: one message beside its metadata."""
    if isinstance(message, Mapping):
        reason = holder.get("finish_reason") or holder.get("done_reason")
        return to_choices(
            {"role": "assistant", **message, "finish_reason": finish_reason_of(reason)}
        )
    return None


def _replies(_holder: Mapping[str, Any], listed: Any) -> list[dict[str, Any]] | None:
    """Read Haystack's replies: messages whose metadata holds the finish reason, or texts."""
    if not isinstance(listed, (list, tuple)):
        return None
    forms = []
    for reply in listed:
        meta = reply.get("meta") if isinstance(reply, Mapping) else None
        if isinstance(meta, Mapping):
            rest = {key: value for key, value in reply.items() if key != "meta"}
            forms.append({**rest, "finish_reason": meta.get("finish_reason")})
        else:
            forms.append(reply)
    return to_choices(forms)


def _plain_text(holder: Mapping[str, Any], text: Any) -> list[dict[str, Any]] | None:
    return to_choices({**_answer(holder), "content": text}) if isinstance(text, str) else None


_RESPONSE_FORMS = {
    "choices": _openai_choices,
    "candidates": _candidates,
    "generations": _generations,
    "replies": _replies,
    "output": _output,
    "content": _content_blocks,
    "message": _message,
    "messages": lambda _holder, listed: (
        to_choices(listed) if isinstance(listed, (list, tuple)) else None
    ),
    "output_text": _plain_text,
    "completion": _plain_text,
    "outputText": _plain_text,
    "text": _plain_text,
    "response": _plain_text,
}

_USAGE_KEYS = (
    "usage",
    "usage_metadata",
    "usageMetadata",
    "token_usage",
    "tokenUsage",
    "usageMetaData",
)


def _usage_of(holder: Mapping[str, Any]) -> tuple[dict[str, int], bool]:
    for key in _USAGE_KEYS:
        found = usage.of_payload(holder.get(key))
        if found[0]:
            return found
    if "eval_count" in holder:  # Ollama has its counts at the top
        return usage.of_payload(
            {key: holder.get(key) for key in ("prompt_eval_count", "eval_count")}
        )
    return _usage_inside(holder)


def _model_inside(holder: Mapping[str, Any]) -> str | None:
    return next(
        (
            found
            for inner in _usage_holders(holder)
            if isinstance(inner, Mapping) and (found := _text(inner, _MODEL_KEYS))
        ),
        None,
    )


def _usage_inside(holder: Mapping[str, Any]) -> tuple[dict[str, int], bool]:
    """Look where LangChain (`llm_output`) and Haystack (`replies[].meta`) keep their counts."""
    for inner in _usage_holders(holder):
        if isinstance(inner, Mapping):
            found = _usage_of(inner)
            if found[0]:
                return found
    return {}, False


def _usage_holders(holder: Mapping[str, Any]) -> Iterator[Any]:
    yield from (holder.get(key) for key in ("llm_output", "meta", "response_metadata"))
    for key in ("replies", "generations"):
        listed = holder.get(key)
        while isinstance(listed, (list, tuple)) and len(listed) == 1:
            listed = listed[0]
        if isinstance(listed, Mapping):
            yield listed.get("meta")
            message = listed.get("message")
            if isinstance(message, Mapping):
                body = message.get("kwargs", message)
                yield body
                yield body.get("response_metadata") if isinstance(body, Mapping) else None
