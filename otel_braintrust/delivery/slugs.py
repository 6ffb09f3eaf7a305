"""A span slug, Braintrust's exported span: which object and which span it names.

Layout: base64 of a version byte, the type of object, a count, so many fields of one id byte and a
fixed number of bytes, and the rest as JSON. Version 3 packs UUIDs, version 4 OpenTelemetry's ids.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

OBJECT_TYPES: Mapping[int, str] = {1: "experiment", 2: "project_logs", 3: "playground_logs"}
FIELD_NAMES: Mapping[int, str] = {1: "object_id", 2: "row_id", 3: "span_id", 4: "root_span_id"}
# Version 4 packs these two as plain bytes of hex; its reader skips 16 bytes for the other fields.
HEX_FIELD_BYTES: Mapping[int, int] = {3: 8, 4: 16}
UUID_BYTES = 16


@dataclass(frozen=True)
class Slug:
    """What a span slug says; the ids of a span are there together or not at all."""

    object_type: str
    object_id: str | None
    object_arguments: Mapping[str, Any] | None
    row_id: str | None = None
    span_id: str | None = None
    root_span_id: str | None = None


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
    arguments = named.get("compute_object_metadata_args")
    if not fields.get("object_id") and not isinstance(arguments, dict):
        raise ValueError("it names no object")
    return Slug(
        object_type=OBJECT_TYPES[data[1]],
        object_id=fields.get("object_id"),
        object_arguments=arguments if isinstance(arguments, dict) else None,
        row_id=fields.get("row_id"),
        span_id=fields.get("span_id"),
        root_span_id=fields.get("root_span_id"),
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
        named = orjson.loads(rest)
    except ValueError as error:
        raise ValueError("its JSON part cannot be read") from error
    if not isinstance(named, dict):
        raise ValueError("its JSON part is no object")  # noqa: TRY004  (bad text, not a bad call)
    return named
