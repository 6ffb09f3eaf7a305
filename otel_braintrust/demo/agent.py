"""A small support agent: it searches a handbook, asks a model, calls a tool, streams its answer.

It is written as an application is, with the `openai` client and OpenTelemetry spans of its own;
nothing in it knows Braintrust.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import openai
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolUnionParam
from opentelemetry import trace

from otel_braintrust.demo.models import COST_HEADER, MODEL, RETIRED_MODEL

HANDBOOK = {
    "returns": "Items can be returned within 30 days of delivery, free of charge.",
    "shipping": "Orders leave the warehouse within a day and take three days on the road.",
    "warranty": "Electrical items have a warranty of two years from the day of purchase.",
}

ORDERS = {
    "1042": {"item": "desk lamp", "status": "on its way", "arrives": "Thursday"},
    "1043": {"item": "notebook", "status": "delivered", "arrives": "last Monday"},
}

LOOK_UP_ORDER: ChatCompletionToolUnionParam = {
    "type": "function",
    "function": {
        "name": "look_up_order",
        "description": "Look up an order by its number",
        "parameters": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}},
            "required": ["order_id"],
        },
    },
}


def openai_client(base_url: str) -> openai.OpenAI:
    """Make an OpenAI client of a gateway that tells the price of each answer in a header.

    Args:
        base_url: the address of the endpoint.

    Returns:
        A client that goes to this address only, whatever proxies the environment names.
    """
    # openai's own class: which httpx it is made of differs between its releases
    http_client = openai.DefaultHttpxClient(trust_env=False, event_hooks={"response": [_note_cost]})
    return openai.OpenAI(
        base_url=base_url, api_key="demo", max_retries=0, http_client=http_client, timeout=30.0
    )


def _note_cost(response: Any) -> None:
    """Write the price that a gateway tells on the span of the model call, which is current here."""
    cost = response.headers.get(COST_HEADER)
    if cost is not None:
        trace.get_current_span().set_attribute("llm.cost.total", float(cost))


@dataclass(frozen=True)
class Answer:
    """An answer, and the span it was made in, so that a user's rating finds it again.

    Args:
        text: what the agent says.
        trace_id: the trace, in hex.
        span_id: the agent's span, in hex.
    """

    text: str
    trace_id: str
    span_id: str


class SupportAgent:
    """Answers questions about orders.

    Args:
        client: the OpenAI client to ask with.
        tracer: makes the agent's own spans; they carry OpenInference's attributes.
    """

    def __init__(self, client: openai.OpenAI, tracer: trace.Tracer) -> None:
        self._client = client
        self._tracer = tracer

    def answer(self, question: str, *, user_id: str, session_id: str) -> Answer:
        """Answer one question.

        Args:
            question: what the user asks.
            user_id: who asks.
            session_id: the conversation it belongs to.

        Returns:
            The answer and where it was made.
        """
        with self._tracer.start_as_current_span("support-agent") as span:
            span.set_attributes(
                {
                    "openinference.span.kind": "AGENT",
                    "input.value": question,
                    "user.id": user_id,
                    "session.id": session_id,
                    "tag.tags": ["demo", "support"],
                }
            )
            messages = self._prompt(question, self._search(question))
            messages += self._call_tools(messages)
            text = self._write(messages)
            span.set_attribute("output.value", text)
            context = span.get_span_context()
            return Answer(
                text, trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)
            )

    def _search(self, question: str) -> list[str]:
        """Find the passages of the handbook that share most words with the question."""
        with self._tracer.start_as_current_span("search-handbook") as span:
            words = set(question.lower().replace("?", " ").replace(",", " ").split())
            scored = [
                (len(words & {title, title.rstrip("s"), *text.lower().split()}), title, text)
                for title, text in HANDBOOK.items()
            ]
            found = sorted(scored, reverse=True)[:2]
            span.set_attributes({"openinference.span.kind": "RETRIEVER", "input.value": question})
            for index, (score, title, text) in enumerate(found):
                prefix = f"retrieval.documents.{index}.document"
                span.set_attribute(f"{prefix}.id", title)
                span.set_attribute(f"{prefix}.content", text)
                span.set_attribute(f"{prefix}.score", float(score))
            return [text for _, _, text in found]

    def _prompt(self, question: str, passages: list[str]) -> list[ChatCompletionMessageParam]:
        system = "You are a friendly shop assistant. Handbook:\n" + "\n".join(passages)
        return [{"role": "system", "content": system}, {"role": "user", "content": question}]

    def _call_tools(
        self, messages: list[ChatCompletionMessageParam]
    ) -> list[ChatCompletionMessageParam]:
        """Let the model choose a tool, and run what it chose."""
        completion = self._client.chat.completions.create(
            model=MODEL, messages=messages, tools=[LOOK_UP_ORDER], temperature=0
        )
        message = completion.choices[0].message
        calls = [call for call in message.tool_calls or [] if call.type == "function"]
        if not calls:
            return [{"role": "assistant", "content": message.content}]
        results: list[ChatCompletionMessageParam] = [
            {
                "role": "tool",
                "tool_call_id": call.id,
                "content": json.dumps(self._look_up_order(**json.loads(call.function.arguments))),
            }
            for call in calls
        ]
        asked: Any = message.to_dict()
        return [asked, *results]

    def _look_up_order(self, order_id: str) -> dict[str, str]:
        with self._tracer.start_as_current_span("look_up_order") as span:
            order = {"order_id": order_id, **ORDERS[order_id]}
            span.set_attributes(
                {
                    "openinference.span.kind": "TOOL",
                    "tool.name": "look_up_order",
                    "input.value": json.dumps({"order_id": order_id}),
                    "input.mime_type": "application/json",
                    "output.value": json.dumps(order),
                    "output.mime_type": "application/json",
                }
            )
            return order

    def _write(self, messages: list[ChatCompletionMessageParam]) -> str:
        """Write the answer with the best model, or with the cheap one when that is not there."""
        try:
            return self._stream(RETIRED_MODEL, messages)
        except openai.NotFoundError:
            return self._stream(MODEL, messages)

    def _stream(self, model: str, messages: list[ChatCompletionMessageParam]) -> str:
        chunks = self._client.chat.completions.create(
            model=model, messages=messages, stream=True, stream_options={"include_usage": True}
        )
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
