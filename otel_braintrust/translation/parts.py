"""Content parts of every message shape, as OpenAI chat content, tool calls and tool results.

A part is told by its `type`, or where it has none (Bedrock, Gemini) by the key that holds its
content. Readers put what they find into a `Gathered`; a part that no reader knows stays verbatim.
Sources: OTel GenAI message schema, OpenAI Chat and Responses, Anthropic Messages, Bedrock Converse,
Gemini, Vercel AI SDK, Pydantic AI, OpenInference, LangChain content blocks.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from otel_braintrust.translation.decoding import as_mapping, decode_container, to_text


@dataclass(slots=True)
class ToolResult:
    """What a tool answered, for one call."""

    call_id: str | None
    content: Any
    name: str | None = None


@dataclass(slots=True)
class Gathered:
    """The parts of one message so far: content, tool calls, a refusal; results end it."""

    content: list[Any] = field(default_factory=list)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    refusal: str | None = None
    results: list[ToolResult] = field(default_factory=list)
    order: list[str] = field(default_factory=list)


Part = Mapping[str, Any]
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
    if not isinstance(part, Mapping):
        into.content.append({"type": "text", "text": to_text(part)})
        return
    kind = part.get("type")
    reader = BY_TYPE.get(kind) if isinstance(kind, str) else None
    if reader is None and not kind:
        reader = next(
            (BY_KEY[key] for key in BY_KEY if key in part and part[key] is not None), None
        )
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
        text = inner if inner is not None else arguments
    else:
        text = to_text({} if arguments is None else arguments)
    call: dict[str, Any] = {"type": "function", "function": {"name": name, "arguments": text}}
    return {"id": call_id, **call} if call_id else call


def _second_layer(text: str) -> str | None:
    if text[:1] == '"' and text[-1:] == '"':
        inner = decode_container(as_text(text))
        if isinstance(inner, (dict, list)):
            return to_text(inner)
    return None


def as_text(json_string: str) -> str:
    """Read the text of a JSON string; other text as it is."""
    from otel_braintrust.translation.decoding import decode

    value = decode(json_string)
    return value if isinstance(value, str) else to_text(value)


def data_uri(data: Any, media_type: str | None) -> str:
    """Make a data URI of base64 text or bytes; text that is a URI already stays."""
    if isinstance(data, (bytes, bytearray)):
        data = base64.b64encode(data).decode()
    text = str(data)
    if text.startswith("data:") or text.startswith(("http://", "https://")):
        return text
    # Pydantic writes bytes with the URL-safe alphabet; data URIs have the standard one.
    return f"data:{media_type or 'application/octet-stream'};base64,{text.replace('-', '+').replace('_', '/')}"


def media(url: Any, media_type: str | None, *, filename: Any = None) -> dict[str, Any]:
    """Make the content part for media: `image_url` for images, `file` for all else."""
    if _is_image(url, media_type):
        return {"type": "image_url", "image_url": {"url": url}}
    file: dict[str, Any] = {"file_data": url}
    if filename:
        file["filename"] = filename
    return {"type": "file", "file": file}


_IMAGE_NAME = re.compile(r"\.(png|jpe?g|gif|webp|bmp|svg|tiff?|heic|avif)([?#].*)?$", re.IGNORECASE)


def _is_image(url: Any, media_type: str | None) -> bool:
    if media_type:
        return media_type.startswith("image") or media_type == "jpeg"
    if not isinstance(url, str):
        return False
    return url.startswith("data:image/") or bool(_IMAGE_NAME.search(url))


def _read_text(part: Part, into: Gathered) -> None:
    text = next(
        (part[key] for key in ("text", "content", "value") if part.get(key) is not None), ""
    )
    if isinstance(text, Mapping) and isinstance(text.get("value"), str):
        text = text["value"]
    kept = {"type": "text", "text": text if isinstance(text, str) else to_text(text)}
    for key in (
        "visible",
        "cache_control",
        "annotations",
        "providerMetadata",
        "signature",
        "thought_signature",
    ):
        if part.get(key) not in (None, [], {}) and part.get(key) is not True:
            kept[key] = part[key]
    into.content.append(kept)


_THOUGHT_KEYS = ("thinking", "reasoning", "content", "text", "summary", "reasoning_content")


def _read_thinking(part: Part, into: Gathered) -> None:
    found = next((part[key] for key in _THOUGHT_KEYS if part.get(key)), "")
    signature = part.get("signature") or part.get("thoughtSignature")
    if isinstance(found, Mapping):
        signature = signature or found.get("signature")
        found = found.get("text") or found.get("content") or to_text(found)
    if isinstance(found, list):
        found = "\n".join(
            str(item.get("text", to_text(item))) if isinstance(item, Mapping) else str(item)
            for item in found
        )
    thinking = {"type": "thinking", "thinking": found if isinstance(found, str) else to_text(found)}
    if signature:
        thinking["signature"] = signature
    for key in ("id", "encrypted_content", "provider_name", "data"):
        if part.get(key):
            thinking[key] = part[key]
    into.content.append(thinking)


def _first(part: Part, *keys: str) -> Any:
    return next((part[key] for key in keys if part.get(key) is not None), None)


def _read_tool_call(part: Part, into: Gathered) -> None:
    body = part
    for key in ("function", "toolUse", "functionCall", "function_call", "tool_call", "toolCall"):
        inner = part.get(key)
        if isinstance(inner, Mapping):
            body = {
                **inner,
                **({"id": part["id"]} if part.get("id") and not inner.get("id") else {}),
            }
            if isinstance(body.get("function"), Mapping):
                body = {**body, **body["function"]}
            break
    call_id = _first(
        body, "call_id", "toolCallId", "toolUseId", "tool_call_id", "tool_use_id", "id"
    )
    name = _first(body, "name", "toolName", "tool_name")
    arguments = _first(body, "arguments", "args", "input", "parameters", "argument", "partial_json")
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
    for key in ("toolResult", "functionResponse", "function_response", "tool_result"):
        if isinstance(part.get(key), Mapping):
            body = part[key]
            break
    call_id = _first(
        body, "call_id", "toolCallId", "toolUseId", "tool_call_id", "tool_use_id", "id"
    )
    result = _first(body, *_RESULT_KEYS)
    into.results.append(
        ToolResult(
            call_id, tool_result_content(result), _first(body, "name", "toolName", "tool_name")
        )
    )


def _read_haystack_result(part: Part, into: Gathered) -> None:
    """Read Haystack's result: the call that it answers stands in it as its origin."""
    body = part["tool_call_result"]
    if not isinstance(body, Mapping):
        into.content.append(dict(part))
        return
    origin = body.get("origin") if isinstance(body.get("origin"), Mapping) else {}
    content = tool_result_content(body.get("result"))
    into.results.append(ToolResult(origin.get("id"), content, origin.get("tool_name")))


