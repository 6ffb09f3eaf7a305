"""Links that are marked as parents: a trace is a graph, in which a span may have several."""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.span import SpanView

LINK_ATTRIBUTE = "braintrust.span_parent"


def add_further_parents(span: SpanView, row: dict[str, Any]) -> None:
    """Add to a row's parents the spans of its trace that marked links lead to.

    Args:
        span: a span with links.
        row: its row, which is changed.
    """
    parents = list(row.get("span_parents") or ())
    for link in span.links:
        marked = (link.attributes or {}).get(LINK_ATTRIBUTE) is True
        if marked and link.trace_id == span.trace_id and link.span_id not in parents:
            parents.append(link.span_id)
    row["span_parents"] = [parent for parent in parents if parent != span.span_id] or None
