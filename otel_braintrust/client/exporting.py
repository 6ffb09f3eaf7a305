"""A project's rows as they can be imported again: without what the server adds for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from otel_braintrust.client.events import EVENT_FIELDS
from otel_braintrust.client.queries import MAX_PAGE_ROWS, QueryResult

# Of what the server adds these tell what people said of a row; an import puts the comments back.
KEPT_SERVER_FIELDS = frozenset({"comments", "audit_data"})

Ask = Callable[[int, "str | None"], QueryResult]


def exported_rows(ask: Ask, *, limit: int | None) -> Iterator[dict[str, Any]]:
    """Go through the pages of a query.

    Args:
        ask: Called with how many rows are wanted at most, and where to go on.
        limit: How many rows at most; None: all.
    """
    seen: set[str] = set()
    cursor: str | None = None
    while limit is None or len(seen) < limit:
        wanted = MAX_PAGE_ROWS if limit is None else min(MAX_PAGE_ROWS, limit - len(seen))
        page = ask(wanted, cursor)
        for row in page.rows:
            # A row that changed meanwhile comes once more, with what it was before.
            if row["id"] not in seen:
                seen.add(row["id"])
                yield _portable(row)
        cursor = page.cursor
        if cursor is None or not page.rows:
            return


def _portable(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what is not there, and without what only its project gives a meaning."""
    return {
        field: value
        for field, value in row.items()
        if value is not None and (field in EVENT_FIELDS or field in KEPT_SERVER_FIELDS)
    }