def tool_result_content(result: Any) -> Any:
    """Write a tool's answer as message content: text, or JSON text of a structure."""
    if isinstance(result, str):
        return result
    if result is None:
        return ""
    if isinstance(result, Mapping):
        if isinstance(result.get("type"), str) and "value" in result and len(result) <= 3:
            return tool_result_content(result["value"])  # Vercel: {type: text|json|content, value}
        return to_text(result)
    if isinstance(result, (list, tuple)):
        texts = [_only_text(item) for item in result]
        if texts and all(text is not None for text in texts):
            return "".join(str(text) for text in texts)
        blocks = Gathered()
        if result and all(isinstance(item, Mapping) and _is_part(item) for item in result):
            for item in result:
                gather(item, blocks)
            return blocks.content
    return to_text(result)


def _is_part(item: Part) -> bool:
    return item.get("type") in BY_TYPE or any(key in item for key in ("image", "document"))


def _only_text(item: Any) -> str | None:
    """Return the text of a part that is nothing but text."""
    if not isinstance(item, Mapping):
        return None
    text = item.get("text")
    if isinstance(text, str) and (
        set(item) == {"text"} or item.get("type") in ("text", "input_text", "output_text")
    ):
        return text
    if set(item) == {"json"}:
        return to_text(item["json"])
    return None


def _read_image_url(part: Part, into: Gathered) -> None:
    holder = _first(part, "image_url", "imageUrl", "url", "image")
    detail = part.get("detail")
    if isinstance(holder, Mapping):
        detail = detail or holder.get("detail")
        image = {"url": holder.get("url")}
    else:
        image = {"url": holder}
    if part.get("file_id") and holder is None:
        into.content.append({"type": "file", "file": {"file_id": part["file_id"]}})
        return
    if detail:
        image["detail"] = detail
    into.content.append({"type": "image_url", "image_url": image})


_MEDIA_TYPE_KEYS = (
    "mime_type",
    "media_type",
    "mediaType",
    "mimeType",
    "content_type",
    "contentType",
    "format",
)


def _media_type(part: Part, default: str | None = None) -> str | None:
    found = _first(part, *_MEDIA_TYPE_KEYS)
    if not isinstance(found, str):
        modality = part.get("modality")
        return (
            f"{modality}/*"
            if modality in ("image", "audio", "video") and default is None
            else default
        )
    if "/" not in found and default and "/" in default:
        return f"{default.partition('/')[0]}/{found}"
    return found


