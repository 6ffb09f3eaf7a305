"""A span slug, Braintrust's exported span: which object and which span it names.

Layout: base64 of a version byte, the type of object, a count, so many fields of one id byte and a
fixed number of bytes, and the rest as JSON. Version 3 packs UUIDs, version 4 OpenTelemetry's ids.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OBJECT_TYPES: Mapping[int, str] = {1: "experiment", 2: "project_logs", 3: "playground_logs"}
FIELD_NAMES: Mapping[int, str] = {1: "object_id", 2: "row_id", 3: "span_id", 4: "root_span_id"}
# Version 4 packs these two as plain bytes of hex; its reader skips 16 bytes for the other fields.
HEX_FIELD_BYTES: Mapping[int, int] = {3: 8, 4: 16}
UUID_BYTES = 16
_HEX = re.compile(r"[0-9a-fA-F]*")


@dataclass(frozen=True)
class Slug:
    """What a span slug says.

    Args:
        object_type: ``project_logs``, ``experiment`` or ``playground_logs``.
        object_id: Id of that object; None: ``object_arguments`` say how to look it up.
        object_arguments: Such as ``{"project_name": "support bot"}``.
        row_id: Id of the span's row; the three ids of a span are there together or not at all.
        span_id: Id of the span.
        root_span_id: Id of its trace.
        propagated_event: Fields that every span beneath it gets.
    """

    object_type: str
    object_id: str | None = None
    object_arguments: Mapping[str, Any] | None = None
    row_id: str | None = None
    span_id: str | None = None
    root_span_id: str | None = None
    propagated_event: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check what no reader would take.

        Raises:
            ValueError: It names no object, or two; or only some of the ids of a span.
        """
        if self.object_type not in OBJECT_TYPES.values():
            raise ValueError(f"it names an unknown type of object, {self.object_type!r}")
        if not self.object_id and self.object_arguments is None:
            raise ValueError("it names no object")
        if self.object_id and self.object_arguments is not None:
            raise ValueError("it names its object twice, by id and by arguments")
        ids = (self.row_id, self.span_id, self.root_span_id)
        if any(ids) and not all(ids):
            raise ValueError("it has some of row_id, span_id and root_span_id, but not all of them")

    @property
    def hex_ids(self) -> tuple[str, str] | None:
        """Trace id and span id as OpenTelemetry has them; None when they are none of its ids."""
        if not self.span_id or not self.root_span_id or not _is_hex(self.span_id, 16):
            return None
        # A version 3 slug turns a trace id into a UUID, with dashes.
        trace_id = self.root_span_id.replace("-", "")
        if not _is_hex(trace_id, 32) or not int(trace_id, 16) or not int(self.span_id, 16):
            return None
        return trace_id.lower(), self.span_id.lower()


def encode_slug(slug: Slug, *, version: int = 4) -> str:
    """Write a span slug.

    Args:
        slug: What it says.
        version: 4, which packs OpenTelemetry's ids, or 3, for readers that know only UUIDs.

    Example:
        >>> slug = Slug("project_logs", object_arguments={"project_name": "Global"})
        >>> encode_slug(slug, version=3)
        'AwIAeyJjb21wdXRlX29iamVjdF9tZXRhZGF0YV9hcmdzIjp7InByb2plY3RfbmFtZSI6Ikdsb2JhbCJ9fQ=='
    """
    if version not in (3, 4):
        raise ValueError(f"a span slug has version 3 or 4, not {version!r}")
    packed: list[bytes] = []
    named: dict[str, Any] = {}
    if slug.object_arguments is not None:
        named["compute_object_metadata_args"] = dict(slug.object_arguments)
    if slug.propagated_event:
        named["propagated_event"] = dict(slug.propagated_event)
    for field_id, name in FIELD_NAMES.items():
        value = getattr(slug, name)
        if not value:
            continue
        data = _hex_bytes(field_id, value) if version == 4 else _uuid_bytes(value)
        if data is None:
            named[name] = value
        else:
            packed.append(bytes([field_id]) + data)
    object_type = next(number for number, name in OBJECT_TYPES.items() if name == slug.object_type)
    head = bytes([version, object_type, len(packed)])
    # As Braintrust's own writers do it: no spaces, and nothing beyond ASCII.
    rest = json.dumps(named, separators=(",", ":")).encode() if named else b""
    return base64.b64encode(head + b"".join(packed) + rest).decode()


def decode_slug(text: str) -> Slug:
    """Read a span slug of version 3 or 4.

    Raises:
        ValueError: The text is no span slug; says why.
    """
    try:
        data = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("it is not base64") from error
    if len(data) < 3 or data[0] not in (3, 4):
        raise ValueError("it does not start with the version of a span slug, 3 or 4")
    if data[1] not in OBJECT_TYPES:
        raise ValueError(f"it names an unknown type of object, {data[1]}")
    fields, rest = _packed_fields(data)
    named = _named_fields(rest)
    for key in FIELD_NAMES.values():
        if isinstance(named.get(key), str):
            fields[key] = named[key]
    return Slug(
        object_type=OBJECT_TYPES[data[1]],
        object_id=fields.get("object_id"),
        object_arguments=_object(named.get("compute_object_metadata_args")),
        row_id=fields.get("row_id"),
        span_id=fields.get("span_id"),
        root_span_id=fields.get("root_span_id"),
        propagated_event=_object(named.get("propagated_event")),
    )


def _packed_fields(data: bytes) -> tuple[dict[str, str], bytes]:
    """The fields after the three leading bytes, and what follows them."""
    version, count, position = data[0], data[2], 3
    fields: dict[str, str] = {}
    for _ in range(count):
        field_id = data[position] if position < len(data) else 0
        size = HEX_FIELD_BYTES.get(field_id, UUID_BYTES) if version == 4 else UUID_BYTES
        packed = data[position + 1 : position + 1 + size]
        if field_id not in FIELD_NAMES or len(packed) < size:
            raise ValueError("its fields break off")
        if version == 3:
            fields[FIELD_NAMES[field_id]] = str(uuid.UUID(bytes=packed))
        elif field_id in HEX_FIELD_BYTES:
            fields[FIELD_NAMES[field_id]] = packed.hex()
        position += 1 + size
    return fields, data[position:]


def _named_fields(rest: bytes) -> dict[str, Any]:
    if not rest:
        return {}
    try:
        named = json.loads(rest)  # exact also for numbers beyond 64 bits, as its writers are
    except (ValueError, RecursionError) as error:
        raise ValueError("its JSON part cannot be read") from error
    if not isinstance(named, dict):
        raise ValueError("its JSON part is no object")  # noqa: TRY004  (bad text, not a bad call)
    return named


def _object(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


def _is_hex(text: str, digits: int) -> bool:
    return len(text) == digits and _HEX.fullmatch(text) is not None


def _hex_bytes(field_id: int, value: str) -> bytes | None:
    size = HEX_FIELD_BYTES.get(field_id, 0)
    return bytes.fromhex(value) if size and _is_hex(value, 2 * size) else None


def _uuid_bytes(value: str) -> bytes | None:
    try:
        return uuid.UUID(value).bytes
    except ValueError:
        return None
