"""A query taken apart: what to read, from where, which rows, in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SPANS = "spans"
TRACES = "traces"
SHAPES = (SPANS, TRACES)

# An expression is a tree as Braintrust's API takes it: {"op": "eq", "left": ..., "right": ...}.
Expression = Mapping[str, Any]


class QueryError(ValueError):
    """A query that this server cannot run; the message says which part of it."""


@dataclass(frozen=True)
class Output:
    """One field of the result: where its value is, and its name there."""

    path: tuple[str | int, ...]
    name: str


@dataclass(frozen=True)
class Sort:
    """What to sort by, and in which direction."""

    by: Expression
    descending: bool = False


@dataclass(frozen=True)
class Plan:
    """A query.

    Args:
        object_type: `project_logs` or `experiment`.
        object_id: the id, or a project's name.
        shape: `spans`: the rows that match; `traces`: all rows of traces of which one matches.
        outputs: the fields to return; None for all.
        condition: what a row must fulfil; None for all.
        sorts: the order; the latest transaction first if empty.
        limit: the most rows, with the shape `traces` the most traces; None for the default.
        cursor: where the last page ended.
        preview_length: cut long values to this many characters; None or -1 for none.
    """

    object_type: str
    object_id: str
    shape: str = SPANS
    outputs: tuple[Output, ...] | None = None
    condition: Expression | None = None
    sorts: tuple[Sort, ...] = field(default=())
    limit: int | None = None
    cursor: str | None = None
    preview_length: int | None = None
