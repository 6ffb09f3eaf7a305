"""Content parts of every message shape, as OpenAI chat content, tool calls and tool results.

A part is told by its `type`, or where it has none (Bedrock, Gemini) by the key that holds its
content. Readers put what they find into a `Gathered`; a part that no reader knows stays verbatim.
Sources: OTel GenAI message schema, OpenAI Chat and Responses, Anthropic Messages, Bedrock Converse,
Gemini, Vercel AI SDK, Pydantic AI, OpenInference, LangChain content blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from otel_braintrust.translation import media
from otel_braintrust.translation.decoding import (
    as_mapping,
    decode,
    decode_container,
    read_literal,
    to_text,
)
from otel_braintrust.translation.gathered import Gathered, Part, ToolResult, first

Reader = Callable[[Part, Gathered], None]


def gather(part: Any, into: Gathered) -> None:
    """Read one part of a message's content.

    Args:
        part: a text, or an object of any known shape.
        into: what the message holds so far.
    """
    if isinstance(part, str):
        into.content.append({"type": "text", "text": part})
        return
    if not isinstance(part, dict):
        into.content.append({"type": "text", "text": to_text(part)})
        return
    kind = part.get("type") or part.get("block_type") or part.get("kind")
    reader = BY_TYPE.get(kind) if isinstance(kind, str) else None
    if reader is None and not kind:
        known = [key for key in part if key in BY_KEY and part[key] is not None]
        if known:
            reader = BY_KEY[known[0] if len(known) == 1 else min(known, key=_PLACES.__getitem__)]
    if reader is None:
        into.content.append(dict(part))
    else:
        reader(part, into)


def tool_call(call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    """Make an OpenAI tool call; arguments become JSON text, text stays as it is.

    Arguments that a producer encoded twice lose one layer; a missing id is left out.
    """
    if isinstance(arguments, str):
        inner = _second_layer(arguments)
        literal = read_literal(arguments)
        text = inner if inner is not None else to_text(literal)
    else:
        text = to_text({} if arguments is None else arguments)
    call: dict[str, Any] = {"type": "function", "function": {"name": name, "arguments": text}}
    return {"id": call_id, **call} if call_id else call


def _second_layer(text: str) -> str | None:
    """Return the inner text of arguments that were encoded twice, if they were."""
    if text[:1] != '"' or text[-1:] != '"':
        return None
    inner = decode(text)
    return None if isinstance(inner, str) else to_text(inner)


_BESIDE_TEXT_IN_ORDER = (
    "visible",
    "cache_control",
    "annotations",
    "providerMetadata",
    "signature",
    "thought_signature",
)
_BESIDE_TEXT = frozenset(_BESIDE_TEXT_IN_ORDER)


def _read_text(part: Part, into: Gathered) -> None:
    text = first(part, "text", "content", "value")
    if text is None:
        text = ""
    if isinstance(text, dict) and isinstance(text.get("value"), str):
        text = text["value"]
    if isinstance(text, list) and all(isinstance(inner, dict) for inner in text):
        for inner in text:  # a producer's part around the provider's own parts
            gather(inner, into)
        return
    kept = {"type": "text", "text": text if isinstance(text, str) else to_text(text)}
    for key in () if _BESIDE_TEXT.isdisjoint(part) else _BESIDE_TEXT_IN_ORDER:
        if part.get(key) not in (None, [], {}) and part.get(key) is not True:
            kept[key] = part[key]
    into.content.append(kept)


_THOUGHT_KEYS = ("thinking", "reasoning", "content", "text", "summary", "reasoning_content")


def _read_thinking(part: Part, into: Gathered) -> None:
    found = next((part[key] for key in _THOUGHT_KEYS if part.get(key)), "")
    signature = part.get("signature") or part.get("thoughtSignature")
    if isinstance(found, dict):
        signature = signature or found.get("signature")
        found = found.get("text") or found.get("content") or to_text(found)
    if isinstance(found, list):
        found = "\n".join(
            str(item.get("text", to_text(item))) if isinstance(item, dict) else str(item)
            for item in found
        )
    thinking = {"type": "thinking", "thinking": found if isinstance(found, str) else to_text(found)}
    if signature:
        thinking["signature"] = signature
    for key in ("id", "encrypted_content", "provider_name", "data"):
        if part.get(key):
            thinking[key] = part[key]
    into.content.append(thinking)


_CALL_KEYS = (
    "function",
    "toolUse",
    "functionCall",
    "function_call",
    "tool_call",
    "toolCall",
    "toolRequest",
)
_ARGUMENT_KEYS = (
    "arguments",
    "args",
    "input",
    "parameters",
    "argument",
    "partial_json",
    "tool_kwargs",
)


def _read_tool_call(part: Part, into: Gathered) -> None:
    body = part
    for key in _CALL_KEYS:
        inner = part.get(key)
        if isinstance(inner, dict):
            body = {
                **inner,
                **({"id": part["id"]} if part.get("id") and not inner.get("id") else {}),
            }
            if isinstance(body.get("function"), dict):
                body = {**body, **body["function"]}
            break
    call_id = first(
        body, "call_id", "toolCallId", "toolUseId", "tool_call_id", "tool_use_id", "id", "ref"
    )
    name = first(body, "name", "toolName", "tool_name")
    arguments = first(body, *_ARGUMENT_KEYS)
    into.tool_calls.append(tool_call(call_id, name, arguments))


def read_tool_calls(calls: Any, into: Gathered) -> None:
    """Read a message's `tool_calls`: a list, one object, or JSON text of either."""
    listed = decode_container(calls)
    for call in listed if isinstance(listed, (list, tuple)) else [listed]:
        decoded = as_mapping(call)
        if decoded is not None:
            _read_tool_call(decoded, into)
        elif call:
            into.content.append({"type": "text", "text": to_text(call)})


