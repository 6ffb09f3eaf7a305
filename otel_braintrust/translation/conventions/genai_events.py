"""OpenTelemetry GenAI events: messages, choices, details and evaluations, on spans or in logs.

Source: semantic-conventions v1.27 (`gen_ai.content.*`), v1.28 to v1.36 (`gen_ai.*.message`,
`gen_ai.choice`) and later (`gen_ai.client.inference.operation.details`,
`gen_ai.evaluation.result`). A log event arrives here with its body among its attributes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation.conventions.marks import varying
from otel_braintrust.translation.conventions.rules import Convention, EventRule
from otel_braintrust.translation.decoding import as_mapping, decode, decode_container
from otel_braintrust.translation.reading import (
    FIRST_CHOICE,
    OLD_CONTENT,
    Candidate,
    Reading,
)
from otel_braintrust.translation.span import SpanEvent

_LLM_TASK = frozenset({"llm", "task"})
_TOOL = frozenset({"tool"})


def _body(event: SpanEvent) -> dict[str, Any]:
    """Return an event's fields: its attributes, or the JSON body that one of them holds."""
    whole = as_mapping(event.attributes.get("gen_ai.event.content"))
    if whole is not None:
        return dict(whole)
    return {
        key: value for key, value in event.attributes.items() if not key.startswith("gen_ai.")
    } | {
        key.removeprefix("gen_ai."): value
        for key, value in event.attributes.items()
        if key in ("gen_ai.message", "gen_ai.choice")
    }


def _messages(reading: Reading, side: str) -> list[Any]:
    """Return the messages that this span's events have told so far, on one side."""
    listed = reading.inputs if side == "input" else reading.outputs
    for candidate in listed:
        if (
            candidate.form == "messages"
            and candidate.order == 0
            and isinstance(candidate.value, list)
        ):
            return candidate.value
    candidate = Candidate(FIRST_CHOICE, "messages", [], {}, _LLM_TASK | _TOOL, order=0)
    reading.offer(side, candidate)
    found: list[Any] = candidate.value
    return found


def _message(role: str) -> EventRule:
    def read(reading: Reading, event: SpanEvent) -> bool:
        body = _body(event)
        message = {"role": role, **_opened(body)}
        if role == "tool":
            message["tool_call_id"] = body.get("id") or body.get("tool_call_id")
        said = message.get("content")
        if role == "user" and isinstance(said, dict) and isinstance(said.get("role"), str):
            message["role"] = said["role"]  # google-genai: a whole turn of a chat, whoever spoke
        _messages(reading, "input").append(message)
        return True

    return varying(read)


# Attributes of a log record that say where it was written, or its place among others.
_OF_THE_RECORD = ("event.name", "code.", "thread.", "log.", "CHAT_MESSAGE_INDEX")


def _opened(body: Mapping[str, Any]) -> dict[str, Any]:
    """Open the JSON texts of an event's fields; unset fields are left out."""
    opened = {
        key: decode_container(value)
        for key, value in body.items()
        if value is not None and not key.startswith(_OF_THE_RECORD)
    }
    if isinstance(opened.get("message"), str) and "content" not in opened:
        opened["content"] = opened.pop("message")
    return opened


@varying
def _choice(reading: Reading, event: SpanEvent) -> bool:
    body = _opened(_body(event))
    message = body.get("message", body.get("content"))
    if isinstance(message, dict):
        inner: dict[str, Any] = {"role": "assistant", **message}
    elif isinstance(message, (str, list)):
        inner = {"role": "assistant", "content": message}
    else:
        inner = {"role": "assistant", "content": None}
    if body.get("tool_calls") and not inner.get("tool_calls"):
        inner["tool_calls"] = body["tool_calls"]
    choices = _messages(reading, "output")
    choices.append(
        {
            "index": body.get("index", len(choices)),
            "finish_reason": body.get("finish_reason"),
            "message": inner,
        }
    )
    for key, value in event.attributes.items():
        if key not in (
            "message",
            "content",
            "index",
            "finish_reason",
            "tool_calls",
            "role",
        ) and not key.startswith(("gen_ai.", *_OF_THE_RECORD)):
            reading.leftovers.setdefault(f"{event.name}.{key}", value)
    return True


