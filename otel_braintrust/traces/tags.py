"""Tags belong to a trace: Braintrust takes them on roots only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# What langchain-core's runnables tag their child runs with (`RunnableSequence`, `RunnableMap`).
STEP_MARKS = ("seq:step:", "map:key:", "graph:step:")


def raise_tags(rows: Sequence[dict[str, Any]]) -> None:
    """Take the tags of rows that are no roots to their metadata, and up to the root if it is here.

    What ended after the root came too late for it; that must not depend on which batch it is in.
    Marks that LangChain sets on each of its steps say nothing about the trace and do not rise.

    Args:
        rows: The rows of one batch or file, which are changed.
    """
    tagged = [row for row in rows if row.get("tags") and row.get("span_parents")]
    if not tagged:
        return
    by_span: Mapping[Any, dict[str, Any]] = {row["span_id"]: row for row in rows}
    for row in tagged:
        tags = row.pop("tags")
        metadata = row.setdefault("metadata", {})
        metadata["tags"] = _united(_listed(metadata.get("tags")), tags)
        root = _root_of(row, by_span)
        rising = [tag for tag in tags if not tag.startswith(STEP_MARKS)]
        if root is not None and rising and _end_of(row) <= _end_of(root):
            root["tags"] = _united(root.get("tags") or (), rising)


def _root_of(row: dict[str, Any], by_span: Mapping[Any, dict[str, Any]]) -> dict[str, Any] | None:
    """The root above a row, if every row up to it is here."""
    seen = {row["span_id"]}
    while row.get("span_parents"):
        parent = row["span_parents"][0]
        above = by_span.get(parent)
        if above is None or parent in seen or above["root_span_id"] != row["root_span_id"]:
            return None
        seen.add(parent)
        row = above
    return row


def _end_of(row: dict[str, Any]) -> float:
    end = (row.get("metrics") or {}).get("end")
    return end if isinstance(end, (int, float)) else float("inf")


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _united(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    return [*first, *(tag for tag in second if tag not in first)]
