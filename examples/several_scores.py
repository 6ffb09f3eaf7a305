"""Many people's scores on one span: side by side, each a span of its own beneath it."""

from otel_braintrust import configure, export_span, flush, score_span, start_span

configure(project="examples")

with start_span("document", output="Returns are possible within 30 days.") as span:
    slug = export_span()

for user, helpful in (("u1", 1), ("u2", 0), ("u3", 0.5)):
    score_span(slug, helpful=helpful, metadata={"user_id": user})
assert flush().ok
print("three scores")
