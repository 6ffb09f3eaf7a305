"""Langfuse SDK (version 3 and later): `langfuse.*`.

Source: langfuse-python `_client/attributes.py`, `_client/span.py`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_mapping, decode
from otel_braintrust.translation.payload_usage import of_payload
from otel_braintrust.translation.reading import DELIBERATE, KEPT_ELSEWHERE, Candidate, Reading
from otel_braintrust.translation.times import seconds_since_start
from otel_braintrust.translation.tools import to_tools
from otel_braintrust.translation.usage import (
    CACHED,
    COMPLETION,
    CREATED,
    PROMPT,
    REASONING,
    TOTAL,
    token_count,
)

TYPES: dict[str, str | None] = {
    "generation": "llm",
    "embedding": "llm",
    "tool": "tool",
    "retriever": "function",
    "guardrail": "function",
    "evaluator": "score",
    "agent": "task",
    "chain": "task",
    "event": "task",
}


def _type(reading: Reading, key: str, value: Any) -> bool:
    if value == "evaluator":
        reading.purpose = reading.purpose or "scorer"
    return rules.kind(TYPES, 20)(reading, key, value)


def _content(side: str, *, trace: bool = False) -> rules.Rule:
    """An observation's content; the trace's own stands in for it on a root span."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        if trace and reading.span.parent_span_id is not None:
            return False
        order = 1 if trace else 0
        shown = decode(value)
        if side == "input" and isinstance(shown, list):
            shown = _without_tools(reading, key, shown)
        form = "payload" if _is_positional(shown) else "framework"
        reading.offer(side, Candidate(DELIBERATE, form, shown, {key: value}, order=order))
        return True

    return marks.varying(read)


def _is_positional(shown: Any) -> bool:
    """Tell whether `observe` recorded a function's arguments, some of them without a name."""
    return isinstance(shown, dict) and shown.keys() == {"args", "kwargs"} and bool(shown["args"])


def _without_tools(reading: Reading, key: str, listed: list[Any]) -> list[Any]:
    """Take the tools out of a conversation, where the LangChain handler puts their definitions."""
    defined = [
        message["content"]
        for message in listed
        if isinstance(message, dict)
        and message.get("role") == "tool"
        and isinstance(message.get("content"), dict)
        and isinstance(message["content"].get("function"), dict)
    ]
    found = to_tools(defined) if defined else None
    if found is None:
        return listed
    reading.suggest("tools", 60, key, found, KEPT_ELSEWHERE)
    return [m for m in listed if not (isinstance(m, dict) and m.get("content") in defined)]


@marks.varying
def _instructions(reading: Reading, key: str, value: Any) -> bool:
    """Read the instructions of the Responses API, which the OpenAI wrapper has as metadata."""
    if reading.span.attributes.get("langfuse.observation.type") == "generation":
        reading.system = Candidate(DELIBERATE, "system", value, {key: value})
    return False


@marks.varying
def _usage_details(reading: Reading, key: str, value: Any) -> bool:
    """Add Langfuse's buckets up: they exclude each other, unless its own total says they don't."""
    holder = as_mapping(value)
    if holder is None:
        return False
    if any(isinstance(inner, dict) for inner in holder.values()):  # a provider's usage, as it came
        for name, found in of_payload(holder)[0].items():
            reading.usage.add("langfuse", name, found, key)
        reading.leftovers[key] = dict(holder)
        return True
    counts = {
        name: number for name, raw in holder.items() if (number := token_count(raw)) is not None
    }
    total = counts.get("total")
    plain_in = counts.get("input", counts.get("prompt_tokens"))
    plain_out = counts.get("output", counts.get("completion_tokens"))
    exclusive = not (
        total is not None
        and plain_in is not None
        and plain_out is not None
        and total == plain_in + plain_out
    )
    cached = _first(
        counts, "input_cached_tokens", "cache_read_input_tokens", "input_cache_read", "cache_read"
    )
    created = _first(
        counts, "cache_creation_input_tokens", "input_cache_creation", "cache_creation"
    )
    reasoning = _first(counts, "output_reasoning_tokens", "output_reasoning", "reasoning_tokens")
    audio = counts.get("input_audio_tokens", 0)
    if plain_in is not None:
        added = (cached or 0) + (created or 0) + audio if exclusive else 0
        reading.usage.add("langfuse", PROMPT, plain_in + added, key)
    if plain_out is not None:
        added = (reasoning or 0) if exclusive else 0
        reading.usage.add("langfuse", COMPLETION, plain_out + added, key)
    for name, part in ((CACHED, cached), (CREATED, created), (REASONING, reasoning)):
        if part is not None:
            reading.usage.add("langfuse", name, part, key)
    if total is not None and plain_in is None:
        reading.usage.add("langfuse", TOTAL, total, key)
    reading.leftovers[key] = dict(holder)
    return True


