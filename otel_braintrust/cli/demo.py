"""`otel-braintrust demo`: the whole way of a span, offline, in a few seconds."""

from __future__ import annotations

import signal
import sqlite3
import threading
from typing import Annotated

import typer

from otel_braintrust.cli.failure import CommandError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("demo")(demo)


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the server up, to look at the pages.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The local Braintrust's port; 0 is any.")
    ] = 0,
    db: Annotated[
        str, typer.Option("--db", help="The file it keeps its data in; default none.")
    ] = ":memory:",
) -> None:
    """Run a small agent against a local Braintrust, rate it, and show its trace.

    Nothing leaves this machine and no key is needed: the agent uses the real openai client and its
    real instrumentation, the model endpoint is a script on loopback.
    """
    from otel_braintrust.demo.run import DemoError, running_demo

    try:
        with running_demo(port=port, db=db):
            if keep:
                _wait_for_interrupt()
            else:
                typer.echo("(it is down now: look at it with 'otel-braintrust demo --keep')")
    except DemoError as error:
        raise CommandError(str(error)) from error
    except (OSError, sqlite3.Error) as error:
        raise CommandError(f"the local Braintrust cannot start: {error}") from error


def _wait_for_interrupt() -> None:
    stopped = threading.Event()
    # Before the word that invites it: a signal may come at once.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    typer.echo("The server stays up until you press Ctrl-C.")
    stopped.wait()
