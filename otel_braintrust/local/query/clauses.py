"""BTQL text cut into its clauses: `select: * | from: ... | filter: ...`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from otel_braintrust.local.query.plan import QueryError

CLAUSES = (
    "select",
    "from",
    "filter",
    "sort",
    "limit",
    "cursor",
    "preview_length",
    "dimensions",
    "measures",
    "pivot",
    "unpivot",
    "infer",
    "sample",
    "final_filter",
    "having",
)
_CLAUSE = re.compile(rf"({'|'.join(CLAUSES)})\s*:(?!:)", re.IGNORECASE)
_SQL = re.compile(r"\s*(select|with)\b(?!\s*:)", re.IGNORECASE)
_BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


def is_sql(text: str) -> bool:
    """Whether a query is SQL; otherwise it is BTQL, with a colon after each clause's name."""
    return _SQL.match(text) is not None


def split_clauses(text: str) -> dict[str, str]:
    """Cut BTQL into clauses; each starts after a `|` or on a new line.

    Args:
        text: the query.

    Raises:
        QueryError: a clause stands twice, has an unknown name, or the text is no BTQL.

    Example:
        >>> split_clauses("select: * | from: project_logs('p') | limit: 5")
        {'select': '*', 'from': "project_logs('p')", 'limit': '5'}
    """
    starts = list(_clause_starts(text))
    if not starts or text[: starts[0].start()].strip(" \t\r\n|"):
        raise QueryError(
            f"query: expected SELECT ... or a clause such as 'from:', got {text!r:.60}"
        )
    ends = [start.start() for start in starts[1:]] + [len(text)]
    clauses: dict[str, str] = {}
    for start, end in zip(starts, ends, strict=True):
        name = start.group(1).lower()
        if name in clauses:
            raise QueryError(f"{name}: this clause stands twice")
        clauses[name] = text[start.end() : end].strip().removesuffix("|").strip()
    return clauses


def _clause_starts(text: str) -> Iterator[re.Match[str]]:
    """Where clauses start: outside quotes and brackets, first, after a bar or on a new line."""
    quote = ""
    depth = 0
    at_start = True
    for position, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
            continue
        if at_start and depth == 0 and (found := _CLAUSE.match(text, position)):
            yield found
        if letter in "'\"":
            quote = letter
        depth += _BRACKETS.get(letter, 0)
        at_start = letter in "|\n" or (at_start and letter.isspace())
    if quote:
        raise QueryError(f"query: a {quote} is never closed")
