"""`otel-braintrust local`: an embedded Braintrust, API and pages, on a loopback port."""

from __future__ import annotations

import queue
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from otel_braintrust.cli.failure import CommandError

if TYPE_CHECKING:
    from otel_braintrust.local.server import LocalServer

DEFAULT_PORT = 8787
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("local")(local)


def local(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port on 127.0.0.1; 0 takes any that is free.")
    ] = DEFAULT_PORT,
    db: Annotated[
        str,
        typer.Option("--db", help="The SQLite file for the data; default: keep nothing."),
    ] = ":memory:",
    api_key: Annotated[
        str | None, typer.Option(help="The only API key to accept; default: any.")
    ] = None,
    org_name: Annotated[str, typer.Option(help="The organization's name.")] = "local",
) -> None:
    """Serve a local Braintrust until Ctrl-C: the same API, and pages to look at the traces.

    The first line on stdout is the server's address.
    """
    with _stop_signals() as stopped, _started(port, db, api_key or None, org_name) as server:
        typer.echo(server.url)
        typer.echo(_how_to_use(server.url, db), err=True)
        stopped.get()


@contextmanager
def _stop_signals() -> Iterator[queue.SimpleQueue[int]]:
    """A queue that receives Ctrl-C and SIGTERM; a second one, while stopping, ends at once."""
    # SimpleQueue.put may interrupt itself, which a signal handler does to the thread it runs in.
    received: queue.SimpleQueue[int] = queue.SimpleQueue()

    def receive(number: int, _frame: object) -> None:
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        received.put(number)

    before = {number: signal.signal(number, receive) for number in STOP_SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _started(port: int, db: str, api_key: str | None, org_name: str) -> Iterator[LocalServer]:
    from otel_braintrust.local.server import LocalServer

    try:
        server = LocalServer(port, db, api_key=api_key, org_name=org_name)
    except OSError as error:
        raise CommandError(
            f"port {port} cannot be used: {error.strerror or error}; name another with --port"
        ) from error
    except sqlite3.Error as error:
        raise CommandError(
            f"the file {db} cannot be used: {error}; name another with --db"
        ) from error
    with server:
        yield server


def _how_to_use(url: str, db: str) -> str:
    kept = "nothing is kept" if db == ":memory:" else f"data is kept in {db}"
    return (
        f"Local Braintrust is up, {kept}; Ctrl-C stops it. Send it spans with\n"
        f"  export BRAINTRUST_API_URL={url} BRAINTRUST_APP_URL={url} BRAINTRUST_API_KEY=local"
    )