def _first(counts: dict[str, int], *names: str) -> int | None:
    return next((counts[name] for name in names if name in counts), None)


@marks.varying
def _cost_details(reading: Reading, key: str, value: Any) -> bool:
    holder = as_mapping(value)
    if holder is None:
        return False
    total = holder.get("total")
    if (
        total is None
        and all(isinstance(inner, (int, float)) for inner in holder.values())
        and holder
    ):
        total = sum(holder.values())
    if total is not None:
        reading.costs.append((50, key, total))
    reading.leftovers[key] = dict(holder)
    return True


def _level(reading: Reading, _key: str, value: Any) -> bool:
    if value == "ERROR":
        message = reading.span.attributes.get("langfuse.observation.status_message")
        reading.errors.append((20, message or "ERROR"))
    return False


@marks.varying
def _first_token(reading: Reading, key: str, value: Any) -> bool:
    seconds = seconds_since_start(reading.span, decode(value))
    if seconds is None:
        return False
    reading.first_token.append((30, key, seconds, value))
    return False


@marks.varying
def _expected(reading: Reading, _key: str, value: Any) -> bool:
    reading.own.setdefault("expected", decode(value))
    return True


def _environment(reading: Reading, _key: str, value: Any) -> bool:
    if isinstance(value, str) and value:
        reading.context["environment"] = {"name": value}
    return False


def _prompt(name: str) -> rules.Rule:
    def read(reading: Reading, _key: str, value: Any) -> bool:
        reading.own.setdefault("prompt", {})[name] = value
        return True

    return read


CONVENTION = Convention(
    name="langfuse",
    keys={
        "langfuse.observation.type": _type,
        "langfuse.observation.input": _content("input"),
        "langfuse.observation.output": _content("output"),
        "langfuse.trace.input": _content("input", trace=True),
        "langfuse.trace.output": _content("output", trace=True),
        "langfuse.observation.model.name": rules.named("request_model", 45),
        "langfuse.observation.model.parameters": rules.settings(
            60, rest_as="invocation_parameters"
        ),
        "langfuse.observation.usage_details": _usage_details,
        "langfuse.observation.cost_details": _cost_details,
        "langfuse.observation.level": _level,
        "langfuse.observation.completion_start_time": _first_token,
        "langfuse.observation.metadata": rules.spread(),
        "langfuse.observation.metadata.instructions": _instructions,
        "langfuse.observation.prompt.name": _prompt("name"),
        "langfuse.observation.prompt.version": _prompt("version"),
        "langfuse.trace.metadata": rules.spread(),
        "langfuse.trace.tags": rules.tags(","),
        "langfuse.environment": _environment,
        "langfuse.session.id": rules.named("session_id", 10, keep=True),
        "langfuse.user.id": rules.named("user_id", 10, keep=True),
        "langfuse.experiment.item.expected_output": _expected,
    },
    prefixes={
        "langfuse.observation.metadata.": rules.entry(),
        "langfuse.trace.metadata.": rules.entry(),
    },
)
