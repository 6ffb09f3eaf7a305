"""Wait for delivery no longer than wanted, and learn what became of the spans."""

from otel_braintrust import configure, flush, ledger, start_span

configure(project="examples")

for number in range(3):
    with start_span(f"job {number}"):
        pass

result = flush(timeout_s=5.0)
print(result.ok, result.sent, result.dropped, result.pending)
print(ledger())
