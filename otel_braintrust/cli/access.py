"""How commands reach Braintrust: a client, the project they are about, JSON on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from otel_braintrust.cli.failure import ASKED_WRONGLY, CommandError

if TYPE_CHECKING:
    from otel_braintrust.client import BraintrustClient

ProjectIdOption = Annotated[
    "str | None", typer.Option("--project-id", help="The project's id.", show_default=False)
]
ProjectOption = Annotated[
    "str | None",
    typer.Option("--project", help="The project's name, instead of its id.", show_default=False),
]


@contextmanager
def opened_client() -> Iterator[BraintrustClient]:
    """Open a client; what goes wrong with it becomes a `CommandError`.

    Raises:
        CommandError: there is no key or a setting is wrong (status 2), what was handed in is wrong
            (status 2), or a request failed (status 1).
    """
    from otel_braintrust.client import (
        BraintrustClient,
        ClientError,
        EventError,
        FilterError,
        MissingKeyError,
        RatingError,
    )
    from otel_braintrust.delivery.destinations import ParentError
    from otel_braintrust.delivery.errors import ApiError
    from otel_braintrust.settings import SettingsError

    try:
        with BraintrustClient() as client:
            yield client
    except (
        EventError,
        FilterError,
        MissingKeyError,
        ParentError,
        RatingError,
        SettingsError,
    ) as error:
        raise CommandError(str(error), ASKED_WRONGLY) from error
    except (ApiError, ClientError) as error:
        raise CommandError(str(error)) from error


def require_project(project_id: str | None, project: str | None) -> tuple[str, str]:
    """Find which project a command is about, without a request.

    Args:
        project_id: the value of `--project-id`.
        project: the value of `--project`.

    Returns:
        `project_id` or `project_name`, and the id or the name. Without an option it is what
        `BRAINTRUST_PARENT`, `BRAINTRUST_PROJECT_ID` or `BRAINTRUST_PROJECT` name.

    Raises:
        CommandError: both options were given, or nothing names a project.
    """
    if project_id and project:
        raise CommandError("--project-id and --project exclude each other", ASKED_WRONGLY)
    if project_id:
        return "project_id", project_id
    if project:
        return "project_name", project

    from otel_braintrust.delivery.destinations import ParentError
    from otel_braintrust.settings import Settings, SettingsError

    try:
        settings = Settings.resolve()
        destination = settings.destination
    except (ParentError, SettingsError) as error:
        raise CommandError(str(error), ASKED_WRONGLY) from error
    if settings.sources["parent"] == "default":
        raise CommandError(
            "missing option --project-id or --project: name the project, or set "
            "BRAINTRUST_PROJECT_ID or BRAINTRUST_PROJECT",
            ASKED_WRONGLY,
        )
    if destination.kind not in ("project_id", "project_name"):
        raise CommandError(
            f"{settings.sources['parent']} names {destination.kind}, and this command is about a "
            "project: add --project-id or --project",
            ASKED_WRONGLY,
        )
    return destination.kind, destination.value


def project_id_of(
    client: BraintrustClient, project: tuple[str, str], *, create: bool = False
) -> str:
    """Look up the project's id where only its name is known.

    Args:
        client: the client to ask with.
        project: what `require_project` found.
        create: make the project when there is none of this name.

    Returns:
        The id.
    """
    kind, value = project
    return value if kind == "project_id" else client.project_id(value, create=create)


def print_json(value: Any) -> None:
    """Print a value as JSON: indented for a person, on one line for a program."""
    option = orjson.OPT_APPEND_NEWLINE
    if sys.stdout.isatty():
        option |= orjson.OPT_INDENT_2
    sys.stdout.flush()
    sys.stdout.buffer.write(orjson.dumps(value, option=option))
    sys.stdout.buffer.flush()
