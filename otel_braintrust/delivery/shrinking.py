"""Values that are too long, shortened where a reader sees it: how long they were, and a digest."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import orjson

from otel_braintrust.delivery.encoding import encode

# What places a row in its trace; without it the row would be another one.
KEPT_FIELDS = frozenset(
    {
        "id",
        "span_id",
        "root_span_id",
        "span_parents",
        "created",
        "_is_merge",
        "project_id",
        "log_id",
    }
    | {"experiment_id", "dataset_id", "prompt_session_id", "org_id"}
)
# Fields whose type Braintrust checks: a text in their place would have the row refused.
OBJECT_FIELDS = frozenset({"metadata", "context", "span_attributes", "scores", "metrics", "origin"})
LIST_FIELDS = frozenset({"tags"})
# What a row keeps of two of them when all content is left out.
NAMES = ("name", "type")
TIMES = ("start", "end")
OMITTED_KEY = "otel_braintrust.omitted"
WHOLE_ROW_KEY = "otel_braintrust.whole_row"
# A value shorter than this is not worth taking out of a row.
LEAST_OMITTED_BYTES = 512
LONGEST_NAME_BYTES = 2048


def shorten(value: Any, max_bytes: int) -> Any:
    """The value with every longer text in it cut to about ``max_bytes``, with a marker at the cut.

    Args:
        value: Anything that JSON can hold.
        max_bytes: Most bytes of one text, in UTF-8.
    """
    if isinstance(value, str):
        return _shorten_text(value, max_bytes)
    if isinstance(value, dict):
        return {key: shorten(each, max_bytes) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [shorten(each, max_bytes) for each in value]
    return value


def without_large_values(row: bytes, max_bytes: int) -> bytes | None:
    """A row whose largest values are replaced by markers, one after another, until it fits.

    Args:
        row: The row as a JSON object.
        max_bytes: Most bytes of the row.

    Returns:
        The smaller row, or None when nothing more can be taken out of it.
    """
    fields = _decode(row)
    smaller = row
    while len(smaller) > max_bytes:
        if not _omit_largest(fields):
            named = shorten(fields, LONGEST_NAME_BYTES)
            smaller = encode(named)
            break
        smaller = encode(fields)
    return smaller if len(smaller) < len(row) else None


def with_reference(row: bytes, reference: dict[str, str]) -> bytes:
    """A row whose metadata refers to a file with the whole of it.

    Args:
        row: The row as a JSON object.
        reference: What stands for the file.
    """
    fields = _decode(row)
    metadata = fields.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    return encode({**fields, "metadata": {**known, WHOLE_ROW_KEY: reference}})


def bare_row(row: bytes) -> bytes:
    """A row with its place in the trace, its name and its times, and a word on what is missing.

    Args:
        row: The row as a JSON object.
    """
    fields = _decode(row)
    bare = {name: each for name, each in fields.items() if name in KEPT_FIELDS}
    if not bare.get("_is_merge"):
        attributes = fields.get("span_attributes") or {}
        metrics = fields.get("metrics") or {}
        bare["span_attributes"] = {key: attributes[key] for key in NAMES if key in attributes}
        bare["metrics"] = {key: metrics[key] for key in TIMES if key in metrics}
    note = f"[left out by otel-braintrust, because the server fails at this row: {_account(row)}]"
    bare["metadata"] = {OMITTED_KEY: note}
    return encode(bare)


def _shorten_text(text: str, max_bytes: int) -> str:
    if len(text) * 4 <= max_bytes:
        return text
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= max_bytes:
        return text
    head = data[:max_bytes].decode("utf-8", "ignore")
    return f"{head}… [{_account(data)}; otel-braintrust cut it here]"


def _account(data: bytes) -> str:
    return f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}"


def _decode(row: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(row)
    except ValueError:  # lone surrogates, which only the standard library reads
        fields = json.loads(row)
    return dict(fields)


def _omit_largest(fields: dict[str, Any]) -> bool:
    """Replace the largest value by a marker; False when none is large enough."""
    sizes = {name: len(encode(each)) for name, each in fields.items() if name not in KEPT_FIELDS}
    name = max(sizes, key=sizes.__getitem__, default=None)
    if name is None or sizes[name] < LEAST_OMITTED_BYTES:
        return False
    fields[name] = _with_hole(fields[name], name, sizes[name])
    return True


def _with_hole(value: Any, path: str, size_bytes: int) -> Any:
    """The value with its one dominant part replaced by a marker, or all of it if none dominates."""
    parts: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = list(enumerate(value))
    sizes = {key: len(encode(each)) for key, each in parts}
    largest = max(sizes, key=sizes.__getitem__, default=None)
    if largest is not None and sizes[largest] * 2 > size_bytes:
        hole = _with_hole(value[largest], f"{path}.{largest}", sizes[largest])
        if isinstance(value, dict):
            return {**value, largest: hole}
        return [hole if index == largest else each for index, each in enumerate(value)]
    marker = (
        f"[{path} left out by otel-braintrust, because the server takes no row this large: "
        f"{_account(encode(value))}]"
    )
    if path in LIST_FIELDS:
        return []
    return {OMITTED_KEY: marker} if path in OBJECT_FIELDS else marker
