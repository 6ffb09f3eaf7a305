"""`otel-braintrust fetch`: a project's log rows, filtered, page by page."""

from __future__ import annotations

from typing import Annotated

import typer

from otel_braintrust.cli.access import (
    ProjectIdOption,
    ProjectOption,
    opened_client,
    print_json,
    project_id_of,
    require_project,
)
from otel_braintrust.cli.documents import read_filters


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("fetch")(fetch)


def fetch(
    project_id: ProjectIdOption = None,
    project: ProjectOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows at most.")] = 100,
    cursor: Annotated[
        str | None, typer.Option(help="Where to go on: the cursor of the page before.")
    ] = None,
    filters: Annotated[
        str | None,
        typer.Option(
            help="JSON: paths and what they must be, as in "
            """'{"metadata.user_id": "u1", "metadata.latency_ms": {"$gt": 2000}}'. """
            "Operators: $eq $ne $gt $gte $lt $lte $in $nin $exists $not $and $or."
        ),
    ] = None,
) -> None:
    """Fetch log rows, the newest first.

    Prints {"logs": [...], "cursor": ..., "has_more": ...}; the cursor is null on the last page.
    """
    named = require_project(project_id, project)
    wanted = read_filters(filters)
    with opened_client() as client:
        page = client.fetch(
            project_id_of(client, named), limit=limit, cursor=cursor or None, filters=wanted
        )
    print_json({"logs": page.logs, "cursor": page.cursor, "has_more": page.has_more})
