"""Messages flattened into numbered keys: `PREFIX.N.role`, `PREFIX.N.tool_calls.M.name`.

The rule `numbered(family)` gathers them while the attributes are read; the step that `messages`
makes puts them together afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation.conventions.marks import gathering
from otel_braintrust.translation.conventions.rules import NO_TYPES, Step
from otel_braintrust.translation.conventions.slots import Texts
from otel_braintrust.translation.reading import Candidate, Reading

_ROLES = {"input": "user", "output": "assistant"}


def messages(
    family: str, side: str, rank: int, *, homes: frozenset[str] = NO_TYPES, order: int = 0
) -> Step:
    """The members that `numbered(family)` gathered are messages, in the order of their numbers.

    Fields of a message are `role`, `content`, `finish_reason`, `tool_call_id`,
    `tool_calls.M.id`, `tool_calls.M.name` and `tool_calls.M.arguments` (also below `function`).

    Args:
        family: the name given to `numbered`.
        side: `input` or `output`; messages without a role are the user's or the assistant's.
        rank: the lower, the better.
        homes: types of span in which this is the first choice.
        order: which goes first among equals.
    """

    def step(reading: Reading) -> None:
        members, raw = reading.take(family)
        if not members:
            return
        if side == "output" and len(members) > 1:
            members = _with_reasons(members)
        listed = [{"role": _ROLES[side], **_message(fields)} for fields in members]
        if any(message["role"] == "thinking" for message in listed):
            listed = _with_thoughts(listed)
        reading.offer(side, Candidate(rank, "messages", listed, raw, homes, order))

    reason = "finish_reason" if side == "output" else None
    slot = Texts(family, side, "role", "content", reason)
    return gathering(f"{family}.", slot=slot)(step)


def _with_reasons(members: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give what is no answer of its own to the answer before it: a reason, or one more call.

    LiteLLM numbers the calls of one message as if each were an answer.
    """
    found = members[:1]
    for fields in members[1:]:
        if fields.keys() == {"finish_reason"}:
            found[-1] = {**fields, **found[-1]}
        elif fields.keys() == _ONE_CALL and found[-1].keys() >= _ONE_CALL:
            found[-1] = {**found[-1], **_further_call(found[-1], fields)}
        else:
            found.append(fields)
    return found


_ONE_CALL = {"function_call.name", "function_call.arguments"}


def _further_call(answer: Mapping[str, Any], call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an answer's calls with one more."""
    taken = {name.split(".")[1] for name in answer if name.startswith("tool_calls.")}
    calls = [call] if taken else [answer, call]
    return {
        f"tool_calls.{place}.{name}": fields[f"function_call.{name}"]
        for place, fields in enumerate(calls, start=len(taken))
        for name in ("name", "arguments")
    }


def _with_thoughts(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put thoughts that stand as messages of their own into the message that they led to."""
    found: list[dict[str, Any]] = []
    thoughts: list[dict[str, Any]] = []
    for message in listed:
        if message["role"] == "thinking":
            thoughts.append({"type": "thinking", "thinking": message.get("content")})
            continue
        if thoughts:
            said = {"type": "text", "text": message.get("content") or ""}
            message = {**message, "content": [*thoughts, said]}
            thoughts = []
        found.append(message)
    return [*found, {"role": "assistant", "content": thoughts}] if thoughts else found


_ONLY_TEXT = {"role", "content"}


# An empty text as JSON: what the LangChain instrumentation writes beside tool calls.
_NOTHING = '""'

# Early OpenLLMetry has the text of a prompt under its role: `gen_ai.prompt.0.user`.
_SPEAKERS = frozenset({"user", "system", "assistant"})


def _message(fields: Mapping[str, Any]) -> dict[str, Any]:
    if fields.keys() == _ONLY_TEXT:
        return {name: value for name, value in fields.items() if value is not None}
    message: dict[str, Any] = {}
    calls: dict[int, dict[str, Any]] = {}
    function: dict[str, Any] = {}
    for name, value in fields.items():
        head, _, rest = name.partition(".")
        index, _, member = rest.partition(".")
        if head == "tool_calls" and index.isdigit():
            call = calls.setdefault(int(index), {})
            call[member.removeprefix("function.")] = value
        elif head == "function_call":
            function[rest] = value
        elif value is not None:
            message[name] = "" if value == _NOTHING else value
    if "content" not in message:
        for role in _SPEAKERS.intersection(message):
            message = {"role": role, "content": message.pop(role), **message}
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    elif function:
        message["function_call"] = function
    return message
