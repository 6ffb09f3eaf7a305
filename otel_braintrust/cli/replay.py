"""`otel-braintrust replay`: what waits in a directory goes to Braintrust."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from otel_braintrust.cli.access import print_json
from otel_braintrust.cli.failure import ASKED_WRONGLY, FAILED, CommandError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("replay")(replay)


def replay(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="OTEL_BRAINTRUST_SPOOL_DIR, or a directory of payload_*.json files.",
        ),
    ],
) -> None:
    """Send the rows that wait in a directory, the oldest first.

    Takes a spool, and the payload files that Braintrust's SDK and this package write. A file whose
    rows have all arrived gets .sent added to its name. Prints what became of the rows, and of the
    attachments if there are any; ends with 1 if any still wait or were lost.
    """
    from otel_braintrust.delivery.spool import SpoolError
    from otel_braintrust.replay import replay_directory
    from otel_braintrust.settings import KEY_SOURCES, Settings, SettingsError

    if not directory.is_dir():
        raise CommandError(f"{directory}: is no directory", ASKED_WRONGLY)
    try:
        settings = Settings.resolve()
    except SettingsError as error:
        raise CommandError(str(error), ASKED_WRONGLY) from error
    if settings.api_key is None:
        raise CommandError(f"no API key: set {KEY_SOURCES}", ASKED_WRONGLY)
    try:
        result = replay_directory(directory, settings)
    except SpoolError as error:
        raise CommandError(str(error)) from error
    for problem in result.unreadable:
        print(f"otel-braintrust: {problem}", file=sys.stderr)
    told: dict[str, object] = {
        "sent": result.sent,
        "waiting": result.waiting,
        "dropped": dict(result.dropped),
        "files": result.files,
        "unreadable": len(result.unreadable),
    }
    if result.attachments:
        told["attachments"] = {
            "uploaded": result.attachments.uploaded,
            "waiting": result.attachments.waiting,
            "lost": dict(result.attachments.lost),
        }
    print_json(told)
    if not result.ok:
        raise typer.Exit(FAILED)
