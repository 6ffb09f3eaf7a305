"""Rows as instrumented applications log them, for the pages to show."""

from __future__ import annotations

import time
from typing import Any

Row = dict[str, Any]

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
TRACEBACK = """Traceback (most recent call last):
  File "/app/shop/agent.py", line 88, in answer
    order = lookup_order(order_id)
  File "/app/shop/tools/orders.py", line 41, in lookup_order
    response = client.get(f"/orders/{order_id}", timeout=2.0)
  File "/usr/lib/python3.12/site-packages/httpx/_client.py", line 1054, in get
    return self.request("GET", url, timeout=timeout)
httpx.ReadTimeout: The read operation timed out after 2.0 s"""

QUESTION = "My parcel A-1042 was due on Tuesday and still isn't here. Can I get my money back?"
ANSWER = """I'm sorry about the wait. Your parcel **A-1042** left our warehouse on Monday and has \
been at the depot in Lyon since Wednesday morning.

You have two options:

1. **Wait until Friday.** The carrier confirms a new delivery attempt for `2026-11-27`.
2. **Refund now.** It is 5 days late, so §4 of our terms applies: you get the full **€ 64.90** \
back within 3 working days.

Which would you prefer?"""
SYSTEM = (
    "You are the support agent of a small online shop. Look orders up before you answer. "
    "Quote the refund terms when they apply. Be brief and kind."
)


def span(
    span_id: str,
    name: str,
    kind: str | None = None,
    *,
    root: str = "0af7651916cd43dd8448eb211c80319c",
    parents: list[str] | None = None,
    start_s: float,
    lasted_s: float | None,
    metrics: dict[str, float] | None = None,
    **fields: Any,
) -> Row:
    """One row with the ids, name, type and times of a span."""
    times = {"start": start_s} | ({} if lasted_s is None else {"end": start_s + lasted_s})
    return {
        "id": span_id,
        "span_id": span_id,
        "root_span_id": root,
        "span_parents": parents or [],
        "span_attributes": {"name": name} | ({"type": kind} if kind else {}),
        "metrics": {**times, **(metrics or {})},
        **fields,
    }


def model_call(
    span_id: str, *, parents: list[str], start_s: float, lasted_s: float, **fields: Any
) -> Row:
    """A row of one call to a chat model."""
    metadata = {
        "model": "gpt-4.1-mini-2025-04-14",
        "request_model": "gpt-4.1-mini",
        "provider": "openai",
        "temperature": 0.2,
        "max_tokens": 800,
        "response_id": f"chatcmpl-{span_id[:6]}",
        "tools": [_tool("lookup_order", "order_id"), _tool("search_terms", "query")],
        "gen_ai.operation.name": "chat",
        "server.address": "api.openai.com",
    }
    fields.setdefault("metadata", metadata)
    return span(
        span_id,
        "chat gpt-4.1-mini",
        "llm",
        parents=parents,
        start_s=start_s,
        lasted_s=lasted_s,
        **fields,
    )


def _tool(name: str, argument: str) -> Row:
    parameters = {"type": "object", "properties": {argument: {"type": "string"}}}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def tokens(prompt: int, completion: int, cost: float, **more: float) -> dict[str, float]:
    """The metrics of a model call."""
    counted = {"prompt_tokens": prompt, "completion_tokens": completion}
    return {**counted, "tokens": prompt + completion, "estimated_cost": cost, **more}


def assistant(content: Any, *calls: Row, finish: str = "stop") -> list[Row]:
    """A model's answer as a list of one choice."""
    message = {"role": "assistant", "content": content} | (
        {"tool_calls": [*calls]} if calls else {}
    )
    return [{"index": 0, "finish_reason": "tool_calls" if calls else finish, "message": message}]


