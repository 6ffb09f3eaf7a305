"""Strands Agents: GenAI attributes with times in milliseconds and a status for tools.

Source: strands-agents `telemetry/tracer.py`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.reading import DUMP, Reading


def _tool_status(reading: Reading, _key: str, value: Any) -> bool:
    if value == "error":
        reading.errors.append((30, reading.span.status_description or "error"))
    return False


def _cycle(reading: Reading) -> None:
    if reading.span.name.startswith("execute_event_loop_cycle"):
        reading.kinds.append((61, "task", "span name"))


CONVENTION = Convention(
    name="strands",
    keys={
        "gen_ai.tool.status": _tool_status,
        "system_prompt": rules.content("input", DUMP + 5, "text"),
    },
    scopes={"strands": _cycle},
)
