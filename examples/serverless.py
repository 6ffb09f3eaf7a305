"""A function that is frozen between calls: each call is delivered before it ends."""

from otel_braintrust import configure, ledger, traced

# On AWS Lambda, Cloud Functions and Cloud Run it is on by itself.
configure(project="examples", serverless=True, serverless_budget_s=5.0)


@traced(type="task")
def handler(event: dict[str, str], _context: object = None) -> dict[str, str]:
    return {"answer": f"{event['question']} On its way."}


print(handler({"question": "Where is my order?"}))
print(ledger())
