"""OpenLIT before 1.36: conversations as lines of text, tool calls in attributes of the call.

Source: openlit 1.30 to 1.35, `instrumentation/*/utils.py`.
"""

from __future__ import annotations

import re
from typing import Any

from otel_braintrust.translation.conventions import marks
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import read_literal
from otel_braintrust.translation.reading import FIRST_CHOICE, OLD_CONTENT, Candidate, Reading

_SPEAKER = re.compile(r"^(system|developer|user|assistant|tool): ", re.MULTILINE)
_LLM = frozenset({"llm"})
_OPERATIONS = ("chat", "text_completion", "embeddings", "image", "audio")


def _by_name(reading: Reading) -> None:
    """A call that failed has nothing but its name: the operation and the model."""
    operation, _, model = reading.span.name.partition(" ")
    if operation in _OPERATIONS and model and not reading.span.attributes:
        reading.kinds.append((97, "llm", "span name"))
        reading.suggest("request_model", 95, "span name", model)


def _conversation(text: Any) -> list[dict[str, str]] | None:
    """Read lines that each begin with who speaks; a line without belongs to the one above."""
    if not isinstance(text, str) or _SPEAKER.match(text) is None:
        return None
    places = list(_SPEAKER.finditer(text))
    ends = [place.start() - 1 for place in places[1:]] + [len(text)]
    return [
        {"role": place[1], "content": text[place.end() : end]}
        for place, end in zip(places, ends, strict=True)
    ]


@marks.of_scope("openlit")
@marks.settling()
def _leave_out_cache(reading: Reading) -> None:
    if reading.span.scope_name.startswith("openlit") and reading.best("provider") == "anthropic":
        reading.excludes_cache = True


@marks.of_scope("openlit")
@marks.gathering(
    "gen_ai.prompt", "gen_ai.completion", "gen_ai.tool.args", marks.EVENTS, always=True
)
def _open_lines(reading: Reading) -> None:
    if not reading.span.scope_name.startswith("openlit"):
        return
    for candidate in reading.inputs:
        value = candidate.value
        if candidate.rank != OLD_CONTENT:
            continue
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        messages = _conversation(value)
        if messages is not None:
            candidate.form, candidate.value = "messages", messages
    _add_call(reading)


def _add_call(reading: Reading) -> None:
    """Make the answer's tool call of the attributes that name it."""
    attributes = reading.span.attributes
    name, arguments = attributes.get("gen_ai.tool.name"), attributes.get("gen_ai.tool.args")
    if attributes.get("gen_ai.operation.name") != "chat" or not name or not arguments:
        return
    if isinstance(arguments, str):
        arguments = read_literal(arguments)
    call = {
        "id": attributes.get("gen_ai.tool.call.id"),
        "function": {"name": name, "arguments": arguments},
    }
    said = attributes.get("gen_ai.completion") or None
    answer = [{"role": "assistant", "content": said, "tool_calls": [call]}]
    reading.offer("output", Candidate(FIRST_CHOICE, "messages", answer, {}, _LLM, order=8))


CONVENTION = Convention(
    name="openlit", scopes={"openlit": _by_name}, finish=(_leave_out_cache, _open_lines)
)
