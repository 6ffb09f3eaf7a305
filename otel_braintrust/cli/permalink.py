"""`otel-braintrust permalink`: the address of a span's page."""

from __future__ import annotations

from typing import Annotated

import typer

from otel_braintrust.cli.access import (
    ProjectIdOption,
    ProjectOption,
    print_json,
    require_project,
)
from otel_braintrust.cli.failure import ASKED_WRONGLY, CommandError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("permalink")(permalink)


def permalink(
    span: Annotated[
        str,
        typer.Argument(metavar="SPAN", help="A span's slug, or the id of its row in a project."),
    ],
    project_id: ProjectIdOption = None,
    project: ProjectOption = None,
    org_name: Annotated[
        str | None, typer.Option(help="The organization; default what the login says.")
    ] = None,
) -> None:
    """Print the address of a span's page, from its slug or its row's id.

    A slug needs no network if the organization is named. Prints {"permalink": ...}.
    """
    from otel_braintrust.links import permalink as link_to
    from otel_braintrust.settings import Settings, SettingsError
    from otel_braintrust.slugs import Slug, decode_slug, encode_slug

    try:
        slug = decode_slug(span)
    except ValueError:
        kind, value = require_project(project_id, project)
        place = {"project_name": value, "project_id": None}
        slug = Slug(
            "project_logs",
            object_id=value if kind == "project_id" else None,
            object_arguments=place if kind == "project_name" else None,
            row_id=span,
            span_id=span,
            root_span_id=span,
        )
    if not slug.row_id:
        raise CommandError("the slug names a project or experiment, but no span", ASKED_WRONGLY)
    try:
        settings = Settings.resolve(org_name=org_name)
    except SettingsError as error:
        raise CommandError(str(error), ASKED_WRONGLY) from error
    organization = settings.org_name or _organization()
    print_json({"permalink": link_to(encode_slug(slug), org_name=organization)})


def _organization() -> str:
    """Ask who the key belongs to."""
    from otel_braintrust.delivery.errors import ApiError
    from otel_braintrust.equipment import new_connection
    from otel_braintrust.settings import Settings

    settings = Settings.resolve()
    if not settings.api_key:
        raise CommandError(
            "the organization is not known: name it with --org-name or BRAINTRUST_ORG_NAME, or set "
            "BRAINTRUST_API_KEY so that it can be asked for",
            ASKED_WRONGLY,
        )
    connection = new_connection(settings, settings.api_key)
    try:
        return connection.login().name
    except ApiError as error:
        raise CommandError(str(error)) from error
    finally:
        connection.close()
