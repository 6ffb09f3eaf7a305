"""The numbers and names of one row that the pages show, read from whatever was sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otel_braintrust.local.timestamps import parse_timestamp

Row = Mapping[str, Any]

_MAX_NAME_CHARS = 300
_COST_METRICS = ("estimated_cost", "cost")


@dataclass(frozen=True, slots=True)
class Figures:
    """What a row measures.

    Attributes:
        start_s, end_s: seconds since 1970; None where the row does not say.
        prompt_tokens, completion_tokens, tokens: counts as reported.
        cost_usd: estimated cost of a model call in US dollars.
    """

    start_s: float | None
    end_s: float | None
    prompt_tokens: float | None
    completion_tokens: float | None
    tokens: float | None
    cost_usd: float | None

    @property
    def is_open(self) -> bool:
        """The span said when it began and not when it ended: it runs, or its end was lost."""
        return self.start_s is not None and self.end_s is None


def figures(row: Row) -> Figures:
    """Read the figures of a row; what is not a finite number is as if it were not there.

    Args:
        row: a row as the store gives it.
    """
    metrics = mapping(row.get("metrics"))
    prompt = number(metrics.get("prompt_tokens"))
    completion = number(metrics.get("completion_tokens"))
    tokens = number(metrics.get("tokens"))
    if tokens is None and (prompt is not None or completion is not None):
        tokens = (prompt or 0) + (completion or 0)
    cost = next(
        (value for key in _COST_METRICS if (value := number(metrics.get(key))) is not None), None
    )
    return Figures(
        start_s=number(metrics.get("start")),
        end_s=number(metrics.get("end")),
        prompt_tokens=prompt,
        completion_tokens=completion,
        tokens=tokens,
        cost_usd=cost,
    )


def moment_s(row: Row) -> float:
    """When the row happened: its span's start, else when it was created; 0 if it says neither."""
    start = number(mapping(row.get("metrics")).get("start"))
    return start if start is not None else created_s(row) or 0.0


def created_s(row: Row) -> float | None:
    """The `created` field in seconds since 1970, None where it is missing or not a time."""
    created = row.get("created")
    moment = parse_timestamp(created) if isinstance(created, str) else None
    return moment.timestamp() if moment is not None else None


def span_name(row: Row) -> str:
    """The name a reader knows the span by; a row logged without one is named after its id."""
    name = mapping(row.get("span_attributes")).get("name")
    if isinstance(name, str) and name:
        return name[:_MAX_NAME_CHARS]
    return "log" if is_root(row) else str(row.get("span_id") or row.get("id") or "span")


def span_type(row: Row) -> str | None:
    """The span type (`llm`, `tool`, ...), None where none was sent."""
    kind = mapping(row.get("span_attributes")).get("type")
    return kind if isinstance(kind, str) and kind else None


def span_parents(row: Row) -> list[str]:
    """The span ids of the parents a row names."""
    parents = row.get("span_parents")
    return (
        [parent for parent in parents if isinstance(parent, str)]
        if isinstance(parents, list)
        else []
    )


def is_root(row: Row) -> bool:
    """Whether the row names no parent."""
    return not span_parents(row)


def has_error(row: Row) -> bool:
    """Whether the span failed: Braintrust takes any `error` that is not null for a failure."""
    return row.get("error") is not None


def scores(row: Row) -> dict[str, float]:
    """The scores of a row that are numbers."""
    found = {name: number(value) for name, value in mapping(row.get("scores")).items()}
    return {name: value for name, value in found.items() if value is not None}


def tags(row: Row) -> list[str]:
    """The tags of a row."""
    values = row.get("tags")
    return [tag for tag in values if isinstance(tag, str)] if isinstance(values, list) else []


def user(row: Row) -> str | None:
    """Who asked, if the metadata says so."""
    metadata = mapping(row.get("metadata"))
    for key in ("user_id", "user"):
        value = metadata.get(key)
        if isinstance(value, (str, int)) and str(value):
            return str(value)
    return None


def model(row: Row) -> str | None:
    """The model of a model call."""
    value = mapping(row.get("metadata")).get("model")
    return value if isinstance(value, str) and value else None


def number(value: Any) -> float | None:
    """A finite number, or None; a bool is not a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # an integer of hundreds of digits
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}
