"""Several projects in one process: each span goes once, and to its own."""

from otel_braintrust import configure, flush, start_span, traced

configure(project="examples")


@traced
def step() -> str:
    return "done"


with start_span("chat"):
    step()  # to "examples", as its parent

with start_span("nightly report", parent="project_name:examples, reports"):
    step()  # to "examples, reports", as its parent

assert flush().ok
print("two projects")
