"""`otel-braintrust query`: SQL or BTQL to Braintrust's query API."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from otel_braintrust.cli.access import opened_client, print_json
from otel_braintrust.cli.documents import STDIN, parse_option, read_text
from otel_braintrust.cli.failure import ASKED_WRONGLY, CommandError

if TYPE_CHECKING:
    from otel_braintrust.client import BraintrustClient


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("query")(query)


def query(
    text: Annotated[
        str,
        typer.Argument(
            metavar="QUERY",
            help="SQL, BTQL, or an expression tree as JSON; - is stdin. For instance "
            "\"select: * | from: project_logs('support bot') | filter: scores.thumbs < 1\".",
        ),
    ],
    cursor: Annotated[
        str | None, typer.Option(help="Where to go on: the cursor of the page before.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Go on until there are no more pages.")
    ] = False,
    lines: Annotated[
        bool, typer.Option("--lines", help="Print one row a line, and nothing else.")
    ] = False,
) -> None:
    """Ask Braintrust's query API.

    Prints {"rows": [...], "cursor": ..., "has_more": ...}; the cursor is null on the last page. A
    limit in the query is that of a page.
    """
    wanted = _read(text)
    with opened_client() as client:
        pages = _pages(client, wanted, cursor or None)
        rows, following = next(pages)
        if lines:
            _print_lines(rows)
        while every and following:
            more, following = next(pages)
            if lines:
                _print_lines(more)
            else:
                rows = [*rows, *more]
    if not lines:
        print_json({"rows": rows, "cursor": following, "has_more": following is not None})


def _pages(
    client: BraintrustClient, wanted: str | dict[str, Any], cursor: str | None
) -> Iterator[tuple[list[dict[str, Any]], str | None]]:
    """Each page with the cursor of the next; a cursor that leads nowhere is None."""
    from otel_braintrust.client.queries import continued

    page = client.query(continued(wanted, cursor) if cursor else wanted)
    while True:
        following = client.query(continued(wanted, page.cursor)) if page.cursor else None
        has_more = following is not None and bool(following.rows)
        yield page.rows, page.cursor if has_more else None
        if following is None:
            return
        page = following


def _read(text: str) -> str | dict[str, Any]:
    said = read_text(STDIN) if text == STDIN else text
    if not said.strip():
        raise CommandError("the query is empty: write SQL or BTQL", ASKED_WRONGLY)
    if not said.lstrip().startswith("{"):
        return said
    tree: dict[str, Any] = parse_option(said, "the query")
    return tree


def _print_lines(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        sys.stdout.buffer.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()
