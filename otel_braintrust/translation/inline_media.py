"""Files in what a span said, as base64 in any provider's message shape, made references.

A shape is one function: it knows its own form, and says what stands in the form's place. The first
that fits a value has it, and nothing below that value is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from otel_braintrust.translation.media_types import (
    TYPE_BY_FORMAT,
    InlineMedia,
    media_of,
    type_by_start,
    type_of_format,
)

__all__ = ["TYPE_KEYS", "InlineMedia", "Refer", "replace_media"]

MAX_DEPTH = 128
# A value of more objects and lists is sent as it is.
MAX_NODES = 100_000

TYPE_KEYS = ("mime_type", "media_type", "mediaType", "mimeType", "content_type", "contentType")
_DATA_KEYS = ("data", "base64", "blob", "bytes", "file_data", "image", "content")
# Parts that hold a file: base64 of theirs may also be of a text.
_FILE_PARTS = frozenset(
    {"binary", "blob", "file", "media", "image", "audio", "video", "document", "resource"}
)
# Only these say `content` and mean base64.
_CONTENT_PARTS = frozenset({"binary", "blob"})
_REFERENCES = frozenset({"braintrust_attachment", "external_attachment"})
_DATA = frozenset({"data:", "DATA:"})
# Every shape but the data URI has one of these keys.
_HINTS = frozenset(
    {"b64_json", "inline_data", "inlineData", "source", "data", "images", *TYPE_KEYS}
)

Refer = Callable[[InlineMedia], dict[str, Any]]


def replace_media(value: Any, refer: Refer) -> Any:
    """Replace the files in a value by references; base64 that is cut short or invalid stays.

    Args:
        value: a value of a row.
        refer: makes the reference that stands for a file.

    Returns:
        The value; the same object where nothing was replaced, which is never changed itself.

    Example:
        >>> uri = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAA"
        >>> replace_media([{"image_url": {"url": uri}}], lambda file: {"is": file.filename})
        [{'image_url': {'url': {'is': 'attachment.png'}}}]
    """
    return _replaced("", value, refer, 0) if _may_hold_media(value) else value


def _may_hold_media(value: Any) -> bool:
    """Tell quickly, for almost all values, that there is no file in them."""
    waiting = [value]
    for node in waiting:  # which grows while it is walked
        kind = type(node)
        if kind is dict:
            if not _HINTS.isdisjoint(node) or node.get("type") == "image_generation_call":
                return True
            node = node.values()
        elif kind is str:
            if node[:5] in _DATA:
                return True
            continue
        elif kind not in _CONTAINERS:
            continue
        for inner in node:
            kind = type(inner)
            if kind is str:
                if inner[:5] in _DATA:
                    return True
            elif kind in _CONTAINERS:
                waiting.append(inner)
        if len(waiting) > MAX_NODES:
            return False
    return False


def _replaced(key: str, value: Any, refer: Refer, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        return _of_data_uri(value, refer) if value[:5] in _DATA else value
    if depth >= MAX_DEPTH:
        return value
    if kind is dict:
        return _of_object(key, value, refer, depth)
    if kind is list or kind is tuple:
        changed = None
        for index, inner in enumerate(value):
            new = _replaced(key, inner, refer, depth + 1)
            if new is not inner:
                changed = changed or list(value)
                changed[index] = new
        return changed or value
    return value


def _of_object(key: str, value: dict[str, Any], refer: Refer, depth: int) -> Any:
    for hint, shape in _SHAPES:
        if hint in value:
            new = shape(key, value, refer)
            if new is not None:
                return new
    if key in TYPE_BY_FORMAT and (new := _bedrock_block(key, value, refer)) is not None:
        return new
    changed = None
    for name, inner in value.items():
        if type(inner) in _WALKED:
            new = _replaced(name, inner, refer, depth + 1)
            if new is not inner:
                changed = changed or dict(value)
                changed[name] = new
    return changed or value


_CONTAINERS = frozenset({dict, list, tuple})
_WALKED = _CONTAINERS | {str}


def _of_data_uri(text: str, refer: Refer) -> Any:
    head, comma, body = text.strip().partition(",")
    if not comma or not head.lower().endswith(";base64"):
        return text
    found = media_of(head[5:].partition(";")[0], body)
    return refer(found) if found is not None else text


def _part_of(value: dict[str, Any]) -> str:
    """What a part says it is; nothing where that is no text."""
    said = value.get("type") or value.get("kind")
    return said if isinstance(said, str) else ""


def _named_type(value: dict[str, Any]) -> str | None:
    return next((value[name] for name in TYPE_KEYS if isinstance(value.get(name), str)), None)


def _reference_itself(_key: str, value: dict[str, Any], _refer: Refer) -> Any:
    """A reference already: nothing in it is a file."""
    return value if _part_of(value) in _REFERENCES else None


def _anthropic_source(_key: str, value: dict[str, Any], refer: Refer) -> Any:
    """`source: {"type": "base64", "media_type", "data"}`, which the reference replaces whole."""
    if value["type"] != "base64":
        return None
    found = media_of(_named_type(value), value.get("data"))
    return refer(found) if found is not None else None


def _inline_attachment(_key: str, value: dict[str, Any], refer: Refer) -> Any:
    """Braintrust's own forms of a file within a row: `inline_attachment`, `base64_attachment`."""
    source = {"inline_attachment": "src", "base64_attachment": "content"}.get(_part_of(value))
    text = value.get(source) if source is not None else None
    if not isinstance(text, str) or not text.startswith("data:"):
        return None
    new = _of_data_uri(text, refer)
    if new is text:
        return None
    name = value.get("filename")
    return {**new, "filename": name} if isinstance(name, str) and name else new


