"""What must not leave the process: secrets by pattern, and what a rule or a function says."""

import json

from opentelemetry import trace

from otel_braintrust import MaskRule, configure, flush, log_feedback, start_span


def without_names(value):
    """A function gets the value of each field, and gives what is to be sent instead."""
    return json.loads(json.dumps(value).replace("Jane Doe", "the customer"))


configure(
    project="examples",
    mask=[
        "secrets",  # keys, tokens and passwords, however they are escaped or encoded
        "email",
        MaskRule("customer number", pattern=r"\bC-\d{6}\b"),
        MaskRule("diagnosis", key="diagnosis"),
        without_names,
    ],
)

with start_span("answer", type="task", input="I am Jane Doe, C-123456, jane@example.com.") as span:
    span.log(
        output={"text": "Done.", "diagnosis": {"code": "J45"}},
        metadata={"dsn": "postgres://app:hunter2@db.example.com/shop", "db_password": "hunter2"},
    )
    # Another library's span, with a key that somebody pasted into a prompt.
    with trace.get_tracer("another.library").start_as_current_span("call") as call:
        call.set_attribute("gen_ai.request.model", "gpt-4o")
        call.set_attribute("gen_ai.prompt", "My key is sk-ant-api03-0123456789abcdef")

log_feedback(span, scores={"thumbs": 1}, comment="Thanks, Jane Doe")
assert flush().ok
print("masked")
