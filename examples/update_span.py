"""Change a span after its end, also from another process: all that is needed is its slug."""

from otel_braintrust import configure, export_span, flush, start_span, update_span

configure(project="examples")

with start_span("draft", input={"topic": "returns"}, output="Within 14 days.") as span:
    slug = export_span()

# Later, by a reviewer: objects merge, everything else is replaced. It arrives after the row itself.
update_span(slug, output="Within 30 days.", metadata={"reviewed_by": "u7"}, tags=["reviewed"])
update_span(slug, expected="Within 30 days.", metadata={"reason": "new policy"})
assert flush().ok
print("updated")
