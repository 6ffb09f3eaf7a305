"""Questions to Braintrust's query API, `POST /btql`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from otel_braintrust.client.attempts import Attempts, object_of
from otel_braintrust.client.filters import Expression

MAX_PAGE_ROWS = 1000  # what Braintrust's own SDK asks for at once


# How a query in SQL begins; all else is a row of clauses, each with a name and a colon.
_SQL = re.compile(r"\s*(select|with)\s(?!\s*:)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The rows of a query, and where it goes on.

    Args:
        rows: the rows.
        cursor: to be handed in for the rows that follow; None at the end.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    cursor: str | None = None


def continued(query: str | Mapping[str, Any], cursor: str) -> str | Mapping[str, Any]:
    """Say a query again for the rows that follow.

    Args:
        query: SQL or BTQL as text, or the form of an expression tree.
        cursor: where the last page ended.

    Example:
        >>> continued("select: * | from: project_logs('p')", "abc")
        "select: * | from: project_logs('p') | cursor: 'abc'"
    """
    if not isinstance(query, str):
        return {**query, "cursor": cursor}
    quoted = cursor.replace("'", "''")
    text = query.rstrip().rstrip(";").rstrip()
    return f"{text} OFFSET '{quoted}'" if _SQL.match(query) else f"{text} | cursor: '{quoted}'"


class QueryApi:
    """The query API.

    Args:
        attempts: how to ask.
        org_name: the organization to ask in; None: the key's own.
    """

    def __init__(self, attempts: Attempts, org_name: str | None) -> None:
        self._attempts = attempts
        self._headers = {"x-bt-org-name": org_name} if org_name else {}

    def ask(self, query: str | Mapping[str, Any], *, cursor: str | None = None) -> QueryResult:
        """Ask one question.

        Args:
            query: SQL or BTQL as text, or the form of an expression tree.
            cursor: where to go on, for an expression tree.

        Raises:
            ApiError: the request failed, or the query was not understood.
        """
        if isinstance(query, str):
            body: dict[str, Any] = {"query": query, "fmt": "json"}
        else:
            body = {
                "query": {"cursor": None, **query, **({"cursor": cursor} if cursor else {})},
                "use_columnstore": False,
                "brainstore_realtime": True,
                "query_source": "otel_braintrust",
            }
        response = self._attempts.call("POST", "/btql", json=body, headers=self._headers)
        answer = object_of(response)
        # The next page is named in the body, or only in the header (both have been recorded).
        following = answer.get("cursor") or response.headers.get("x-bt-cursor")
        return QueryResult(answer.get("data") or [], following or None)

    def rows(
        self,
        project_id: str,
        expression: Expression | None,
        *,
        limit: int,
        cursor: str | None = None,
    ) -> QueryResult:
        """Ask for a project's rows, the newest first, in the form of Braintrust's own SDK.

        Args:
            project_id: the project's id.
            expression: what the rows must be; None: any.
            limit: how many at most; over several requests when there are many.
            cursor: where to go on.

        Returns:
            The rows; the cursor is there as long as more may follow.

        Raises:
            ApiError: a request failed.
        """
        query: dict[str, Any] = {
            "select": [{"op": "star"}],
            "from": {
                "op": "function",
                "name": {"op": "ident", "name": ["project_logs"]},
                "args": [{"op": "literal", "value": project_id}],
            },
            **({} if expression is None else {"filter": expression}),
        }
        rows: list[dict[str, Any]] = []
        while True:
            page = self.ask(
                {**query, "limit": min(limit - len(rows), MAX_PAGE_ROWS)}, cursor=cursor
            )
            rows += page.rows
            cursor = page.cursor if page.rows else None
            if cursor is None or len(rows) >= limit:
                return QueryResult(rows, cursor)
