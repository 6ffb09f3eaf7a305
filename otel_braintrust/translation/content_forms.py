"""What a candidate for a row's input or output says, by the form in which it was recorded."""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation import embeddings, parts
from otel_braintrust.translation.choices import to_choices
from otel_braintrust.translation.decoding import (
    as_list,
    decode,
    decode_container,
    is_cut_short,
    is_placeholder,
    read_literal,
)
from otel_braintrust.translation.message_shapes import is_message
from otel_braintrust.translation.messages import to_messages
from otel_braintrust.translation.model_requests import Request, read_request
from otel_braintrust.translation.model_responses import Response, read_response
from otel_braintrust.translation.plain_messages import plain
from otel_braintrust.translation.reading import OWN, Candidate, Reading
from otel_braintrust.translation.wrappers import unwrap

UNSET = object()


def read_as(reading: Reading, side: str, candidate: Candidate, span_type: str) -> Any:
    """Read a candidate; `UNSET` where it says nothing in its form.

    Args:
        reading: its span, read; what a payload says besides is noted there.
        side: `input` or `output`.
        candidate: the candidate.
        span_type: the span's Braintrust type.
    """
    reader = _FORMS[candidate.form]
    told = reading.open(candidate.value) if candidate.form in _OPENED else candidate.value
    value = reader(reading, side, told, span_type)
    return UNSET if value is None and candidate.rank != OWN else value


def _messages(reading: Reading, side: str, value: Any, span_type: str) -> Any:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        text, value = value, decode(value)
        if value is text and read_literal(text) is text:
            return text  # cut short
    if span_type == "tool":
        return _of_tool(side, value)
    if side == "output":
        choices = to_choices(value, reading.finish_reasons)
        return choices if choices is None else _last_word(reading, choices, span_type)
    return to_messages(value)


def _of_tool(side: str, value: Any) -> Any:
    """Show the messages of a tool's span as the call's arguments, or as what the tool answered."""
    messages = to_messages(value, "tool")
    if not messages:
        return None
    if len(messages) > 1:
        return messages
    calls = messages[0].get("tool_calls") or []
    if side == "input" and len(calls) == 1:
        return decode_container(calls[0]["function"]["arguments"])
    content = messages[0].get("content")
    return decode_container(
        parts.tool_result_content(content) if isinstance(content, list) else content
    )


def _last_word(
    reading: Reading, choices: list[dict[str, Any]], span_type: str
) -> list[dict[str, Any]]:
    """Leave out what tools answered within an answer: the calls' own spans show it.

    An agent's answer is what it said after the last tool; what came before are its steps.
    """
    is_tool = [choice["message"].get("role") == "tool" for choice in choices]
    if all(is_tool) or not any(is_tool):
        return choices
    said = [choice for choice, tool in zip(choices, is_tool, strict=True) if not tool]
    extra = reading.own.setdefault("extra", {})
    after = len(choices) - is_tool[::-1].index(True)
    if span_type != "llm" and after < len(choices):
        extra["steps"] = [choice["message"] for choice in choices[:after]]
        said = choices[after:]
        reasons = {choice["finish_reason"] for choice in choices} - {None}
        if said[-1]["finish_reason"] is None and len(reasons) == 1:
            said[-1]["finish_reason"] = reasons.pop()
    else:
        tools = zip(choices, is_tool, strict=True)
        extra["tool_results"] = [choice["message"] for choice, tool in tools if tool]
    for index, choice in enumerate(said):
        choice["index"] = index
    return said


def _payload(reading: Reading, side: str, value: Any, span_type: str) -> Any:
    """Read what may be an API's request or response: on a model call as such, else as a value."""
    if span_type != "llm":
        return decode_container(value)
    if reading.is_embedding and (embedded := embeddings.read(side, value)) is not None:
        if side == "output":
            take_response(reading, read_response(value) or Response())
        return embedded
    if side == "input":
        request = reading.read_once(read_request, value)
        if request is not None:
            take_request(reading, request)
            if request.messages:
                return request.messages
    else:
        response = reading.read_once(read_response, value)
        if response is not None:
            take_response(reading, response)
            if response.choices:
                return _with_reasons(response.choices, reading.finish_reasons)
    decoded = decode_container(value)
    if isinstance(decoded, str) and (opened := _written_out(decoded)) is not decoded:
        return _payload(reading, side, opened, span_type)
    if reading.is_embedding and side == "input" and decoded:
        return decoded
    if isinstance(decoded, str) and decoded and not is_cut_short(decoded):
        return _as_said(reading, side, [decoded])
    if isinstance(decoded, list) and decoded and all(isinstance(t, str) for t in decoded):
        return _as_said(reading, side, decoded)
    return decoded


