"""Pipecat: spans of a voice pipeline's services, under bare keys, read on its own scope only.

Source: pipecat-ai `utils/tracing/service_attributes.py`; model and usage are OpenTelemetry's GenAI.
"""

from __future__ import annotations

from otel_braintrust.translation.conventions import marks
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.parameters import parameter
from otel_braintrust.translation.reading import FRAMEWORK, Candidate, Reading
from otel_braintrust.translation.tools import to_tools

_CONTENT = {
    "text": "input",
    "transcript": "output",
    "text_output": "output",
}
_TOOLS = ("tools", "tools.definitions")
_SETTINGS = {"stream": "stream", "tool_choice": "tool_choice"}


@marks.of_scope("pipecat")
def _read(reading: Reading) -> None:
    if reading.span.scope_name != "pipecat":
        return
    left = reading.leftovers
    for key, side in _CONTENT.items():
        if key in left:
            value = left.pop(key)
            heard = side == "output" and reading.span.attributes.get("transcript.is_input") is True
            reading.offer(
                "input" if heard else side, Candidate(FRAMEWORK, "text", value, {key: value})
            )
    for key in _TOOLS:
        found = to_tools(left.get(key)) if isinstance(left.get(key), str) else None
        if found:
            reading.suggest("tools", 60, key, found, left.pop(key))
    for key, name in _SETTINGS.items():
        if key in left and (value := parameter(name, left[key])) is not None:
            reading.suggest(name, 60, key, value, left.pop(key))


CONVENTION = Convention(name="pipecat", finish=(_read,))
