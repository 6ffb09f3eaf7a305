"""Production logs without spans: insert what happened, look for what went wrong, take feedback."""

from otel_braintrust import BraintrustClient

LOGS = [
    {
        "input": "Where is my order?",
        "output": "On its way.",
        "metadata": {"user_id": "user_123", "session_id": "s1", "latency_ms": 870, "cost": 0.002},
    },
    {
        "input": "Can I return it?",
        "error": "the model did not answer",
        "metadata": {"user_id": "user_123", "session_id": "s1", "latency_ms": 30000, "error": True},
    },
    {
        "input": "How long does it take?",
        "output": "Three days.",
        "metadata": {"user_id": "user_456", "session_id": "s2", "latency_ms": 2345, "error": False},
    },
]

with BraintrustClient() as client:
    project = client.project_id("examples", create=True)
    ids = client.insert(project, LOGS)

    # Page by page, as a monitor does.
    cursor, count = None, 0
    while True:
        page = client.fetch(project, limit=2, cursor=cursor)
        count += len(page.logs)
        cursor = page.cursor
        if not page.has_more:
            break
    print(count, "logs")

    [failed] = client.fetch(project, filters={"metadata.error": True}).logs
    print("failed:", failed["input"], "-", failed["error"])
    slow = client.fetch(project, filters={"metadata.latency_ms": {"$gt": 2000}}).logs
    print(len(slow), "slow, the slowest", max(log["metadata"]["latency_ms"] for log in slow), "ms")
    print(len(client.fetch(project, filters={"metadata.user_id": "user_123"}).logs), "by user_123")

    client.feedback(
        project,
        [
            {
                "id": ids[0],
                "rating": 5,
                "comment": "Very helpful and accurate response",
                "metadata": {"user_id": "user_123", "feedback_type": "positive"},
            }
        ],
    )
    liked = client.fetch(project, filters={"scores.rating": {"$gte": 0.75}}).logs
    print("liked:", [log["output"] for log in liked])
