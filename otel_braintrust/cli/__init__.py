"""The command `otel-braintrust`: JSON on stdout, words on stderr.

The exit status is 0, 1 (it failed) or 2 (it was asked wrongly).
Importing this package imports none of the extras, so that a missing one is told in one line.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

__all__ = ["main"]

# The top-level module of each optional library, and the extra that brings it.
EXTRA_OF_MODULE = {
    "typer": "cli",
    "rich": "cli",
    "google": "cli",
    "opentelemetry.proto": "cli",
    "starlette": "local",
    "uvicorn": "local",
    "sqlglot": "local",
    "openai": "demo",
    "openinference": "demo",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit status.

    Args:
        arguments: the words after the program's name; None takes those of the process.

    Raises:
        SystemExit: always, with status 0, 1 or 2 (130 when interrupted).
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a letter is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        from otel_braintrust.cli.application import run

        status = run(words)
        sys.stdout.flush()
    except ModuleNotFoundError as error:
        extra = _extra_of(error.name or "")
        package = f"otel-braintrust[{extra}]" if extra else error.name
        print(
            f"otel-braintrust: the module {error.name} is missing: pip install '{package}'",
            file=sys.stderr,
        )
        status = 1
    except BrokenPipeError:
        # The reader went away (`| head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _extra_of(module: str) -> str | None:
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((EXTRA_OF_MODULE[name] for name in names if name in EXTRA_OF_MODULE), None)