_RESULT_KEYS = ("response", "result", "output", "content", "body", "value")


def _read_tool_result(part: Part, into: Gathered) -> None:
    body: Part = part
    for key in (
        "toolResult",
        "functionResponse",
        "function_response",
        "tool_result",
        "toolResponse",
    ):
        if isinstance(part.get(key), dict):
            body = part[key]
            break
    call_id = first(
        body, "call_id", "toolCallId", "toolUseId", "tool_call_id", "tool_use_id", "id", "ref"
    )
    result = first(body, *_RESULT_KEYS)
    into.results.append(
        ToolResult(
            call_id, tool_result_content(result), first(body, "name", "toolName", "tool_name")
        )
    )


def _read_haystack_result(part: Part, into: Gathered) -> None:
    """Read Haystack's result: the call that it answers stands in it as its origin."""
    body = part["tool_call_result"]
    if not isinstance(body, dict):
        into.content.append(dict(part))
        return
    origin = body.get("origin")
    origin = origin if isinstance(origin, dict) else {}
    content = tool_result_content(body.get("result"))
    into.results.append(ToolResult(origin.get("id"), content, origin.get("tool_name")))


def tool_result_content(result: Any) -> Any:
    """Write a tool's answer as message content: text, or JSON text of a structure."""
    if isinstance(result, str):
        return result
    if result is None:
        return ""
    if isinstance(result, dict):
        if isinstance(result.get("type"), str) and "value" in result and len(result) <= 3:
            return tool_result_content(result["value"])  # Vercel: {type: text|json|content, value}
        return to_text(result)
    if isinstance(result, (list, tuple)):
        texts = [_only_text(item) for item in result]
        if texts and all(text is not None for text in texts):
            return "".join(str(text) for text in texts)
        blocks = Gathered()
        if result and all(isinstance(item, dict) and _is_part(item) for item in result):
            for item in result:
                gather(item, blocks)
            return blocks.content
    return to_text(result)


def _is_part(item: Part) -> bool:
    kind = item.get("type")
    return (isinstance(kind, str) and kind in BY_TYPE) or "image" in item or "document" in item


def _only_text(item: Any) -> str | None:
    """Return the text of a part that is nothing but text."""
    if not isinstance(item, dict):
        return None
    text = item.get("text", item.get("content"))
    if isinstance(text, str) and (
        set(item) == {"text"} or item.get("type") in ("text", "input_text", "output_text")
    ):
        return text
    if set(item) == {"json"}:
        return to_text(item["json"])
    return None


