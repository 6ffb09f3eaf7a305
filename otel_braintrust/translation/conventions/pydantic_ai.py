"""Pydantic AI (instrumentation versions 1 to 6) and Logfire's own integrations.

Source: pydantic-ai `models/instrumented.py`, logfire `integrations/llm_providers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation import usage
from otel_braintrust.translation.conventions import rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_list, as_mapping, decode
from otel_braintrust.translation.parameters import parameters_of
from otel_braintrust.translation.payloads import read_request, read_response
from otel_braintrust.translation.reading import (
    DUMP,
    FIRST_CHOICE,
    FRAMEWORK,
    TOOL_FORM,
    Candidate,
    Reading,
)
from otel_braintrust.translation.tools import to_tools
from otel_braintrust.translation.usage import (
    CACHED,
    COMPLETION_AUDIO,
    CREATED,
    PROMPT_AUDIO,
    REASONING,
)

_LLM_TASK = frozenset({"llm", "task"})
_TASK = frozenset({"task"})
_TOOL = frozenset({"tool"})
_EVENT_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}


def _split_events(listed: list[Any]) -> tuple[list[Any], list[Any]]:
    """Split event bodies in one attribute into messages asked and choices answered."""
    asked, answered = [], []
    for event in listed:
        if not isinstance(event, Mapping):
            continue
        name = event.get("event.name") or event.get("event_name")
        body = {
            key: value
            for key, value in event.items()
            if key not in ("event.name", "event_name", "gen_ai.message.index", "gen_ai.system")
        }
        if name == "gen_ai.choice":
            answered.append({"role": "assistant", **body})
        elif isinstance(name, str) and name in _EVENT_ROLES:
            role = _EVENT_ROLES[name]
            extra = {"tool_call_id": body.get("id")} if role == "tool" and body.get("id") else {}
            asked.append({"role": role, **body, **extra})
        elif body.get("role"):
            asked.append(body)
    return asked, answered


def _events(reading: Reading, key: str, value: Any) -> bool:
    listed = as_list(value)
    if not listed:
        return False
    asked, answered = _split_events(listed)
    if not asked and not answered:
        return False
    raw = {key: value}
    if asked:
        reading.offer("input", Candidate(FRAMEWORK, "messages", asked, raw, _LLM_TASK, order=6))
    if answered:
        reading.offer("output", Candidate(FRAMEWORK, "messages", answered, raw, _LLM_TASK, order=6))
    return True


def _all_messages(reading: Reading, key: str, value: Any) -> bool:
    """Split an agent's whole conversation: the input is all before its last answer."""
    listed = as_list(value)
    if not listed:
        return False
    if key == "all_messages_events":
        listed, _ = _split_events(listed)
    raw = {key: value}
    asked, answered = _question_and_answer(listed)
    reading.offer("input", Candidate(FRAMEWORK, "messages", asked, raw, _LLM_TASK, order=7))
    if answered:
        reading.offer("output", Candidate(FRAMEWORK, "messages", answered, raw, _LLM_TASK, order=7))
    # The turns in between are told by the spans below; they stay here only if the row lacks them.
    reading.own.setdefault("conversations", []).append((key, value, listed, asked, answered))
    return True


def _question_and_answer(listed: list[Any]) -> tuple[list[Any], list[Any]]:
    """The conversation up to the agent's first word, and its last word."""
    first = next((i for i, m in enumerate(listed) if _role(m) == "assistant"), len(listed))
    last = next((m for m in reversed(listed) if _role(m) == "assistant"), None)
    return listed[:first], [last] if last is not None else []


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, Mapping) else None


def _keep_conversation(reading: Reading) -> None:
    """Keep the whole conversation in the metadata where input and output do not hold all of it."""
    for key, value, listed, asked, answered in reading.own.pop("conversations", ()):
        if len(asked) + len(answered) < len(listed):
            reading.leftovers[key] = decode(value)


def _request_parameters(reading: Reading, key: str, value: Any) -> bool:
    holder = as_mapping(value)
    if holder is None:
        return False
    found = to_tools(holder.get("function_tools"))
    output_tools = to_tools(holder.get("output_tools"))
    if found or output_tools:
        reading.suggest("tools", 50, key, [*(found or []), *(output_tools or [])])
    reading.leftovers[key] = {
        name: inner
        for name, inner in holder.items()
        if name not in ("function_tools", "output_tools") and inner not in (None, [], {})
    }
    return True


def _settings(reading: Reading, key: str, value: Any) -> bool:
    known, _ = parameters_of(value)
    for name, found in known.items():
        reading.suggest(name, 65, key, found)
    return False


