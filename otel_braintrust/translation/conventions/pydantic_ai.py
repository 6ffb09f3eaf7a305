"""Pydantic AI (instrumentation versions 1 to 6) and Logfire's own integrations.

Source: pydantic-ai `models/instrumented.py`, logfire `integrations/llm_providers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation import usage
from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_list, as_mapping, decode, decode_container
from otel_braintrust.translation.model_requests import read_request
from otel_braintrust.translation.model_responses import read_response
from otel_braintrust.translation.parameters import parameters_of
from otel_braintrust.translation.payload_usage import of_payload
from otel_braintrust.translation.reading import (
    DUMP,
    FIRST_CHOICE,
    FRAMEWORK,
    KEPT_ELSEWHERE,
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
        if not isinstance(event, dict):
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
    if not answered:
        # Logfire's Responses API events name no choice: what the assistant said last is the answer.
        end = len(asked)
        while end and _role(asked[end - 1]) == "assistant":
            end -= 1
        if end and end < len(asked):
            asked, answered = asked[:end], [_one_turn(asked[end:])]
    return asked, answered


def _one_turn(messages: list[Any]) -> dict[str, Any]:
    """Join what an assistant said in several messages of one turn."""
    if len(messages) == 1:
        return dict(messages[0])
    contents = [m["content"] for m in messages if m.get("content") and not m.get("data")]
    thoughts = [m["data"] for m in messages if isinstance(m.get("data"), dict)]
    texts = [{"type": "text", "text": text} for text in contents if isinstance(text, str)]
    calls = [call for m in messages for call in as_list(m.get("tool_calls")) or ()]
    turn: dict[str, Any] = {"role": "assistant", "content": [*thoughts, *texts] or None}
    return {**turn, "tool_calls": calls} if calls else turn


@marks.varying
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
    reading.remainders[key] = [
        event for event in listed if not isinstance(event, dict) or not _is_known_event(event)
    ]
    return True


def _is_known_event(event: Mapping[str, Any]) -> bool:
    name = event.get("event.name") or event.get("event_name")
    return name == "gen_ai.choice" or name in _EVENT_ROLES or bool(event.get("role"))


@marks.varying
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
    """The conversation up to what the user said last, and the agent's last word."""
    asked = max((i for i, m in enumerate(listed) if _is_said_by_user(m)), default=-1)
    if asked < 0:
        asked = next((i for i, m in enumerate(listed) if _role(m) == "assistant"), len(listed)) - 1
    last = next((m for m in reversed(listed[asked + 1 :]) if _role(m) == "assistant"), None)
    return listed[: asked + 1], [last] if last is not None else []


def _is_said_by_user(message: Any) -> bool:
    """Tell a user's own words from tool results, which older versions give the same role."""
    if _role(message) != "user":
        return False
    parts = message.get("parts")
    return not isinstance(parts, list) or any(
        not isinstance(part, dict) or part.get("type") != "tool_call_response" for part in parts
    )


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


@marks.gathering("all_messages_events", "pydantic_ai.all_messages")
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
        reading.suggest("tools", 50, key, [*(found or []), *(output_tools or [])], KEPT_ELSEWHERE)
    reading.remainders[key] = holder
    return True


def _settings(reading: Reading, key: str, value: Any) -> bool:
    known, _ = parameters_of(value)
    for name, found in known.items():
        reading.suggest(name, 65, key, found, KEPT_ELSEWHERE)
    return False


@marks.varying
def _request_data(reading: Reading, key: str, value: Any) -> bool:
    request = read_request(value)
    if request is None:
        return False
    for name, found in request.parameters.items():
        reading.suggest(name, 60, key, found, KEPT_ELSEWHERE)
    if request.model:
        reading.suggest("request_model", 60, key, request.model, KEPT_ELSEWHERE)
    if request.other:
        reading.suggest("invocation_parameters", 60, key, request.other, KEPT_ELSEWHERE)
    raw = {key: value}
    texts = _embedded_texts(reading, value)
    if texts is not None:
        reading.is_embedding = True
        reading.offer("input", Candidate(FRAMEWORK, "as_is", texts, raw, order=8))
        reading.kinds.append((95, "llm", key))
    elif request.messages:
        reading.offer("input", Candidate(FRAMEWORK, "as_is", request.messages, raw, order=8))
        reading.kinds.append((95, "llm", key))
    else:
        holder = decode(value)
        shown = holder.get("input", holder.get("prompt")) if isinstance(holder, dict) else None
        if shown is not None:
            reading.offer("input", Candidate(FRAMEWORK, "as_is", shown, raw, order=8))
    return True


def _embedded_texts(reading: Reading, value: Any) -> Any:
    """Return what an embedding request holds; None if it is another request."""
    template = str(reading.span.attributes.get("logfire.msg_template"))
    holder = as_mapping(value)
    if holder is None or not template.startswith("Embedding"):
        return None
    return holder.get("input")


