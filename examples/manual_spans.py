"""A span that begins in one callback and ends in another; spans beneath it start in between."""

from otel_braintrust import TracedSpan, configure, flush, start_span, traced

configure(project="examples")


@traced(type="llm")
def compute_output(system_prompt: str, user_input: str) -> str:
    return f"{system_prompt} {user_input}!"


class Requests:
    """Callbacks of some framework, on whatever thread it chooses."""

    def __init__(self) -> None:
        self.spans: dict[str, tuple[TracedSpan, str]] = {}

    def on_start(self, request_id: str, user_input: str) -> None:
        span = start_span(request_id, type="task", input=user_input)
        self.spans[request_id] = (span, user_input)

    def on_output(self, request_id: str, system_prompt: str) -> None:
        span, user_input = self.spans[request_id]
        with span.start_span("output"):
            span.log(output=compute_output(system_prompt, user_input))

    def on_end(self, request_id: str, **metadata: str) -> None:
        span, _ = self.spans.pop(request_id)
        span.log(metadata=metadata)
        span.end()


requests = Requests()
requests.on_start("request 1", "Hello")
requests.on_start("request 2", "Good day")
requests.on_output("request 2", "Echo:")
requests.on_output("request 1", "Echo:")
requests.on_end("request 1", user_id="u1")
requests.on_end("request 2", user_id="u2")
assert flush().ok
print("two requests")