def _written_out(text: str) -> Any:
    """Open a text in quotes, or a dict or list as Python writes it; else the text itself."""
    if len(text) > 2 and text[0] == text[-1] == '"':
        return decode(text)
    return read_literal(text)


def _as_said(reading: Reading, side: str, texts: list[str]) -> Any:
    role = "user" if side == "input" else "assistant"
    said = [{"role": role, "content": text} for text in texts]
    return said if side == "input" else to_choices(said, reading.finish_reasons)


def _with_reasons(choices: list[dict[str, Any]], reasons: list[Any]) -> list[dict[str, Any]]:
    if all(map(_is_final, choices)):
        return choices
    return to_choices(choices, reasons) or choices


def _is_final(choice: dict[str, Any]) -> bool:
    """Tell whether a choice stays as it is, were it converted again."""
    message = choice["message"]
    return choice["finish_reason"] is not None and plain(message) == message


def take_request(reading: Reading, request: Request) -> None:
    """Fill parameters and model from a request, below what attributes say."""
    if request.is_taken:
        return
    request.is_taken = True
    for name, value in request.parameters.items():
        reading.suggest(name, 80, "request payload", value)
    if request.model:
        reading.suggest("request_model", 80, "request payload", request.model)


def take_response(reading: Reading, response: Response) -> None:
    """Fill model and counts from a response, below what attributes say."""
    if response.is_taken:
        return
    response.is_taken = True
    if response.model:
        reading.suggest("response_model", 80, "response payload", response.model)
    for name, count in response.counts.items():
        reading.usage.add("payload", name, count, "response payload")


def _request(reading: Reading, side: str, value: Any, _span_type: str) -> Any:
    return _payload(reading, side, value, "llm")


def _framework(reading: Reading, side: str, value: Any, span_type: str) -> Any:
    """Read what a framework's callback recorded: a payload, or a value in a wrapper."""
    if span_type == "llm":
        return _payload(reading, side, value, span_type)
    return unwrap(side, _opened(value, span_type), span_type)


def _value(_reading: Reading, side: str, value: Any, span_type: str) -> Any:
    return unwrap(side, _opened(value, span_type), span_type)


def _opened(value: Any, span_type: str) -> Any:
    """Open a value; where no model speaks, also JSON text of a text, and a tool's as Python."""
    if not isinstance(value, str) or span_type == "llm":
        return decode_container(value)
    if value[:1] == value[-1:] == '"':
        return decode(value)
    opened = decode_container(value)
    if span_type == "tool" and isinstance(opened, str):
        return read_literal(opened)
    return opened


def _chat(reading: Reading, side: str, value: Any, span_type: str) -> Any:
    """Read a conversation wherever it stands: messages or calls, or a holder's `items` of them."""
    holder = decode_container(value)
    inner = holder.get("items") or holder.get("messages") if isinstance(holder, dict) else holder
    listed = as_list(inner) or () if inner != value else ()
    items = [item for item in listed if isinstance(item, dict)]
    said = [item for item in items if is_message(item)]
    if not said and items and all("name" in item and "arguments" in item for item in items):
        said = [{"role": "assistant", "tool_calls": items}]
    read = to_messages(said) if side == "input" else to_choices(said)
    if not read:
        return None if is_placeholder(holder) else holder
    return read if side == "input" else _last_word(reading, read, span_type)


def _text(_reading: Reading, _side: str, value: Any, _span_type: str) -> Any:
    return value


def _texts(reading: Reading, side: str, values: Any, span_type: str) -> Any:
    """Read the values of several events of one name: one conversation, or a text each."""
    if len(values) == 1:
        return _payload(reading, side, values[0], "llm")
    role = "user" if side == "input" else "assistant"
    said = [
        v if isinstance(v, dict) and "role" in v else {"role": role, "content": v} for v in values
    ]
    return _messages(reading, side, said, span_type)


def _prompts(_reading: Reading, _side: str, value: Any, _span_type: str) -> Any:
    listed = decode(value)
    if not isinstance(listed, (list, tuple)):
        return [{"role": "user", "content": listed}]
    if any(isinstance(prompt, dict) for prompt in listed):
        return to_messages(listed)
    return [{"role": "user", "content": prompt} for prompt in listed]


def _answer(reading: Reading, _side: str, value: Any, _span_type: str) -> Any:
    return to_choices([{"role": "assistant", "content": value}], reading.finish_reasons)


# Forms whose reader asks for nothing of a text but what it holds.
_OPENED = frozenset({"framework", "payload", "request", "value"})
_FORMS: dict[str, Any] = {
    "as_is": _text,
    "answer": _answer,
    "chat": _chat,
    "framework": _framework,
    "messages": _messages,
    "object": _text,
    "payload": _payload,
    "prompts": _prompts,
    "request": _request,
    "summary": _text,
    "text": _text,
    "texts": _texts,
    "value": _value,
}