def _without_wrapper(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Unwrap the arguments of Anthropic's tool calls: Logfire 3 and 4 have them as `input`."""
    listed = message.get("tool_calls")
    if not isinstance(listed, list):
        return message
    calls = []
    for call in listed:
        function = call.get("function") if isinstance(call, dict) else None
        given = as_mapping(function.get("arguments")) if isinstance(function, dict) else None
        if isinstance(function, dict) and given is not None and given.keys() == {"input"}:
            call = {**call, "function": {**function, "arguments": given["input"]}}
        calls.append(call)
    return {**message, "tool_calls": calls}


@marks.varying
def _response_data(reading: Reading, key: str, value: Any) -> bool:
    holder = as_mapping(value)
    if holder is None:
        return False
    raw = {key: value}
    combined = holder.get("combined_chunk_content")
    message = holder.get("message")
    if isinstance(combined, str) and message is None:
        message = {"role": "assistant", "content": combined}
    if isinstance(message, dict):
        if reading.span.scope_name == "logfire.anthropic":
            message = _without_wrapper(message)
        answer = [{"role": "assistant", **message}]
        reading.offer("output", Candidate(FRAMEWORK, "messages", answer, raw, order=8))
    else:
        response = read_response(holder)
        if response is not None and response.choices:
            reading.offer("output", Candidate(FRAMEWORK, "as_is", response.choices, raw, order=8))
        else:
            reading.offer("output", Candidate(DUMP, "as_is", holder, raw, order=8))
    counts, _ = of_payload(holder.get("usage"))
    for name, number in counts.items():
        reading.usage.add("payload", name, number, key)
    rest = {
        name: inner
        for name, inner in holder.items()
        if name not in ("message", "combined_chunk_content") and inner is not None
    }
    if rest:
        reading.leftovers[key] = rest
    return True


@marks.varying
def _raw_usage(reading: Reading, key: str, value: Any) -> bool:
    counts, excludes = of_payload(as_mapping(value))
    for name, number in counts.items():
        reading.usage.add("payload", name, number, key)
    if excludes:
        reading.own["raw_usage_excludes_cache"] = True
    return False


@marks.gathering("gen_ai.usage.raw")
def _settle_raw_usage(reading: Reading) -> None:
    """Anthropic's raw usage beside equal counts says that those leave the cache out."""
    if not reading.own.pop("raw_usage_excludes_cache", False):
        return
    chosen = reading.usage.families.get("gen_ai", {})
    raw = reading.usage.families.get("payload", {})
    told = raw.get(usage.PROMPT, 0) - raw.get(usage.CACHED, 0) - raw.get(usage.CREATED, 0)
    if chosen.get(usage.PROMPT) == told:
        reading.excludes_cache = True


def _span_type(reading: Reading, _key: str, value: Any) -> bool:
    if value == "pending_span":
        reading.placeholder_span = True
    return False


@marks.varying
def _inputs(reading: Reading, key: str, value: Any) -> bool:
    """Read what was embedded."""
    if not reading.span.scope_name.startswith(("pydantic-ai", "logfire")):
        return False
    reading.offer("input", Candidate(FRAMEWORK, "as_is", decode(value), {key: value}, order=9))
    return True


@marks.varying
def _response(reading: Reading, key: str, value: Any) -> bool:
    """Read a response of the Responses API as Logfire's OpenAI Agents integration records it."""
    if not reading.span.scope_name.startswith("logfire"):
        return False
    reading.offer("output", Candidate(FRAMEWORK, "payload", value, {key: value}, order=5))
    holder = as_mapping(value)
    found = to_tools(holder.get("tools")) if holder is not None else None
    if found:
        reading.suggest("tools", 55, key, found, KEPT_ELSEWHERE)
    return True


# Message templates by which Logfire's integrations say what a span is.
_TEMPLATES = {"Function: {name}": "tool", "Handoff: {from_agent!r} -> {to_agent!r}": "task"}


def _message_template(reading: Reading, key: str, value: Any) -> bool:
    if isinstance(value, str) and value in _TEMPLATES:
        reading.kinds.append((79, _TEMPLATES[value], key))
    return False


@marks.of_scope("logfire")
@marks.gathering("logfire.json_schema", always=True)
def _arguments(reading: Reading) -> None:
    """Show what a user gave a Logfire span, by its schema, as the span's input."""
    attributes = reading.span.attributes
    schema = as_mapping(attributes.get("logfire.json_schema"))
    if schema is None or reading.span.scope_name != "logfire":
        return
    names = [
        name for name in schema.get("properties") or () if name != "return" and "." not in name
    ]
    given = {name: decode_container(attributes[name]) for name in names if name in attributes}
    if given and attributes.get("logfire.span_type") == "span":
        reading.offer("input", Candidate(DUMP, "as_is", given, {}, _TASK, order=5))


@marks.varying
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
        "inputs": _inputs,
        "response": _response,
        "return": rules.content("output", DUMP, homes=_TASK),
        "logfire.msg_template": _message_template,
        "logfire.span_type": _span_type,
        "logfire.tags": rules.tags(","),
        "logfire.json_schema": rules.decoded,
    },
    finish=(_keep_conversation, _settle_raw_usage, _arguments),
)
