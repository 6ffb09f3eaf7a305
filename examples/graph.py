"""A trace is a graph: a span may hang on several others."""

from otel_braintrust import configure, flush, start_span

configure(project="examples")

with start_span("answer", type="task"):
    with start_span("search the web", type="tool") as web:
        web.log(output=["a", "b"])
    with start_span("search the manual", type="tool") as manual:
        manual.log(output=["c"])
    with start_span("merge", parent=web, also_parents=[manual]) as merge:
        merge.log(output=["a", "b", "c"])
assert flush().ok
print("merged")
