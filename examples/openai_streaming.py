"""OpenAI's client with its instrumentation: the tokens of a stream become metrics."""

import json

import httpx
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor

from otel_braintrust import configure, flush, traced

configure(project="examples")
OpenAIInstrumentor().instrument()


def endpoint(_request: httpx.Request) -> httpx.Response:
    """Stands for the model, so that this runs offline."""
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    deltas = [{"role": "assistant", "content": "1+1 "}, {"content": "is 2."}]
    chunks = [{**head, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    usage = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
    chunks.append({**head, "choices": [], "usage": usage})
    events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    headers = {"Content-Type": "text/event-stream"}
    return httpx.Response(200, headers=headers, text="".join(events) + "data: [DONE]\n\n")


client = OpenAI(
    api_key="sk-offline", http_client=httpx.Client(transport=httpx.MockTransport(endpoint))
)


@traced(type="task")
def answer(question: str) -> str:
    stream = client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": True},  # without it OpenAI tells no tokens of a stream
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


print(answer("What is 1+1?"))
client.close()
assert flush().ok