def _old_content(side: str, key: str) -> EventRule:
    def read(reading: Reading, event: SpanEvent) -> bool:
        value = event.attributes.get(key)
        if value is None:
            return False
        listed = reading.inputs if side == "input" else reading.outputs
        values = next((c.value for c in listed if c.order == 7 and c.rank == OLD_CONTENT), None)
        if values is None:
            values = []
            reading.offer(side, Candidate(OLD_CONTENT, "texts", values, {}, order=7))
        values.append(decode(value))
        return True

    return varying(read)


@varying
def _details(reading: Reading, event: SpanEvent) -> bool:
    """Read the details event: its fields mean what the attributes of the same names mean."""
    from otel_braintrust.translation.conventions import DISPATCH

    rest: dict[str, Any] = {}
    for key, value in event.attributes.items():
        if value is None or (key in reading.span.attributes and key not in _CONTENT):
            continue
        rule = DISPATCH.keys.get(key)
        if key in _CONTENT:
            _offer_details(reading, key, value)
        elif rule is None or not rule(reading, key, value):
            rest[key] = value
    for key, value in rest.items():
        reading.leftovers.setdefault(key, value)
    return True


_CONTENT = {
    "gen_ai.input.messages": "input",
    "gen_ai.output.messages": "output",
    "gen_ai.system_instructions": "system",
}


def _offer_details(reading: Reading, key: str, value: Any) -> None:
    side = _CONTENT[key]
    if side == "system":
        reading.system = reading.system or Candidate(FIRST_CHOICE, "system", value, {key: value})
    else:
        reading.offer(
            side,
            Candidate(FIRST_CHOICE, "messages", value, {key: value}, _LLM_TASK | _TOOL, order=1),
        )


def _evaluation(reading: Reading, event: SpanEvent) -> bool:
    attributes = event.attributes
    name = attributes.get("gen_ai.evaluation.name")
    if not isinstance(name, str) or not name:
        return False
    add_evaluation(
        reading,
        name,
        attributes.get("gen_ai.evaluation.score.value"),
        {
            "label": attributes.get("gen_ai.evaluation.score.label"),
            "explanation": attributes.get("gen_ai.evaluation.explanation"),
            "response_id": attributes.get("gen_ai.response.id"),
        },
    )
    return True


def add_evaluation(reading: Reading, name: str, value: Any, details: Mapping[str, Any]) -> None:
    """Note an evaluation: a number in 0..1 is a score, all of it is kept in the metadata."""
    number = float(value) if isinstance(value, bool) else value
    if isinstance(number, (int, float)) and math.isfinite(number) and 0 <= number <= 1:
        reading.scores[name] = number
    entry = {"name": name, "value": value, **details}
    reading.evaluations.append({key: inner for key, inner in entry.items() if inner is not None})


def _exception(reading: Reading, event: SpanEvent) -> bool:
    """Read the exception event of a client operation as OTel's own exception event."""
    reading.errors.append((40, event))
    return False


def _first_chunk(rank: int) -> EventRule:
    def read(reading: Reading, event: SpanEvent) -> bool:
        if event.time_ns is not None and event.time_ns >= reading.span.start_ns:
            seconds = (event.time_ns - reading.span.start_ns) / 1e9
            reading.first_token.append((rank, event.name, seconds, seconds))
        return False

    return varying(read)


CONVENTION = Convention(
    name="genai_events",
    events={
        "gen_ai.system.message": _message("system"),
        "gen_ai.user.message": _message("user"),
        "gen_ai.assistant.message": _message("assistant"),
        "gen_ai.tool.message": _message("tool"),
        "gen_ai.choice": _choice,
        "gen_ai.content.prompt": _old_content("input", "gen_ai.prompt"),
        "gen_ai.content.completion": _old_content("output", "gen_ai.completion"),
        "gen_ai.client.inference.operation.details": _details,
        "gen_ai.evaluation.result": _evaluation,
        "gen_ai.client.operation.exception": _exception,
        "gen_ai.content.completion.chunk": _first_chunk(60),
        "llm.content.completion.chunk": _first_chunk(61),
        "ai.stream.firstChunk": _first_chunk(62),
        "codex.turn_ttft": _first_chunk(63),
        "First Token Stream Event": _first_chunk(64),
    },
)
