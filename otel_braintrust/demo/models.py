"""A model endpoint on loopback that speaks OpenAI's chat API and answers by a script.

It plays a gateway: the price of an answer stands in the header that LiteLLM's proxy uses for it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

COST_HEADER = "x-litellm-response-cost"
MODEL = "gpt-4o-mini"
RETIRED_MODEL = "gpt-4-32k"

# USD for a million tokens: input, output.
PRICES_USD: Mapping[str, tuple[float, float]] = {MODEL: (0.15, 0.60)}

CHUNK_DELAY_S = 0.008
CHARACTERS_PER_TOKEN = 4


def create_app() -> Starlette:
    """Build the endpoint: `POST /v1/chat/completions`."""
    return Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])


async def complete(request: Request) -> Response:
    """Answer one chat completion, streamed when asked so."""
    asked = await request.json()
    model = asked.get("model")
    if model not in PRICES_USD:
        return _refusal(model)
    message = _script(asked["messages"], asked.get("tools") or [])
    usage = _usage(asked, message)
    prices = PRICES_USD[model]
    cost = (usage["prompt_tokens"] * prices[0] + usage["completion_tokens"] * prices[1]) / 1e6
    headers = {COST_HEADER: f"{cost:.8f}"}
    if asked.get("stream"):
        with_usage = (asked.get("stream_options") or {}).get("include_usage")
        body = _events(model, message, usage if with_usage else None)
        return StreamingResponse(body, media_type="text/event-stream", headers=headers)
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    choice = {"index": 0, "message": message, "finish_reason": finish}
    answer = {**_envelope(model, "chat.completion"), "choices": [choice], "usage": usage}
    return JSONResponse(answer, headers=headers)


def _script(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> dict[str, Any]:
    """Say what the model says: it looks the order up, then answers with what the tool told it."""
    last = messages[-1]
    if last["role"] == "tool":
        return {"role": "assistant", "content": _answer(json.loads(last["content"]))}
    order = re.search(r"\b\d{4}\b", str(last.get("content")))
    if tools and order:
        call = {
            "id": "call_order",
            "type": "function",
            "function": {
                "name": tools[0]["function"]["name"],
                "arguments": json.dumps({"order_id": order[0]}),
            },
        }
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    return {"role": "assistant", "content": "Which order is it about? It has four digits."}


def _answer(order: Mapping[str, Any]) -> str:
    return (
        f"Your order {order['order_id']} ({order['item']}) is {order['status']} and should be with "
        f"you on {order['arrives']}. You can return it within 30 days of delivery, free of charge."
    )


def _refusal(model: Any) -> Response:
    error = {
        "message": f"The model `{model}` does not exist or has been retired.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }
    return JSONResponse({"error": error}, status_code=404)


def _usage(asked: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, int]:
    prompt = _tokens({"messages": asked["messages"], "tools": asked.get("tools")})
    completion = _tokens(message)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _tokens(value: Any) -> int:
    return len(json.dumps(value)) // CHARACTERS_PER_TOKEN


def _envelope(model: str, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-demo", "object": kind, "created": 1767225600, "model": model}


async def _events(
    model: str, message: Mapping[str, Any], usage: Mapping[str, int] | None
) -> AsyncIterator[str]:
    """Yield the server-sent events of a streamed answer, a few words at a time."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": part} for part in re.findall(r"\S+\s*\S*\s*", message["content"] or "")]
    envelope = _envelope(model, "chat.completion.chunk")
    for delta in deltas:
        await asyncio.sleep(CHUNK_DELAY_S)
        yield _event(envelope, [{"index": 0, "delta": delta, "finish_reason": None}])
    yield _event(envelope, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
    if usage is not None:
        yield _event({**envelope, "usage": usage}, [])
    yield "data: [DONE]\n\n"


def _event(envelope: Mapping[str, Any], choices: list[dict[str, Any]]) -> str:
    return f"data: {json.dumps({**envelope, 'choices': choices})}\n\n"
