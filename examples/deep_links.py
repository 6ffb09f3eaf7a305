"""Addresses of a span's page: made offline, to be logged, mailed or shown."""

from otel_braintrust import configure, export_span, flush, permalink, start_span

configure(project="examples", org_name="local")

with start_span("answer", input="Where is my order?", output="On its way.") as span:
    print(permalink())  # the current span
    slug = export_span()

print(permalink(span))  # one that has ended
print(permalink(slug, org_name="local"))  # one of another process, known by its slug
assert flush().ok