def _read_media(part: Part, into: Gathered) -> None:
    """Read images, audio, video and documents: a URL, base64 data, bytes, or an id."""
    kind = str(part.get("type") or "")
    family = next((name for name in ("image", "audio", "video") if kind.startswith(name)), None)
    family = family or (part.get("modality") if isinstance(part.get("modality"), str) else None)
    source = _first(
        part,
        "source",
        "image",
        "document",
        "video",
        "audio",
        "data",
        "content",
        "uri",
        "url",
        "file_uri",
        "fileUri",
        "file",
        "base64",
    )
    media_type = _media_type(part, f"{family}/*" if family in ("image", "audio", "video") else None)
    filename = _first(part, "filename", "name", "title")
    if isinstance(source, Mapping):
        inner = {
            **source,
            **(source["source"] if isinstance(source.get("source"), Mapping) else {}),
        }
        media_type = _media_type(inner, media_type) or media_type
        filename = filename or inner.get("name")
        source = _first(
            inner, "bytes", "data", "url", "uri", "file_uri", "file_data", "text", "s3Location"
        )
        if source is None and (file_id := _first(inner, "file_id", "fileId", "id")):
            into.content.append({"type": "file", "file": {"file_id": file_id}})
            return
    if source is None:
        file_id = _first(part, "file_id", "fileId", "id")
        into.content.append(
            {"type": "file", "file": {"file_id": file_id}} if file_id else dict(part)
        )
        return
    if isinstance(source, Mapping):
        into.content.append(dict(part))
        return
    url = (
        source
        if isinstance(source, str) and _is_url(source)
        else data_uri(source, _concrete(media_type))
    )
    if family == "audio" and not _is_url(str(source)):
        into.content.append(
            {
                "type": "input_audio",
                "input_audio": {"data": url, "format": (media_type or "").rpartition("/")[2]},
            }
        )
        return
    into.content.append(media(url, media_type, filename=filename))


def _concrete(media_type: str | None) -> str | None:
    """Turn a family such as `image/*` into a type that viewers accept."""
    if media_type and media_type.endswith("/*"):
        return {"image/*": "image/png", "audio/*": "audio/wav", "video/*": "video/mp4"}.get(
            media_type
        )
    return media_type


def _is_url(text: str) -> bool:
    return bool(re.match(r"^[a-zA-Z][a-zA-Z0-9+.-]{1,15}:", text)) or text.startswith(
        ("/", "__REDACTED__", "[", "<")
    )


def _read_inline_data(part: Part, into: Gathered) -> None:
    inner = _first(part, "inline_data", "inlineData", "file_data", "fileData")
    if not isinstance(inner, Mapping):
        into.content.append(dict(part))
        return
    uri = _first(inner, "file_uri", "fileUri")
    media_type = _media_type(inner)
    url = uri if uri is not None else data_uri(inner.get("data", ""), media_type)
    into.content.append(media(url, media_type))


def _read_keyed_media(part: Part, into: Gathered) -> None:
    key = next(name for name in ("image", "document", "video", "audio") if name in part)
    inner = part[key]
    if isinstance(inner, Mapping):
        _read_media({"type": key, **inner, "format": inner.get("format")}, into)
    else:
        _read_media(part, into)


def _read_reasoning_content(part: Part, into: Gathered) -> None:
    inner = _first(part, "reasoningContent", "reasoning_content")
    if isinstance(inner, Mapping):
        text = inner.get("reasoningText", inner)
        if isinstance(text, Mapping):
            _read_thinking({"thinking": text.get("text"), "signature": text.get("signature")}, into)
            return
    _read_thinking({"thinking": inner}, into)


def _read_gemini_text(part: Part, into: Gathered) -> None:
    if part.get("thought") is True:
        _read_thinking(
            {
                "thinking": part.get("text"),
                "signature": _first(part, "thought_signature", "thoughtSignature"),
            },
            into,
        )
    else:
        _read_text({key: value for key, value in part.items() if key != "thought"}, into)


def _read_refusal(part: Part, into: Gathered) -> None:
    text = _first(part, "refusal", "content", "text")
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
    "image_url": _read_image_url,
    "input_image": _read_image_url,
    "image": _read_media,
    "audio": _read_media,
    "video": _read_media,
    "document": _read_media,
    "media": _read_media,
    "blob": _read_media,
    "uri": _read_media,
    "binary": _read_media,
    "image-url": _read_media,
    "audio-url": _read_media,
    "video-url": _read_media,
    "document-url": _read_media,
    "input_audio": _read_verbatim,
    "input_file": _read_verbatim,
    "message": _read_output_item,
}


def _read_file(part: Part, into: Gathered) -> None:
    """Read a `file` part: OpenAI's own form stays, others (Vercel, GenAI) become it."""
    if isinstance(part.get("file"), Mapping):
        into.content.append(dict(part))
        return
    file_id = _first(part, "file_id", "fileId")
    if file_id and _first(part, "data", "url", "uri", "content") is None:
        into.content.append({"type": "file", "file": {"file_id": file_id}})
        return
    _read_media(part, into)


BY_TYPE["file"] = _read_file

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
    "inlineData": _read_inline_data,
    "inline_data": _read_inline_data,
    "fileData": _read_inline_data,
    "file_data": _read_inline_data,
    "tool_call": _read_tool_call,
    "tool_result": _read_tool_result,
    "tool_call_result": _read_haystack_result,
    "image": _read_keyed_media,
    "document": _read_keyed_media,
    "video": _read_keyed_media,
    "image_url": _read_image_url,
    "text": _read_gemini_text,
    "content": _read_text,
}


def collapse(parts: list[Any]) -> Any:
    """Write content parts as a message has them: none is null, one plain text is that text."""
    if not parts:
        return None
    if len(parts) == 1:
        part = parts[0]
        if isinstance(part, dict) and part.get("type") == "text" and len(part) == 2:
            return part["text"]
    return parts