def call(call_id: str, name: str, arguments: str) -> Row:
    """A tool call of a message."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def support_trace(at_s: float | None = None) -> list[Row]:
    """An agent that answers a customer: model calls, tools, a retried time-out, retrieval."""
    at_s = time.time() - 95 if at_s is None else at_s
    asked = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
    first = call("call_1", "lookup_order", '{"order_id": "A-1042"}')
    second = call("call_2", "search_terms", '{"query": "refund late delivery", "limit": 3}')
    turn = {"role": "assistant", "content": None, "tool_calls": [first, second]}
    order = '{"order_id": "A-1042", "status": "at depot", "depot": "Lyon", "late_days": 5}'
    terms = "§4 Late delivery. From the 3rd working day on the customer may ask for a full refund."
    results = [
        {"role": "tool", "tool_call_id": "call_1", "content": order},
        {"role": "tool", "tool_call_id": "call_2", "content": terms},
    ]
    thinking = "The order is 5 days late, the terms allow a refund from day 3. Offer both options."
    answer = [{"type": "thinking", "thinking": thinking}, {"type": "text", "text": ANSWER}]
    embeds = [
        span(
            f"e{number:015x}",
            "embed",
            "llm",
            parents=["c2a0000000000005"],
            start_s=at_s + 2.62 + number * 0.021,
            lasted_s=0.09 + (number % 4) * 0.03,
            metrics={"prompt_tokens": 18, "tokens": 18, "estimated_cost": 0.00000036},
            input=f"Terms of sale, section {number + 1}",
            output={"embedding_length": 1536},
            metadata={"model": "text-embedding-3-small", "provider": "openai"},
        )
        for number in range(12)
    ]
    return [
        span(
            "a000000000000001",
            "answer_ticket",
            "task",
            start_s=at_s,
            lasted_s=6.42,
            input=QUESTION,
            output=ANSWER,
            expected=None,
            scores={"helpful": 0.92, "grounded": 1.0},
            tags=["support", "fr"],
            metadata={"user_id": "u_4711", "session_id": "s_88", "service.name": "shop-support"},
        ),
        model_call(
            "b000000000000002",
            parents=["a000000000000001"],
            start_s=at_s + 0.04,
            lasted_s=1.31,
            metrics=tokens(412, 58, 0.000258, prompt_cached_tokens=256, time_to_first_token=0.42),
            input=asked,
            output=assistant(None, first, second),
        ),
        span(
            "c100000000000003",
            "lookup_order",
            "tool",
            parents=["a000000000000001"],
            start_s=at_s + 1.37,
            lasted_s=2.01,
            input={"order_id": "A-1042"},
            error=TRACEBACK,
            metadata={"attempt": 1},
        ),
        span(
            "c200000000000004",
            "lookup_order",
            "tool",
            parents=["a000000000000001"],
            start_s=at_s + 3.4,
            lasted_s=0.38,
            input={"order_id": "A-1042"},
            output={"order_id": "A-1042", "status": "at depot", "depot": "Lyon", "late_days": 5},
            metadata={"attempt": 2},
        ),
        span(
            "c2a0000000000005",
            "search_terms",
            "function",
            parents=["a000000000000001"],
            start_s=at_s + 2.6,
            lasted_s=0.71,
            input="refund late delivery",
            output=[{"id": "terms#4", "score": 0.91, "content": terms}],
        ),
        *embeds,
        span(
            "c2b0000000000006",
            "rerank",
            "function",
            parents=["c2a0000000000005"],
            start_s=at_s + 3.09,
            lasted_s=0.19,
            input={"query": "refund late delivery", "documents": 12},
            output=[{"id": "terms#4", "relevance_score": 0.91}],
        ),
        model_call(
            "b100000000000007",
            parents=["a000000000000001"],
            start_s=at_s + 3.83,
            lasted_s=2.41,
            metrics=tokens(
                706, 214, 0.000625, completion_reasoning_tokens=64, time_to_first_token=0.61
            ),
            input=[*asked, turn, *results],
            output=assistant(answer),
        ),
        span(
            "d000000000000008",
            "grounded",
            "score",
            parents=["a000000000000001"],
            start_s=at_s + 6.26,
            lasted_s=0.12,
            input={"output": ANSWER[:80], "documents": [terms]},
            output={"score": 1.0},
            metadata={"judge": "string overlap"},
        ),
    ]
