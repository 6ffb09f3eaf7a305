"""The commands put together, and every failure turned into one line on stderr."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from otel_braintrust import __version__
from otel_braintrust.cli import (
    demo,
    doctor,
    export,
    feedback,
    fetch,
    import_,
    insert,
    local,
    permalink,
    query,
    replay,
    translate,
)
from otel_braintrust.cli.failure import ASKED_WRONGLY, FAILED, CommandError

PROGRAM = "otel-braintrust"

# Typer up to 0.23 raises click's exceptions, later ones those of its own copy: reached through the
# one subclass that both versions export.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]
_ClickException: type[Exception] = _UsageError.__bases__[0]

COMMANDS = (
    translate,
    insert,
    fetch,
    feedback,
    query,
    import_,
    export,
    replay,
    permalink,
    doctor,
    local,
    demo,
)


def application() -> typer.Typer:
    """Build the application with each command registered."""
    app = typer.Typer(
        name=PROGRAM,
        help="OpenTelemetry spans as Braintrust rows: translate, send, read and rate them.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    for command in COMMANDS:
        command.register(app)
    return app


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
    _traceback: Annotated[
        bool, typer.Option("--traceback", help="On an unexpected error show where it came from.")
    ] = False,
) -> None:
    if version:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(ASKED_WRONGLY)


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: the words after the program's name.

    Returns:
        The exit status; whatever went wrong has been told on stderr in one line.
    """
    command = typer.main.get_command(application())
    try:
        status = command.main(list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except CommandError as error:
        return _tell(str(error), error.exit_status)
    except _ClickException as error:
        return _tell(_usage(error), ASKED_WRONGLY)
    except typer.Abort:
        return _tell("interrupted", FAILED)
    except (ModuleNotFoundError, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001 - the last door: a user must never meet a traceback
        if "--traceback" in arguments:
            traceback.print_exc()
        hint = "run it again as 'otel-braintrust --traceback ...' and report what it prints"
        return _tell(f"unexpected {type(error).__name__}: {error}; {hint}", FAILED)
    return status if isinstance(status, int) else 0


def _usage(error: Exception) -> str:
    """Say what was wrong with the words of the command line, and where to read on."""
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else PROGRAM
    return f"{message.rstrip('.')}. See '{path} --help'."


def _tell(message: str, status: int) -> int:
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)
    return status
