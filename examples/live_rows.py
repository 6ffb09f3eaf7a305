"""Live rows: a span is there while it is open, and its end completes it."""

from otel_braintrust import BraintrustClient, configure, flush, log, log_feedback, start_span

configure(project="examples", live=True)

with start_span("long job", type="task", input={"documents": 1000}) as span:
    # By itself it is there after a third of a second; a flush shows it at once.
    flush()
    with BraintrustClient() as client:
        project_id = client.project_id("examples")
        [row] = client.fetch(
            project_id, filters={"id": f"{span.get_span_context().span_id:016x}"}
        ).logs
    print(row["input"], row["metrics"].keys(), row["output"])

    # What is said of it meanwhile stays.
    log_feedback(span, scores={"patience": 0.5}, comment="still running?")
    log(output={"summaries": 1000})

assert flush().ok
print("done")