def _generated_image(_key: str, value: dict[str, Any], refer: Refer) -> Any:
    """An `image_generation_call` of the Responses API, whose `result` is the picture."""
    if value["type"] != "image_generation_call":
        return None
    kind = type_of_format("image", value.get("output_format") or "png")
    return _with_slot(value, "result", media_of(kind, value.get("result")), refer)


def _listed_image(_key: str, value: dict[str, Any], refer: Refer) -> Any:
    """An entry of the Images API's `data`."""
    kind = type_of_format("image", value.get("output_format") or "png")
    return _with_slot(value, "b64_json", media_of(kind, value["b64_json"]), refer)


def _openai_audio(key: str, value: dict[str, Any], refer: Refer) -> Any:
    """`input_audio: {"data", "format"}`, and the audio of an answer where its format is told."""
    if key not in ("input_audio", "audio"):
        return None
    kind = type_of_format("audio", value["format"])
    return _with_slot(value, "data", media_of(kind, value.get("data")), refer)


def _bedrock_block(key: str, value: dict[str, Any], refer: Refer) -> Any:
    """`image: {"format", "source": {"bytes"}}` of Bedrock's Converse, of any of the four blocks."""
    source = value.get("source")
    if not isinstance(source, dict):
        return None
    found = media_of(type_of_format(key, value.get("format")), source.get("bytes"))
    new = _with_slot(source, "bytes", found, refer)
    return {**value, "source": new} if new is not None else None


def _gemini_part(_key: str, value: dict[str, Any], refer: Refer) -> Any:
    """`inline_data: {"mime_type", "data"}`, which becomes an image or a file of a chat message."""
    name = "inline_data" if "inline_data" in value else "inlineData"
    inner = value[name]
    found = media_of(_named_type(inner), inner.get("data")) if isinstance(inner, dict) else None
    if found is None:
        return None
    is_image = found.content_type.startswith("image/")
    medium = {"url": refer(found)} if is_image else {"file_data": refer(found)}
    rest = {each: inner for each, inner in value.items() if each != name}
    return {**rest, "image_url" if is_image else "file": medium}


def _typed_data(_key: str, value: dict[str, Any], refer: Refer) -> Any:
    """An object that names a MIME type and holds the data beside it, as most parts do.

    OpenTelemetry's `blob`, Pydantic AI's `binary`, the AI SDK's `file` and `image`, LangChain's
    and MCP's content, Gemini's `Blob`.
    """
    content_type = _named_type(value)
    part = _part_of(value)
    if content_type is None or (content_type.startswith("text/") and part not in _FILE_PARTS):
        return None
    for name in _DATA_KEYS:
        if name in value and (name != "content" or part in _CONTENT_PARTS):
            new = _with_slot(value, name, media_of(content_type, value[name]), refer)
            if new is not None:
                return new
    return None


def _ollama_message(_key: str, value: dict[str, Any], refer: Refer) -> Any:
    """A message whose `images` are base64 and nothing else; how each begins says what it is."""
    listed = value["images"]
    if not isinstance(listed, (list, tuple)):
        return None
    found = [media_of(type_by_start(each), each) for each in listed]
    if not any(found):
        return None
    images = [
        each if media is None else refer(media) for each, media in zip(listed, found, strict=True)
    ]
    return {**value, "images": images}


def _with_slot(
    value: dict[str, Any], name: str, found: InlineMedia | None, refer: Refer
) -> dict[str, Any] | None:
    return {**value, name: refer(found)} if found is not None else None


# A key that an object must have, and the shape that is looked for then; first match wins.
_SHAPES: tuple[tuple[str, Callable[[str, dict[str, Any], Refer], Any]], ...] = (
    ("type", _reference_itself),
    ("type", _anthropic_source),
    ("type", _inline_attachment),
    ("type", _generated_image),
    ("b64_json", _listed_image),
    ("format", _openai_audio),
    ("inline_data", _gemini_part),
    ("inlineData", _gemini_part),
    ("images", _ollama_message),
    *((name, _typed_data) for name in TYPE_KEYS),
)