def _read_reasoning_content(part: Part, into: Gathered) -> None:
    inner = first(part, "reasoningContent", "reasoning_content")
    if isinstance(inner, dict):
        text = inner.get("reasoningText", inner)
        if isinstance(text, dict):
            _read_thinking({"thinking": text.get("text"), "signature": text.get("signature")}, into)
            return
    _read_thinking({"thinking": inner}, into)


def _read_gemini_text(part: Part, into: Gathered) -> None:
    if part.get("thought") is True:
        _read_thinking(
            {
                "thinking": part.get("text"),
                "signature": first(part, "thought_signature", "thoughtSignature"),
            },
            into,
        )
    else:
        _read_text(part, into)


def _read_refusal(part: Part, into: Gathered) -> None:
    text = first(part, "refusal", "content", "text")
    into.refusal = (into.refusal or "") + (text if isinstance(text, str) else to_text(text))


def _read_output_item(part: Part, into: Gathered) -> None:
    """Read a nested message: its content joins this one's."""
    content = part.get("content")
    for inner in content if isinstance(content, list) else [content]:
        if inner is not None:
            gather(inner, into)


def _read_verbatim(part: Part, into: Gathered) -> None:
    into.content.append(dict(part))


BY_TYPE: dict[str | None, Reader] = {
    "text": _read_gemini_text,
    "input_text": _read_text,
    "output_text": _read_text,
    "summary_text": _read_text,
    "reasoning": _read_thinking,
    "thinking": _read_thinking,
    "refusal": _read_refusal,
    "tool_call": _read_tool_call,
    "tool-call": _read_tool_call,
    "tool_use": _read_tool_call,
    "toolUse": _read_tool_call,
    "function_call": _read_tool_call,
    "functionCall": _read_tool_call,
    "function": _read_tool_call,
    "tool_call_response": _read_tool_result,
    "tool-result": _read_tool_result,
    "tool_result": _read_tool_result,
    "toolResult": _read_tool_result,
    "function_call_output": _read_tool_result,
    "function_response": _read_tool_result,
    "functionResponse": _read_tool_result,
    "image_url": media.read_image_url,
    "input_image": media.read_image_url,
    "file": media.read_file,
    "image": media.read_media,
    "audio": media.read_media,
    "video": media.read_media,
    "document": media.read_media,
    "media": media.read_media,
    "blob": media.read_media,
    "uri": media.read_media,
    "binary": media.read_media,
    "image-url": media.read_media,
    "audio-url": media.read_media,
    "video-url": media.read_media,
    "document-url": media.read_media,
    "input_audio": _read_verbatim,
    "input_file": _read_verbatim,
    "message": _read_output_item,
}


# Parts that have no type: the key that holds the content tells what they are.
BY_KEY: dict[str, Reader] = {
    "toolUse": _read_tool_call,
    "toolResult": _read_tool_result,
    "functionCall": _read_tool_call,
    "function_call": _read_tool_call,
    "functionResponse": _read_tool_result,
    "function_response": _read_tool_result,
    "reasoningContent": _read_reasoning_content,
    "reasoning_content": _read_reasoning_content,
    "inlineData": media.read_inline_data,
    "inline_data": media.read_inline_data,
    "fileData": media.read_inline_data,
    "file_data": media.read_inline_data,
    "tool_call": _read_tool_call,
    "tool_result": _read_tool_result,
    "toolRequest": _read_tool_call,
    "toolResponse": _read_tool_result,
    "tool_call_result": _read_haystack_result,
    "image": media.read_keyed_media,
    "document": media.read_keyed_media,
    "video": media.read_keyed_media,
    "image_url": media.read_image_url,
    "text": _read_gemini_text,
    "content": _read_text,
}


_PLACES = {key: place for place, key in enumerate(BY_KEY)}


def collapse(parts: list[Any]) -> Any:
    """Write content parts as a message has them: none is null, one plain text is that text."""
    if not parts:
        return None
    if len(parts) == 1:
        part = parts[0]
        if isinstance(part, dict) and part.get("type") == "text" and len(part) == 2:
            return part["text"]
    return parts
