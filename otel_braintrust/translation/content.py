"""A row's input and output: the best of what a span's dialects tell, once.

Each side is chosen on its own. Candidates go by rank; among structured messages the one that tells
most wins. A loser that says the same as the winner is dropped, any other stays in the metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation import embeddings, parts
from otel_braintrust.translation.choices import to_choices
from otel_braintrust.translation.decoding import (
    as_list,
    decode,
    decode_container,
    is_cut_short,
    is_placeholder,
    is_redaction,
    read_literal,
    starts_like_json,
)
from otel_braintrust.translation.messages import is_message, to_messages
from otel_braintrust.translation.model_requests import (
    Request,
    read_request,
    system_message,
    with_system,
)
from otel_braintrust.translation.model_responses import Response, read_response
from otel_braintrust.translation.reading import (
    FIRST_CHOICE,
    OLD_CONTENT,
    OWN,
    Candidate,
    Reading,
)
from otel_braintrust.translation.wrappers import unwrap

UNSET = object()

# Forms in which a model API's request or response may stand.
_PAYLOADS = frozenset({"framework", "payload"})

# Forms that a conversion may leave something of: the rest is looked for when the row is made.
_CONVERTED = frozenset({"chat", "framework", "payload", "request", "value"})


def decide(reading: Reading, span_type: str) -> tuple[Any, Any]:
    """Return the row's input and output; `UNSET` where the span tells none.

    Args:
        reading: a span, read; losers are put back into its leftovers.
        span_type: its Braintrust type.
    """
    return (
        _choose(reading, "input", reading.inputs, span_type),
        _choose(reading, "output", reading.outputs, span_type),
    )


def _rank(candidate: Candidate, span_type: str) -> tuple[int, int]:
    rank = candidate.rank
    if span_type in candidate.homes:
        rank = min(rank, FIRST_CHOICE)
    elif candidate.rank == FIRST_CHOICE and candidate.homes:
        rank = OLD_CONTENT  # structured, but made for another type of span
    return rank, candidate.order


def _choose(reading: Reading, side: str, candidates: list[Candidate], span_type: str) -> Any:
    if not candidates:
        return _with_system(reading, UNSET, span_type) if side == "input" else UNSET
    if len(candidates) == 1 and not _is_empty(candidates[0]):
        (only,) = candidates
        value = _read(reading, side, only, span_type)
        if value is not UNSET and only.form not in _CONVERTED:
            _note_cut(reading, only, value)
            reading.origins[side] = only
            return _with_system(reading, value, span_type) if side == "input" else value
    real: list[Candidate] = []
    empty: list[Candidate] = []
    for candidate in candidates:
        (empty if candidate.rank != OWN and _is_empty(candidate) else real).append(candidate)
    if len(real) > 1:
        real.sort(key=lambda candidate: _rank(candidate, span_type))
    winner, value = _first_that_reads(reading, side, real, span_type)
    if side == "input":
        value = _with_system(reading, value, span_type)
    if winner is None:
        redacted = next((c for c in empty if is_redaction(c.value)), None)
        if redacted is not None and value is UNSET:
            empty.remove(redacted)
            value = redacted.value
            reading.origins[side] = redacted
    else:
        reading.origins[side] = winner
        if winner.form in _CONVERTED and any(
            value != decode_container(raw) for raw in winner.raw.values()
        ):
            reading.remainders.update(winner.raw)
    for candidate in [*real, *empty]:
        if candidate is not winner:
            _put_back(reading, side, candidate, winner, value, span_type)
    return value


# The longest text of messages that hold nothing but a placeholder.
_LEAST_MESSAGE = 120


def _is_empty(candidate: Candidate) -> bool:
    """Tell whether a candidate holds nothing, or one message that says `null`."""
    value = candidate.value
    if is_placeholder(value):
        return True
    if candidate.form != "messages" or not isinstance(value, str) or len(value) > _LEAST_MESSAGE:
        return False
    messages = to_messages(value) if starts_like_json(value) else None
    return messages is not None and [m.get("content") for m in messages] in (["null"], ["None"])


def _first_that_reads(
    reading: Reading, side: str, ranked: list[Candidate], span_type: str
) -> tuple[Candidate | None, Any]:
    for position, candidate in enumerate(ranked):
        value = _read(reading, side, candidate, span_type)
        if value is UNSET:
            continue
        others = ranked[position + 1 :]
        for other in _rivals(candidate, others, span_type) if others else ():
            theirs = _read(reading, side, other, span_type)
            if theirs is not UNSET and richness(theirs) > richness(value):
                candidate, value = other, theirs
        _note_cut(reading, candidate, value)
        return candidate, value
    for candidate in ranked:  # nobody could read it as what its key promises: shown as it is
        value = decode_container(candidate.value)
        if not is_placeholder(value):
            return candidate, value
    return None, UNSET


def _rivals(candidate: Candidate, others: list[Candidate], span_type: str) -> list[Candidate]:
    """Return who is compared by what they tell: structured messages, and a model call's payload.

    Flattened messages sometimes lack what the request or response beside them has: images, tool
    calls, the ids of tool calls.
    """
    if candidate.form != "messages":
        return []
    rank = _rank(candidate, span_type)[0]
    return [
        other
        for other in others
        if (other.form == "messages" and _rank(other, span_type)[0] == rank)
        or (other.form in _PAYLOADS and span_type == "llm" and rank > OWN)
    ]


_OPENINGS = frozenset({"{", "[", '"'})


def _note_cut(reading: Reading, candidate: Candidate, value: Any) -> None:
    if candidate.form == "messages" and len(candidate.raw) == 1 and not isinstance(value, str):
        return  # its one text was parsed
    for key, raw in candidate.raw.items():
        if type(raw) is str and raw[:1] in _OPENINGS and len(raw) > 1 and is_cut_short(raw):
            reading.truncated.append(key)


def richness(messages: Any) -> tuple[int, int, int]:
    """Measure how much a list of messages or choices tells: texts, calls and results, media."""
    texts = calls = media = 0
    for item in messages if isinstance(messages, list) else ():
        message = item.get("message", item) if isinstance(item, Mapping) else {}
        content = message.get("content") if isinstance(message, Mapping) else None
        texts += not is_placeholder(content) or bool(message.get("tool_calls"))
        made = as_list(message.get("tool_calls")) or ()
        calls += 2 * len(made) + (message.get("role") == "tool")
        calls += sum(bool(call.get("id")) for call in made if isinstance(call, Mapping))
        calls += bool(message.get("tool_call_id"))
        if isinstance(content, list):
            media += sum(
                isinstance(p, Mapping) and p.get("type") not in ("text", "thinking")
                for p in content
            )
    return texts, calls, media


def _read(reading: Reading, side: str, candidate: Candidate, span_type: str) -> Any:
    reader = _FORMS[candidate.form]
    value = reader(reading, side, candidate.value, span_type)
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
            _take_response(reading, read_response(value) or Response())
        return embedded
    if side == "input":
        request = read_request(value)
        if request is not None:
            _take_request(reading, request)
            if request.messages:
                return request.messages
    else:
        response = read_response(value)
        if response is not None:
            _take_response(reading, response)
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
    return to_choices(choices, reasons) or choices


def _take_request(reading: Reading, request: Request) -> None:
    """Fill parameters and model from a request, below what attributes say."""
    for name, value in request.parameters.items():
        reading.suggest(name, 80, "request payload", value)
    if request.model:
        reading.suggest("request_model", 80, "request payload", request.model)


def _take_response(reading: Reading, response: Response) -> None:
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
    inner = holder.get("items") or holder.get("messages") if isinstance(holder, Mapping) else holder
    listed = as_list(inner) or () if inner != value else ()
    items = [item for item in listed if isinstance(item, Mapping)]
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
        v if isinstance(v, Mapping) and "role" in v else {"role": role, "content": v}
        for v in values
    ]
    return _messages(reading, side, said, span_type)


def _prompts(_reading: Reading, _side: str, value: Any, _span_type: str) -> Any:
    listed = decode(value)
    if not isinstance(listed, (list, tuple)):
        return [{"role": "user", "content": listed}]
    if any(isinstance(prompt, Mapping) for prompt in listed):
        return to_messages(listed)
    return [{"role": "user", "content": prompt} for prompt in listed]


def _answer(reading: Reading, _side: str, value: Any, _span_type: str) -> Any:
    return to_choices([{"role": "assistant", "content": value}], reading.finish_reasons)


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


def _with_system(reading: Reading, value: Any, span_type: str) -> Any:
    system = reading.system
    if system is None:
        return value
    if value is UNSET:
        said = system_message(system.value)
        if said is not None and span_type in ("llm", "task"):
            return [said]
        reading.restore(system.raw)
        return UNSET
    if isinstance(value, list) and value and isinstance(value[0], Mapping) and "role" in value[0]:
        return with_system(value, system.value)
    reading.restore(system.raw)
    return value


def _put_back(
    reading: Reading,
    side: str,
    candidate: Candidate,
    winner: Candidate | None,
    value: Any,
    span_type: str,
) -> None:
    """Put a loser back into the leftovers, less what the row says already."""
    if winner is not None and candidate.raw is winner.raw:
        return
    if winner is not None and all(is_placeholder(raw) for raw in candidate.raw.values()):
        return
    if winner is not None and _says_the_same(reading, side, candidate, value, span_type):
        reading.remainders.update(candidate.raw)
    else:
        reading.restore(candidate.raw)


def _says_the_same(
    reading: Reading, side: str, candidate: Candidate, value: Any, span_type: str
) -> bool:
    """Tell whether a loser's content is the row's, perhaps inside a larger payload."""
    if candidate.form == "messages":
        theirs = _read(reading, side, candidate, span_type)
        return theirs is not UNSET and same_said(theirs, value)
    decoded = decode_container(candidate.value)
    if decoded == value:
        return True
    if span_type != "llm" or candidate.form not in _CONVERTED:
        return False
    if side == "input":
        request = read_request(decoded)
        if request is None or not same_said(request.messages, value):
            return False
        _take_request(reading, request)
        return True
    response = read_response(decoded)
    if response is None or not same_said(response.choices, value):
        return False
    _take_response(reading, response)
    return True


def same_said(ours: Any, theirs: Any) -> bool:
    """Tell whether two lists of messages or choices say the same, however they encode it."""
    return bool(ours) and _said(ours) == _said(theirs)


def _said(messages: Any) -> list[Any]:
    listed = messages if isinstance(messages, list) else []
    return [_said_by(item) for item in listed]


def _said_by(item: Any) -> Any:
    message = item.get("message", item) if isinstance(item, Mapping) else item
    if not isinstance(message, Mapping):
        return message
    calls = [
        (call.get("id"), function.get("name"), decode(function.get("arguments")))
        for call in as_list(message.get("tool_calls")) or ()
        if isinstance(call, Mapping) and isinstance(function := call.get("function"), Mapping)
    ]
    return message.get("role"), message.get("content") or None, calls, message.get("tool_call_id")
