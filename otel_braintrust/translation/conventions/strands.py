"""Strands Agents: GenAI attributes with times in milliseconds and a status for tools.

Source: strands-agents `telemetry/tracer.py`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.messages import to_messages
from otel_braintrust.translation.reading import DUMP, Reading


def _text_in(content: Any) -> str | None:
    """Return the text of a message's content, if it has no other parts."""
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        content = content[0].get("text")
    return content if isinstance(content, str) and content else None


def _tool_status(reading: Reading, _key: str, value: Any) -> bool:
    if value == "error":
        reading.errors.append((30, reading.span.status_description or "error"))
    return False


def _old_tool_status(reading: Reading, key: str, value: Any) -> bool:
    return reading.span.scope_name.startswith("strands") and _tool_status(reading, key, value)


@marks.settling("gen_ai.tool.status", "tool.status")
def _say_error(reading: Reading) -> None:
    """Let what a failed tool answered be the text of its error."""
    if (30, "error") not in reading.errors:
        return
    for candidate in reading.outputs:
        answer = to_messages(candidate.value, "tool") if candidate.form == "messages" else None
        text = _text_in(answer[0].get("content")) if answer else None
        if text:
            reading.errors.append((29, text))


def _cycle(reading: Reading) -> None:
    if reading.span.name.startswith("execute_event_loop_cycle"):
        reading.kinds.append((61, "task", "span name"))


CONVENTION = Convention(
    name="strands",
    keys={
        "gen_ai.tool.status": _tool_status,
        "tool.status": _old_tool_status,
        "system_prompt": rules.content("input", DUMP + 5, "text"),
    },
    scopes={"strands": _cycle},
    finish=(_say_error,),
)
