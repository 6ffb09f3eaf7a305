"""The five kinds of span that are measured, as OpenTelemetry and as the native logger have them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

SYSTEM = "You are a helpful assistant of an airline. Answer briefly, and only what you know. " * 6
QUESTION = "My flight {number} was cancelled this morning and I must be in Lisbon by Friday. " * 4
ANSWER = "I am sorry to hear that. There is a seat on flight {number} tomorrow at 9:40. " * 4


@dataclass(frozen=True)
class Work:
    """One span to make.

    Attributes:
        name: Its name.
        attributes: What an instrumentation writes on it.
        scope: The instrumentation's.
        native: What a user of the native logger hands over instead: type, input, output and so on.
    """

    name: str
    attributes: Mapping[str, Any]
    scope: str = "opentelemetry.instrumentation.openai_v2"
    native: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """A root and the spans beneath it."""

    root: Work
    children: tuple[Work, ...]

    def __len__(self) -> int:
        return 1 + len(self.children)


def plain(number: int) -> Trace:
    """Spans of an application's own, with a few attributes."""
    return Trace(_own("request", number), tuple(_own(f"step {step}", number) for step in range(3)))


def chat(number: int) -> Trace:
    """Model calls as OpenTelemetry's GenAI conventions have them: 14 attributes, 1.3 KB of text."""
    return Trace(_agent(number), tuple(_chat(number, step) for step in range(3)))


def flat(number: int) -> Trace:
    """Model calls as OpenInference has them: 40 messages, each field an attribute of its own."""
    return Trace(_agent(number), tuple(_flat(number, step, 40) for step in range(3)))


def agent(number: int) -> Trace:
    """An agent with the definitions of its tools, calls of them, and what they answered."""
    call = {
        "type": "tool_call",
        "id": f"call_{number}",
        "name": "find_seat",
        "arguments": {"to": "LIS"},
    }
    asked = _chat(
        number, 0, said=[{"role": "assistant", "parts": [call], "finish_reason": "tool_calls"}]
    )
    return Trace(_agent(number, with_tools=True), (asked, _tool(number), _chat(number, 1)))


def large(number: int) -> Trace:
    """Model calls with 100 KB of text."""
    question = f"{number} " + QUESTION.format(number=number) * 335
    return Trace(_agent(number), tuple(_chat(number, step, question=question) for step in range(3)))


KINDS: Mapping[str, Callable[[int], Trace]] = {
    "plain": plain,
    "chat": chat,
    "flat": flat,
    "agent": agent,
    "large": large,
}


def kind_of(name: str) -> Callable[[int], Trace]:
    """What makes the traces of a kind, or of a size: ``content 1000000``, ``messages 200``.

    Args:
        name: One of :data:`KINDS`; ``content`` with a number of bytes, ``messages`` or ``flat``
            with a number of messages, for one model call alone; or ``turns`` with a number of model
            calls, for an agent that tells each of them all that was said before.
    """
    if name in KINDS:
        return KINDS[name]
    what, size = name.split()
    if what == "turns":
        return lambda number: _turning(number, int(size))
    make = {"content": _one_of_content, "messages": _one_of_messages, "flat": _one_flat}[what]
    return lambda number: Trace(make(number, int(size)), ())


def _one_of_content(number: int, content_bytes: int) -> Work:
    text = "What is the weather in Lisbon, and when does the next train leave? "
    question = f"{number} " + text * (content_bytes // len(text) + 1)
    return _chat(number, 0, question=question[:content_bytes])


def _one_of_messages(number: int, messages: int) -> Work:
    asked = [_message(turn["role"], turn["content"]) for turn in _turns(number, 0, messages)]
    return _chat(number, 0, asked=asked)


def _turning(number: int, calls: int) -> Trace:
    said = [_message("system", SYSTEM), _message("user", QUESTION.format(number=number))]
    works = []
    for turn in range(calls):
        works.append(_chat(number, turn, asked=said))
        found = {"type": "tool_call_response", "id": f"{turn}", "response": ANSWER}
        call = {
            "type": "tool_call",
            "id": f"{turn}",
            "name": "find_seat",
            "arguments": {"on": turn},
        }
        said = [*said, {"role": "assistant", "parts": [call]}, {"role": "tool", "parts": [found]}]
    return Trace(_agent(number), tuple(works))


def _one_flat(number: int, messages: int) -> Work:
    return _flat(number, 0, messages)


def _own(name: str, number: int) -> Work:
    values = {"user": f"u{number}", "count": number, "share": 0.25, "is_new": True, "place": "LIS"}
    return Work(name, values, "shop", {"type": "task", "metadata": values})


def _agent(number: int, *, with_tools: bool = False) -> Work:
    question = QUESTION.format(number=number)
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "travel",
        "gen_ai.conversation.id": f"c{number}",
    }
    native: dict[str, Any] = {"type": "task", "metadata": {"agent": "travel"}}
    if with_tools:
        tools = [_definition(name) for name in ("find_seat", "book_seat", "refund", "weather")]
        asked = [_message("user", question)]
        said = [{**_message("assistant", ANSWER.format(number=number)), "finish_reason": "stop"}]
        attributes["gen_ai.tool.definitions"] = json.dumps(tools)
        attributes["gen_ai.input.messages"] = json.dumps(asked)
        attributes["gen_ai.output.messages"] = json.dumps(said)
        native |= {"input": asked, "output": said, "metadata": {"agent": "travel", "tools": tools}}
    return Work("invoke_agent travel", attributes, native=native)


