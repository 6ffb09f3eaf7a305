"""`otel-braintrust export`: a project's rows as JSON lines, which `import` takes as they are."""

from __future__ import annotations

import sys
from typing import Annotated

import orjson
import typer

from otel_braintrust.cli.access import (
    ProjectIdOption,
    ProjectOption,
    opened_client,
    project_id_of,
    require_project,
)
from otel_braintrust.cli.documents import read_filters


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("export")(export)


def export(
    project_id: ProjectIdOption = None,
    project: ProjectOption = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="How many rows at most; default all.")
    ] = None,
    filters: Annotated[
        str | None,
        typer.Option(
            help="JSON: paths and what they must be, as in "
            """'{"metadata.user_id": "u1", "metadata.latency_ms": {"$gt": 2000}}'."""
        ),
    ] = None,
) -> None:
    """Print a project's rows, the newest first, one JSON object a line.

    Ids, parents, times, content and comments stay as they are, so that 'import' makes the same
    traces of them in another project. On a terminal the number of rows is told, too.
    """
    named = require_project(project_id, project)
    wanted = read_filters(filters)
    count = 0
    with opened_client() as client:
        for row in client.export(project_id_of(client, named), filters=wanted, limit=limit):
            sys.stdout.buffer.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    sys.stdout.buffer.flush()
    if sys.stderr.isatty():
        print(f"otel-braintrust: {count} rows exported", file=sys.stderr)
