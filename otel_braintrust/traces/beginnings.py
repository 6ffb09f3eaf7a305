"""What the row of an open span says: only what its end can complete and nothing can contradict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from otel_braintrust.attachments import attachments_of
from otel_braintrust.translation.inline_media import InlineMedia, replace_media

# Metadata, scores and the like may look different in the end, and a merge takes nothing away.
FIELDS = (
    "id",
    "span_id",
    "root_span_id",
    "span_parents",
    "created",
    "span_attributes",
    "context",
    "input",
)


def begun(
    row: Mapping[str, Any], attributes: Mapping[str, Any], *, max_input_bytes: int
) -> dict[str, Any]:
    """The part of a row that is there from the span's beginning.

    Args:
        row: The row that the span would have if it ended now.
        attributes: The span's attributes.
        max_input_bytes: A larger input is left out, and so is one with files in it.
    """
    begun = {name: row[name] for name in FIELDS if row.get(name) is not None}
    start = (row.get("metrics") or {}).get("start")
    if start is not None:
        begun["metrics"] = {"start": start}
    if "input" in begun and not _is_plain(begun["input"], attributes, max_input_bytes):
        del begun["input"]
    return begun


def _is_plain(value: Any, attributes: Mapping[str, Any], max_bytes: int) -> bool:
    if len(orjson.dumps(value)) > max_bytes or attachments_of(*attributes.values()):
        return False
    files: list[InlineMedia] = []

    def note(media: InlineMedia) -> dict[str, Any]:
        files.append(media)
        return {}

    replace_media(value, note)
    return not files
