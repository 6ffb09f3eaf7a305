"""A model client of one's own: a span of type llm, streaming, with tokens and the first's time."""

import time
from collections.abc import Iterator

from otel_braintrust import configure, flush, start_span

configure(project="examples")


class MyClient:
    """Stands for any client without an instrumentation."""

    def stream(self, messages: list[dict[str, str]]) -> Iterator[str]:
        yield from ("Within ", "30 ", "days.") if messages else ()


def chat(client: MyClient, messages: list[dict[str, str]]) -> Iterator[str]:
    """Hand on the stream as it comes, and log the whole of it at its end."""
    metadata = {"model": "my-model", "provider": "me", "temperature": 0.2}
    with start_span("chat", type="llm", input=messages, metadata=metadata) as span:
        begin = time.perf_counter()
        pieces: list[str] = []
        for piece in client.stream(messages):
            if not pieces:
                span.log(metrics={"time_to_first_token": time.perf_counter() - begin})
            pieces.append(piece)
            yield piece
        message = {"role": "assistant", "content": "".join(pieces)}
        span.log(
            output=[{"index": 0, "finish_reason": "stop", "message": message}],
            metrics={"prompt_tokens": 12, "completion_tokens": len(pieces), "tokens": 15},
        )


for text in chat(MyClient(), [{"role": "user", "content": "Can I return it?"}]):
    print(text, end="")
print()
assert flush().ok
