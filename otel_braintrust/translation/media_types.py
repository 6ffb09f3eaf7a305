"""Files as bytes with a MIME type, and what base64, formats and names tell of them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Shorter texts are words that only look like base64.
MIN_BASE64_CHARACTERS = 20

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

# The first bytes of a picture, as base64 has them.
TYPE_BY_START = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
)


_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][\w.+-]*/[A-Za-z0-9][\w.+-]*", re.ASCII)
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


def media_of(content_type: Any, data: Any) -> InlineMedia | None:
    """Read the file that base64 text or bytes hold; None where they or their type are none.

    Args:
        content_type: its MIME type.
        data: base64 text, a data URI, or bytes.
    """
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


def type_of_format(block: str, name: Any) -> str | None:
    """Tell the MIME type of a format such as `mp4`.

    Args:
        block: what holds it: `image`, `audio`, `video` or `document`.
        name: the format's name.
    """
    if not isinstance(name, str) or not name:
        return None
    known = TYPE_BY_FORMAT[block]
    plain = name.lower()
    return known.get(plain, None if block == "document" else f"{block}/{plain}")


def type_by_start(text: Any) -> str | None:
    """Tell the MIME type of a picture by how its base64 begins; None for anything else."""
    if not isinstance(text, str):
        return None
    return next((kind for start, kind in TYPE_BY_START if text.startswith(start)), None)
