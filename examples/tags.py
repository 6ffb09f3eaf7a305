"""Tags belong to the whole trace; they may be said anywhere in it."""

from otel_braintrust import attributes, configure, flush, log, log_feedback, start_span, traced

configure(project="examples")


@traced
def classify(question: str) -> str:
    topic = "shipping" if "order" in question else "other"
    log(tags=[topic])  # rises to the root
    return topic


with start_span("answer", type="task", tags=["beta"]) as span, attributes(tags=["eu"]):
    classify("Where is my order?")

log_feedback(span, tags=["rated"])
assert flush().ok
print("tagged")
