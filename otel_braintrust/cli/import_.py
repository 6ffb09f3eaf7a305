"""`otel-braintrust import`: files of spans from anywhere, as rows of a project."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from otel_braintrust.cli.access import (
    ProjectIdOption,
    ProjectOption,
    opened_client,
    print_json,
    require_project,
)
from otel_braintrust.cli.failure import ASKED_WRONGLY, FAILED

if TYPE_CHECKING:
    from otel_braintrust.imports import ImportResult


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("import")(import_)


def import_(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="OTLP (JSON or protobuf), rows, or trees with children (an array, or one object "
            "a line), gzipped or not; - is stdin.",
        ),
    ],
    project_id: ProjectIdOption = None,
    project: ProjectOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the rows, and send nothing.")
    ] = False,
) -> None:
    """Import spans captured elsewhere: OTLP files, rows as 'export' prints them, nested trees.

    Rows keep their ids, parents and times. Rows and trees without ids get some that are made of
    their content, so that importing a file once more replaces its rows; of two rows with one id
    the later one stays. A record that cannot be read is told on stderr with its file and line, and
    takes no other along. A project that is named and not there yet is made.

    Prints how many rows and comments were imported, and what was not. The exit status is 1 if the
    server did not take all of it, 2 if a part of the files could not be read.
    """
    from otel_braintrust.imports import Import, Source

    if dry_run:
        result = Import(None, tell=_tell, show=_print_row).run([Source(name) for name in files])
        sys.stdout.buffer.flush()
    else:
        result = _imported(files, require_project(project_id, project))
        print_json({"status": "success" if result.ok else "incomplete", **asdict(result)})
    if result.shortened or result.refused or result.not_sent:
        raise typer.Exit(FAILED)
    if result.unreadable:
        raise typer.Exit(ASKED_WRONGLY)


def _imported(files: list[str], project: tuple[str, str]) -> ImportResult:
    from otel_braintrust.delivery.destinations import Destination
    from otel_braintrust.imports import import_files

    with opened_client() as client:
        if project[0] == "project_id":
            client.require_project(project[1])
        return import_files(files, destination=Destination(*project), tell=_tell)


def _tell(problem: str) -> None:
    print(f"otel-braintrust: {' '.join(problem.split())}", file=sys.stderr)


def _print_row(row: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
