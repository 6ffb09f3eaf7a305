"""The left side of the trace page: the tree with its bars, without the content of the spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otel_braintrust.local.pages import figures as read
from otel_braintrust.local.pages.critical_path import Interval, Segments, critical_path
from otel_braintrust.local.pages.preview import error_line
from otel_braintrust.local.pages.summary import root_row, totals
from otel_braintrust.local.pages.tree import Link, Node, Tree, grow


def outline(rows: Sequence[read.Row]) -> dict[str, Any]:
    """Describe a trace in about 200 bytes a span; the content of a span is fetched when chosen.

    Args:
        rows: all rows of one trace, at least one.

    Returns:
        Totals of the trace, `start_s` and `end_s` of the time axis (None if no span has a time),
        and `nodes` from top to bottom.
    """
    tree = grow([_link(row) for row in rows])
    measured = [read.figures(row) for row in rows]
    times = [
        moment
        for figures in measured
        for moment in (figures.start_s, figures.end_s)
        if moment is not None
    ]
    end_s = max(times, default=None)
    segments = _segments(tree, measured, end_s) if end_s is not None else {}
    root = root_row(rows)
    return {
        "name": read.span_name(root),
        "type": read.span_type(root),
        "failed": read.has_error(root),
        "errors": sum(map(read.has_error, rows)),
        "spans": len(rows),
        "open": any(figures.is_open for figures in measured),
        **totals(rows),
        "start_s": min(times, default=None),
        "end_s": end_s,
        "nodes": [
            _node(node, rows, measured, segments, _group_members(tree.nodes, position))
            for position, node in enumerate(tree.nodes)
        ],
    }


def _link(row: read.Row) -> Link:
    return Link(
        span_id=str(row.get("span_id") or row.get("id")),
        parents=read.span_parents(row),
        name=read.span_name(row),
        start_s=read.moment_s(row),
        type=read.span_type(row),
    )


def _segments(tree: Tree, measured: Sequence[read.Figures], end_s: float) -> Segments:
    """The critical path over the spans that have a time; an open span reaches to the end."""
    intervals: list[Interval] = []
    for index, figures in enumerate(measured):
        start_s = figures.start_s if figures.start_s is not None else end_s
        span_end_s = figures.end_s if figures.end_s is not None else end_s
        intervals.append(Interval(start_s, max(start_s, span_end_s), tree.children.get(index, [])))
    return critical_path(intervals, tree.roots)


def _group_members(nodes: Sequence[Node], position: int) -> list[int]:
    """The spans directly under a group node; empty for any other."""
    group = nodes[position]
    if group.kind != "group":
        return []
    below = nodes[position + 1 : position + 1 + group.size]
    return [node.span for node in below if node.depth == group.depth + 1 and node.span is not None]


def _node(
    node: Node,
    rows: Sequence[read.Row],
    measured: Sequence[read.Figures],
    segments: Segments,
    members: Sequence[int],
) -> dict[str, Any]:
    shape: dict[str, Any] = {"kind": node.kind, "depth": node.depth, "size": node.size}
    if node.kind == "missing" or node.span is None:
        return {**shape, "span_id": node.missing_id}
    if node.kind == "group":
        return {**shape, **_group(node.span, members, rows, measured)}
    row, figures = rows[node.span], measured[node.span]
    described: dict[str, Any] = {
        **shape,
        "id": row.get("id"),
        "span_id": str(row.get("span_id") or row.get("id")),
        "name": read.span_name(row),
        "type": read.span_type(row),
        "start_s": figures.start_s,
        "end_s": figures.end_s,
        "tokens": figures.tokens if read.span_type(row) == "llm" else None,
        "model": read.model(row),
        "error": error_line(row["error"]) or "failed" if read.has_error(row) else None,
        "critical": segments.get(node.span, []),
    }
    if node.other_parents:
        described["other_parents"] = node.other_parents
    if node.cut:
        described["cut"] = True
    return described


def _group(
    first: int,
    members: Sequence[int],
    rows: Sequence[read.Row],
    measured: Sequence[read.Figures],
) -> dict[str, Any]:
    """A run of siblings as one line: from the first start to the last end, with what they used."""
    starts = [start for member in members if (start := measured[member].start_s) is not None]
    ends = [end for member in members if (end := measured[member].end_s) is not None]
    tokens = [used for member in members if (used := measured[member].tokens) is not None]
    return {
        "name": read.span_name(rows[first]),
        "type": read.span_type(rows[first]),
        "count": len(members),
        "start_s": min(starts, default=None),
        "end_s": max(ends, default=None) if len(ends) == len(members) else None,
        "tokens": sum(tokens) if tokens and read.span_type(rows[first]) == "llm" else None,
        "errors": sum(read.has_error(rows[member]) for member in members),
    }
