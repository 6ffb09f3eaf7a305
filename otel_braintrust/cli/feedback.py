"""`otel-braintrust feedback`: what a person says about one log row."""

from __future__ import annotations

from collections.abc import Mapping
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
from otel_braintrust.cli.documents import read_json
from otel_braintrust.cli.failure import ASKED_WRONGLY, CommandError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("feedback")(feedback)


def feedback(
    log_id: Annotated[str, typer.Option("--log-id", help="The id of the row, as fetch shows it.")],
    file: Annotated[
        str,
        typer.Option(
            "--file",
            help="JSON: an object with rating, comment, metadata, scores, expected, tags; "
            "- is stdin.",
        ),
    ],
    project_id: ProjectIdOption = None,
    project: ProjectOption = None,
    rating_scale: Annotated[
        str,
        typer.Option(
            "--rating-scale",
            help="The worst and the best rating, as in 0-1, 1-10 or -1-1.",
        ),
    ] = "1-5",
) -> None:
    """Add feedback to a log row.

    A rating becomes the score "rating" from 0 to 1, and is kept as given in the feedback's
    metadata. Prints {"status": "success", "log_id": ...}.
    """
    from otel_braintrust.client import EventError, RatingError, RatingScale
    from otel_braintrust.client.events import check_feedback

    named = require_project(project_id, project)
    try:
        scale = RatingScale.parse(rating_scale)
    except RatingError as error:
        raise CommandError(f"--rating-scale: {error}", ASKED_WRONGLY) from error
    said = read_json(file)
    if not isinstance(said, Mapping):
        raise CommandError(f"{file}: the feedback must be one JSON object", ASKED_WRONGLY)
    if said.get("id") not in (None, log_id):
        raise CommandError(
            f"{file}: is about the log {said['id']!r}, and --log-id is {log_id!r}", ASKED_WRONGLY
        )
    item = {**said, "id": log_id}
    try:
        check_feedback([item], scale)
    except (EventError, RatingError) as error:
        raise CommandError(f"{file}: {error}", ASKED_WRONGLY) from error
    with opened_client() as client:
        client.feedback(project_id_of(client, named), [item], rating_scale=scale)
    print_json({"status": "success", "log_id": log_id})
