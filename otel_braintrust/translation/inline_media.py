"""Files in what a span said, as base64 in any provider's message shape, made references.

A shape is one function: it knows its own form, and says what stands in the form's place. The first
that fits a value has it, and nothing below that value is looked at.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# Shorter texts are words that only look like base64.
MIN_BASE64_CHARACTERS = 20
MAX_DEPTH = 128
# A value of more objects and lists is sent as it is.
MAX_NODES = 100_000

EXTENSION_BY_TYPE: Mapping[str, str] = {
    "application/octet-stream": "bin",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "audio/mpeg": "mp3",
    "audio/x-wav": "wav",
    "image/jpeg": "jpg",
    "image/svg+xml": "svg",
    "image/x-icon": "ico",
    "text/markdown": "md",
    "text/plain": "txt",
    "video/quicktime": "mov",
    "video/x-matroska": "mkv",
}

# The same word means different types in different blocks: an mp4 may be a film or a sound.
TYPE_BY_FORMAT: Mapping[str, Mapping[str, str]] = {
    "image": {"jpg": "image/jpeg", "svg": "image/svg+xml"},
    "audio": {"mp3": "audio/mpeg", "mpga": "audio/mpeg", "mpeg": "audio/mpeg"},
    "video": {"mov": "video/quicktime", "mkv": "video/x-matroska", "three_gp": "video/3gpp"},
    "document": {
        "pdf": "application/pdf",
        "csv": "text/csv",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "html": "text/html",
        "txt": "text/plain",
        "md": "text/markdown",
    },
}

_TYPE_KEYS = ("mime_type", "media_type", "mediaType", "mimeType", "content_type", "contentType")
_DATA_KEYS = ("data", "base64", "blob", "bytes", "file_data", "image", "content")
# Parts that hold a file: base64 of theirs may also be of a text.
_FILE_PARTS = frozenset(
    {"binary", "blob", "file", "media", "image", "audio", "video", "document", "resource"}
)
# Only these say `content` and mean base64.
_CONTENT_PARTS = frozenset({"binary", "blob"})
_REFERENCES = frozenset({"braintrust_attachment", "external_attachment"})
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][\w.+-]*/[A-Za-z0-9][\w.+-]*", re.ASCII)
_DATA = frozenset({"data:", "DATA:"})
# Every shape but the data URI has one of these keys.
_HINTS = frozenset({"b64_json", "inline_data", "inlineData", "source", "data", *_TYPE_KEYS})
_WHITESPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class InlineMedia:
    """A file found in a value.

    Attributes:
        content_type: its MIME type.
        data: its bytes.
    """

    content_type: str
    data: bytes

    @property
    def filename(self) -> str:
        """`attachment` with the ending that the type has."""
        subtype = self.content_type.partition("/")[2]
        return f"attachment.{EXTENSION_BY_TYPE.get(self.content_type, subtype)}"


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
    found = _media(head[5:].partition(";")[0], body)
    return refer(found) if found is not None else text


def _named_type(value: dict[str, Any]) -> str | None:
    return next((value[name] for name in _TYPE_KEYS if isinstance(value.get(name), str)), None)


def _media(content_type: Any, data: Any) -> InlineMedia | None:
    """The file that base64 text holds; None where the text or its type is none."""
    if not isinstance(content_type, str) or not isinstance(data, (str, bytes)):
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(kind):
        return None
    if isinstance(data, bytes):
        return InlineMedia(kind, data) if data else None
    if data[:5] == "data:":  # bytes that were made text on the way here, with no type of their own
        data = data.partition(";base64,")[2]
    decoded = _decoded(data)
    return InlineMedia(kind, decoded) if decoded is not None else None


def _decoded(text: str) -> bytes | None:
    """Decode base64 of either alphabet; None for what is cut short, redacted or none at all."""
    if len(text) < MIN_BASE64_CHARACTERS or not text[:MIN_BASE64_CHARACTERS].isascii():
        return None
    text = _WHITESPACE.sub("", text) if any(c.isspace() for c in text[:80] + text[-80:]) else text
    if len(text) % 4 or len(text) < MIN_BASE64_CHARACTERS:
        return None
    if "-" in text or "_" in text:
        text = text.replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _type_of_format(block: str, name: Any) -> str | None:
    if not isinstance(name, str) or not name:
        return None
    known = TYPE_BY_FORMAT[block]
    plain = name.lower()
    return known.get(plain, None if block == "document" else f"{block}/{plain}")


def _reference_itself(_key: str, value: dict[str, Any], _refer: Refer) -> Any:
    """A reference already: nothing in it is a file."""
    return value if value["type"] in _REFERENCES else None


def _anthropic_source(_key: str, value: dict[str, Any], refer: Refer) -> Any:
    """`source: {"type": "base64", "media_type", "data"}`, which the reference replaces whole."""
    if value["type"] != "base64":
        return None
    found = _media(_named_type(value), value.get("data"))
    return refer(found) if found is not None else None


def _inline_attachment(_key: str, value: dict[str, Any], refer: Refer) -> Any:
    """Braintrust's own forms of a file within a row: `inline_attachment`, `base64_attachment`."""
    source = {"inline_attachment": "src", "base64_attachment": "content"}.get(value["type"])
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
    kind = _type_of_format("image", value.get("output_format") or "png")
    return _with_slot(value, "result", _media(kind, value.get("result")), refer)


def _listed_image(_key: str, value: dict[str, Any], refer: Refer) -> Any:
    """An entry of the Images API's `data`."""
    kind = _type_of_format("image", value.get("output_format") or "png")
    return _with_slot(value, "b64_json", _media(kind, value["b64_json"]), refer)


def _openai_audio(key: str, value: dict[str, Any], refer: Refer) -> Any:
    """`input_audio: {"data", "format"}`, and the audio of an answer where its format is told."""
    if key not in ("input_audio", "audio"):
        return None
    kind = _type_of_format("audio", value["format"])
    return _with_slot(value, "data", _media(kind, value.get("data")), refer)


def _bedrock_block(key: str, value: dict[str, Any], refer: Refer) -> Any:
    """`image: {"format", "source": {"bytes"}}` of Bedrock's Converse, of any of the four blocks."""
    source = value.get("source")
    if not isinstance(source, dict):
        return None
    found = _media(_type_of_format(key, value.get("format")), source.get("bytes"))
    new = _with_slot(source, "bytes", found, refer)
    return {**value, "source": new} if new is not None else None


def _gemini_part(_key: str, value: dict[str, Any], refer: Refer) -> Any:
    """`inline_data: {"mime_type", "data"}`, which becomes an image or a file of a chat message."""
    name = "inline_data" if "inline_data" in value else "inlineData"
    inner = value[name]
    found = _media(_named_type(inner), inner.get("data")) if isinstance(inner, dict) else None
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
    part = value.get("type") or value.get("kind")
    if content_type is None or (content_type.startswith("text/") and part not in _FILE_PARTS):
        return None
    for name in _DATA_KEYS:
        if name in value and (name != "content" or part in _CONTENT_PARTS):
            new = _with_slot(value, name, _media(content_type, value[name]), refer)
            if new is not None:
                return new
    return None


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
    *((name, _typed_data) for name in _TYPE_KEYS),
)
