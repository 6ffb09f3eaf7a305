"""Annotate code: calls become spans, and more is said of them where it is known."""

import asyncio
from collections.abc import AsyncIterator

from otel_braintrust import attributes, configure, flush, log, traced

configure(project="examples")


@traced(type="tool")
def search(query: str, limit: int = 3) -> list[str]:
    return [f"{query}: result {number}" for number in range(limit)]


@traced(type="llm")
async def stream_answer(question: str, results: list[str]) -> AsyncIterator[str]:
    log(metadata={"model": "my-model"}, metrics={"prompt_tokens": 7, "completion_tokens": 2})
    for word in f"{question} {len(results)} results.".split():
        await asyncio.sleep(0)
        yield word


@traced(type="task")
async def answer(question: str) -> str:
    results = search(question, limit=2)
    words = [word async for word in stream_answer(question, results)]
    log(scores={"confidence": 0.9}, tags=["shipping"])
    return " ".join(words)


@traced(notrace_io=True)
def check_password(password: str) -> bool:
    return password == "hunter2"  # neither argument nor result is logged


with attributes(user_id="u1", session_id="s9"):
    check_password("hunter2")
    print(asyncio.run(answer("Where is my order?")))
assert flush().ok