def _chat(
    number: int,
    step: int,
    *,
    question: str = "",
    asked: list[dict[str, Any]] | None = None,
    said: list[dict[str, Any]] | None = None,
) -> Work:
    question = question or f"{step}. " + QUESTION.format(number=number)
    asked = asked or [_message("system", SYSTEM), _message("user", question)]
    said = said or [
        {**_message("assistant", ANSWER.format(number=number)), "finish_reason": "stop"}
    ]
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 400,
        "gen_ai.response.id": f"chatcmpl-{number}-{step}",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 180 + step,
        "gen_ai.usage.output_tokens": 70,
        "server.address": "api.openai.com",
        "server.port": 443,
        "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": json.dumps(said),
    }
    return Work("chat gpt-4o", attributes, native=_native_chat(number, step, asked, said))


def _native_chat(number: int, step: int, asked: Any, said: Any) -> dict[str, Any]:
    metadata = {
        "model": "gpt-4o",
        "provider": "openai",
        "temperature": 0.2,
        "max_tokens": 400,
        "response_id": f"chatcmpl-{number}-{step}",
        "finish_reasons": ["stop"],
        "server": "api.openai.com",
        "port": 443,
    }
    metrics = {"prompt_tokens": 180 + step, "completion_tokens": 70, "tokens": 250 + step}
    return {"type": "llm", "input": asked, "output": said, "metadata": metadata, "metrics": metrics}


def _flat(number: int, step: int, count: int) -> Work:
    messages = _turns(number, step, count)
    attributes: dict[str, Any] = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o",
        "llm.provider": "openai",
        "llm.invocation_parameters": '{"temperature": 0.2}',
        "llm.token_count.prompt": 900,
        "llm.token_count.completion": 70,
        "llm.token_count.total": 970,
    }
    for place, message in enumerate(messages):
        for name, value in message.items():
            attributes[f"llm.input_messages.{place}.message.{name}"] = value
    said = {"role": "assistant", "content": ANSWER.format(number=number)}
    for name, value in said.items():
        attributes[f"llm.output_messages.0.message.{name}"] = value
    native = _native_chat(number, step, messages, [said])
    return Work("ChatCompletion", attributes, "openinference.instrumentation.openai", native)


def _tool(number: int) -> Work:
    arguments, result = {"to": "LIS", "day": number}, {"seats": [f"{row}A" for row in range(20)]}
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "find_seat",
        "gen_ai.tool.call.id": f"call_{number}",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.arguments": json.dumps(arguments),
        "gen_ai.tool.call.result": json.dumps(result),
    }
    return Work(
        "execute_tool find_seat",
        attributes,
        native={"type": "tool", "input": arguments, "output": result},
    )


def _turns(number: int, step: int, count: int) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [
        {"role": roles[place % 2], "content": f"{number}.{step}.{place} How late is the train?"}
        for place in range(count)
    ]


def _definition(name: str) -> dict[str, Any]:
    place = {"type": "string", "description": "The airport, by its code of three letters."}
    day = {"type": "string", "description": "The day, as YYYY-MM-DD."}
    parameters = {"type": "object", "properties": {"to": place, "day": day}, "required": ["to"]}
    return {"type": "function", "name": name, "description": name * 5, "parameters": parameters}


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}
