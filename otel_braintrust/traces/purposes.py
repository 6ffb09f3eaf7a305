"""What lies beneath a scorer scores: its model calls are no cost of the application."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any


def spread_purposes(rows: Sequence[dict[str, Any]]) -> None:
    """Give the purpose of a row to all rows beneath it that say none.

    Children end first: what left in an earlier batch than its scorer keeps no purpose.

    Args:
        rows: The rows of one batch or file, which are changed.
    """
    purposeful = [row for row in rows if row["span_attributes"].get("purpose")]
    if not purposeful:
        return
    beneath: dict[tuple[Any, Any], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        for parent in row.get("span_parents") or ():
            beneath[row["root_span_id"], parent].append(row)
    while purposeful:
        above = purposeful.pop()
        purpose = above["span_attributes"]["purpose"]
        for row in beneath.get((above["root_span_id"], above["span_id"]), ()):
            if not row["span_attributes"].get("purpose"):
                row["span_attributes"] = {**row["span_attributes"], "purpose": purpose}
                purposeful.append(row)
