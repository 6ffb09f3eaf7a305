"""Images that lie elsewhere: by their address, which Braintrust shows and nobody uploads."""

from otel_braintrust import ExternalAttachment, configure, flush, start_span

configure(project="examples")

# An address in a message, as in OpenAI's API: the page draws it as an image.
content = [
    {"type": "text", "text": "What is in this picture?"},
    {"type": "image_url", "image_url": {"url": "https://example.com/image.jpg"}},
]
with start_span("chat", type="llm", input=[{"role": "user", "content": content}]) as span:
    span.log(output=[{"role": "assistant", "content": "A lighthouse."}])

# Or in an object of one's own; and a file in an object store that Braintrust has access to.
with start_span("inspect", input={"image_url": {"url": "https://example.com/image.jpg"}}) as span:
    scan = ExternalAttachment("s3://scans/4711.pdf", content_type="application/pdf")
    span.log(metadata={"scan": scan})

assert flush().ok
print("logged")
