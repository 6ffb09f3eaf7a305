"""`otel-braintrust insert`: a file of log events into a project."""

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
from otel_braintrust.cli.documents import read_json_or_lines
from otel_braintrust.cli.failure import ASKED_WRONGLY, CommandError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("insert")(insert)


def insert(
    file: Annotated[
        str,
        typer.Option(
            "--file",
            help="JSON: an array of events, one event, or one a line; - is stdin.",
        ),
    ],
    project_id: ProjectIdOption = None,
    project: ProjectOption = None,
) -> None:
    """Insert log events from a file: objects with input, output, metadata and more.

    The whole file is checked before anything is sent. Prints how many rows were inserted, and
    their ids. A project that is named and not there yet is made.
    """
    from otel_braintrust.client import EventError
    from otel_braintrust.client.events import check_events

    named = require_project(project_id, project)
    try:
        events = check_events(read_json_or_lines(file))
    except EventError as error:
        raise CommandError(f"{file}: {error}", ASKED_WRONGLY) from error
    with opened_client() as client:
        ids = client.insert(project_id_of(client, named, create=True), events)
    print_json({"inserted": len(ids), "status": "success", "ids": ids})
