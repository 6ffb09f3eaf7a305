"""`otel-braintrust query`: SQL, BTQL and trees, one page or all of them."""

from __future__ import annotations

import json

import pytest

from otel_braintrust.client import BraintrustClient
from otel_braintrust.local.server import LocalServer
from tests.cli.conftest import Command


@pytest.fixture
def project_id(braintrust: LocalServer) -> str:
    with BraintrustClient() as client:
        found = client.project_id("support bot", create=True)
        client.insert(found, [{"id": f"r{n}", "metadata": {"n": n}} for n in range(25)])
    return found


QUERIES = {
    "BTQL": "select: * | from: project_logs('support bot') | filter: metadata.n >= 5 | limit: 8",
    "SQL": "SELECT * FROM project_logs('support bot') WHERE metadata.n >= 5 LIMIT 8;",
    "lines": (
        "select: *\n| from: project_logs('support bot')\n| filter: metadata.n >= 5\n| limit: 8\n"
    ),
    "tree": json.dumps(
        {
            "select": [{"op": "star"}],
            "from": {
                "op": "function",
                "name": {"op": "ident", "name": ["project_logs"]},
                "args": [{"op": "literal", "value": "support bot"}],
            },
            "filter": {
                "op": "ge",
                "left": {"op": "ident", "name": ["metadata", "n"]},
                "right": {"op": "literal", "value": 5},
            },
            "limit": 8,
        }
    ),
}
WANTED = [f"r{n}" for n in range(24, 4, -1)]


@pytest.mark.parametrize("language", QUERIES)
def test_pages_are_followed_by_hand_or_all_at_once(
    language: str, project_id: str, command: Command
) -> None:
    first = command("query", QUERIES[language]).json
    assert [row["id"] for row in first["rows"]] == WANTED[:8]
    assert first["has_more"]
    second = command("query", QUERIES[language], "--cursor", first["cursor"]).json
    assert [row["id"] for row in second["rows"]] == WANTED[8:16]
    last = command("query", QUERIES[language], "--cursor", second["cursor"]).json
    assert [row["id"] for row in last["rows"]] == WANTED[16:]
    assert (last["cursor"], last["has_more"]) == (None, False)

    at_once = command("query", "--all", QUERIES[language]).json
    assert [row["id"] for row in at_once["rows"]] == WANTED
    assert (at_once["cursor"], at_once["has_more"]) == (None, False)
    lines = command("query", "--all", "--lines", "-", stdin=QUERIES[language].encode())
    assert [json.loads(line)["id"] for line in lines.out.splitlines()] == WANTED


def test_columns_and_aggregates_come_as_they_are(project_id: str, command: Command) -> None:
    query = "SELECT id, metadata.n AS number FROM project_logs('support bot') WHERE id = 'r7'"
    assert command("query", query).json["rows"] == [{"id": "r7", "number": 7}]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        (" ", 2, "the query is empty"),
        ("{", 2, "the query: not JSON at line 1"),
        ("select: * | from: nowhere('x')", 1, "answered 400"),
        ("select: * | from: project_logs('nowhere')", 1, "nowhere"),
    ],
)
def test_a_query_that_cannot_be_run_is_told_in_one_line(
    query: str, status: int, words: str, project_id: str, command: Command
) -> None:
    result = command("query", query)
    assert result.status == status
    assert words in result.error
