"""What the parts of one message hold, gathered while they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class ToolResult:
    """What a tool answered, for one call."""

    call_id: str | None
    content: Any
    name: str | None = None


@dataclass(slots=True)
class Gathered:
    """The parts of one message so far: content, tool calls, a refusal; results end it."""

    content: list[Any] = field(default_factory=list)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    refusal: str | None = None
    results: list[ToolResult] = field(default_factory=list)


Part = Mapping[str, Any]


def first(part: Part, *keys: str) -> Any:
    for key in keys:
        found = part.get(key)
        if found is not None:
            return found
    return None
