"""Images, audio, video and files of every message shape as OpenAI content parts."""

from __future__ import annotations

import base64
import re
from typing import Any

from otel_braintrust.translation.gathered import Gathered, Part, first


def data_uri(data: Any, media_type: str | None) -> str:
    """Make a data URI of base64 text or bytes; text that is a URI already stays."""
    if isinstance(data, (bytes, bytearray)):
        data = base64.b64encode(data).decode()
    text = str(data)
    if text.startswith(("data:", "http://", "https://")):
        return text
    # Pydantic writes bytes with the URL-safe alphabet; data URIs have the standard one.
    standard = text.replace("-", "+").replace("_", "/")
    return f"data:{media_type or 'application/octet-stream'};base64,{standard}"


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
    found = first(part, *_MEDIA_TYPE_KEYS)
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


def read_image_url(part: Part, into: Gathered) -> None:
    holder = first(part, "image_url", "imageUrl", "url", "image")
    detail = part.get("detail")
    if isinstance(holder, dict):
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


def read_media(part: Part, into: Gathered) -> None:
    """Read images, audio, video and documents: a URL, base64 data, bytes, or an id."""
    kind = str(part.get("type") or "")
    family = next((name for name in ("image", "audio", "video") if kind.startswith(name)), None)
    family = family or (part.get("modality") if isinstance(part.get("modality"), str) else None)
    source = first(
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
        "binary_content",
    )
    media_type = _media_type(part, f"{family}/*" if family in ("image", "audio", "video") else None)
    filename = first(part, "filename", "name", "title")
    if isinstance(source, dict):
        inner = {
            **source,
            **(source["source"] if isinstance(source.get("source"), dict) else {}),
        }
        media_type = _media_type(inner, media_type) or media_type
        filename = filename or inner.get("name")
        source = first(
            inner, "bytes", "data", "url", "uri", "file_uri", "file_data", "text", "s3Location"
        )
        if source is None and (file_id := first(inner, "file_id", "fileId", "id")):
            into.content.append({"type": "file", "file": {"file_id": file_id}})
            return
    if source is None:
        file_id = first(part, "file_id", "fileId", "id")
        into.content.append(
            {"type": "file", "file": {"file_id": file_id}} if file_id else dict(part)
        )
        return
    if isinstance(source, dict):
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


def read_inline_data(part: Part, into: Gathered) -> None:
    inner = first(part, "inline_data", "inlineData", "file_data", "fileData")
    if not isinstance(inner, dict):
        into.content.append(dict(part))
        return
    uri = first(inner, "file_uri", "fileUri")
    media_type = _media_type(inner)
    url = uri if uri is not None else data_uri(inner.get("data", ""), media_type)
    into.content.append(media(url, media_type))


def read_keyed_media(part: Part, into: Gathered) -> None:
    key = next(name for name in ("image", "document", "video", "audio") if name in part)
    inner = part[key]
    if isinstance(inner, dict):
        read_media({"type": key, **inner, "format": inner.get("format")}, into)
    else:
        read_media(part, into)


def read_file(part: Part, into: Gathered) -> None:
    """Read a `file` part: OpenAI's own form stays, others (Vercel, GenAI) become it."""
    if isinstance(part.get("file"), dict):
        into.content.append(dict(part))
        return
    file_id = first(part, "file_id", "fileId")
    if file_id and first(part, "data", "url", "uri", "content") is None:
        into.content.append({"type": "file", "file": {"file_id": file_id}})
        return
    read_media(part, into)