def _request_data(reading: Reading, key: str, value: Any) -> bool:
    request = read_request(value)
    if request is None:
        return False
    for name, found in request.parameters.items():
        reading.suggest(name, 60, key, found)
    if request.model:
        reading.suggest("request_model", 60, key, request.model)
    if request.other:
        reading.suggest("invocation_parameters", 60, key, request.other)
    raw = {key: value}
    if request.messages:
        reading.offer("input", Candidate(FRAMEWORK, "as_is", request.messages, raw, order=8))
        reading.kinds.append((95, "llm", key))
    else:
        holder = decode(value)
        shown = holder.get("input", holder.get("prompt")) if isinstance(holder, Mapping) else None
        if shown is not None:
            reading.offer("input", Candidate(FRAMEWORK, "as_is", shown, raw, order=8))
    return True


def _response_data(reading: Reading, key: str, value: Any) -> bool:
    holder = as_mapping(value)
    if holder is None:
        return False
    raw = {key: value}
    combined = holder.get("combined_chunk_content")
    message = holder.get("message")
    if isinstance(combined, str) and message is None:
        message = {"role": "assistant", "content": combined}
    if isinstance(message, Mapping):
        answer = [{"role": "assistant", **message}]
        reading.offer("output", Candidate(FRAMEWORK, "messages", answer, raw, order=8))
    else:
        response = read_response(holder)
        if response is not None and response.choices:
            reading.offer("output", Candidate(FRAMEWORK, "as_is", response.choices, raw, order=8))
        else:
            reading.offer("output", Candidate(DUMP, "as_is", holder, raw, order=8))
    counts, excludes = usage.of_payload(holder.get("usage"))
    for name, number in counts.items():
        reading.usage.add("payload", name, number, key)
    if excludes and "gen_ai" not in reading.usage.families:
        reading.excludes_cache = True
    rest = {
        name: inner
        for name, inner in holder.items()
        if name not in ("message", "combined_chunk_content") and inner is not None
    }
    if rest:
        reading.leftovers[key] = rest
    return True


def _raw_usage(reading: Reading, key: str, value: Any) -> bool:
    counts, excludes = usage.of_payload(as_mapping(value))
    for name, number in counts.items():
        reading.usage.add("payload", name, number, key)
    if excludes:
        reading.own["raw_usage_excludes_cache"] = True
    return False


def _settle_raw_usage(reading: Reading) -> None:
    """Anthropic's raw usage beside equal counts says that those leave the cache out."""
    if not reading.own.pop("raw_usage_excludes_cache", False):
        return
    chosen = reading.usage.families.get("gen_ai", {})
    raw = reading.usage.families.get("payload", {})
    if not chosen or chosen.get(usage.PROMPT) == raw.get(usage.PROMPT):
        reading.excludes_cache = True


def _span_type(reading: Reading, _key: str, value: Any) -> bool:
    if value == "pending_span":
        reading.placeholder_span = True
    return False


def _raw_input(reading: Reading, key: str, value: Any) -> bool:
    reading.offer("input", Candidate(FRAMEWORK, "messages", decode(value), {key: value}, order=9))
    return True


CONVENTION = Convention(
    name="pydantic_ai",
    keys={
        "events": _events,
        "all_messages_events": _all_messages,
        "pydantic_ai.all_messages": _all_messages,
        "final_result": rules.content("output", FIRST_CHOICE, homes=_TASK),
        "model_request_parameters": _request_parameters,
        "model_settings": _settings,
        "tool_arguments": rules.content("input", TOOL_FORM, homes=_TOOL, order=4),
        "tool_response": rules.content("output", TOOL_FORM, homes=_TOOL, order=4),
        "gen_ai.usage.details.cache_read_tokens": rules.count("details", CACHED),
        "gen_ai.usage.details.cache_write_tokens": rules.count("details", CREATED),
        "gen_ai.usage.details.cache_read_input_tokens": rules.count("details", CACHED),
        "gen_ai.usage.details.cache_creation_input_tokens": rules.count("details", CREATED),
        "gen_ai.usage.details.cached_tokens": rules.count("details", CACHED),
        "gen_ai.usage.details.reasoning_tokens": rules.count("details", REASONING),
        "gen_ai.usage.details.thoughts_tokens": rules.count("details", REASONING),
        "gen_ai.usage.details.input_audio_tokens": rules.count("details", PROMPT_AUDIO),
        "gen_ai.usage.details.output_audio_tokens": rules.count("details", COMPLETION_AUDIO),
        "gen_ai.usage.raw": _raw_usage,
        "operation.cost": rules.cost(30),
        "request_data": _request_data,
        "response_data": _response_data,
        "raw_input": _raw_input,
        "logfire.span_type": _span_type,
        "logfire.tags": rules.tags(","),
        "logfire.json_schema": rules.decoded,
    },
    finish=(_keep_conversation, _settle_raw_usage),
)
