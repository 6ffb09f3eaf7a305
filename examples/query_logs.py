"""Filters of the Logs page, asked through the API, in Braintrust's query language or in SQL."""

from otel_braintrust import BraintrustClient, configure, flush, start_span

configure(project="examples")

for user, factuality in (("1234", 0.9), ("1234", 0.2), ("5678", 0.8)):
    span = start_span("answer", metadata={"user_id": user}, tags=[f"user {user}"])
    span.log(scores={"Factuality": factuality})
    span.end()
assert flush().ok

FILTERS = (
    "created > CURRENT_DATE - INTERVAL 1 DAY",
    "metadata.user_id = '1234'",
    "scores.Factuality > 0.5",
    "tags INCLUDES 'user 5678'",
)

with BraintrustClient() as client:
    for text in FILTERS:
        query = f"select: id | from: project_logs('examples') | filter: {text}"
        print(len(client.query(query).rows), text)

    sql = (
        "SELECT metadata.user_id AS user, scores.Factuality AS score "
        "FROM project_logs('examples') WHERE scores.Factuality > 0.5 "
        "ORDER BY scores.Factuality DESC"
    )
    for row in client.query(sql).rows:
        print(row["user"], row["score"])
