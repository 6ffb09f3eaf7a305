"""`otel-braintrust translate`: files of OTLP in, Braintrust rows out."""

from __future__ import annotations

import gzip
import math
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from otel_braintrust.cli.failure import ASKED_WRONGLY

if TYPE_CHECKING:
    from otel_braintrust.traces import AssembledSpan
    from otel_braintrust.translation.otlp import Telemetry

STDIN = "-"
GZIP_MAGIC = b"\x1f\x8b"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("translate")(translate)


def translate(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="OTLP traces and logs, JSON or protobuf, gzipped or not; - is stdin.",
        ),
    ],
) -> None:
    """Print the Braintrust rows of OTLP files, one JSON object a line, in the order of the files.

    Log records join their span by its id, across all files. A file that cannot be read is named on
    stderr with the place of the fault, the others are translated, and the exit status is 2.
    """
    telemetry = [found for name in files if (found := _read_or_tell(name)) is not None]
    out = sys.stdout.buffer
    for assembled in assemble(telemetry):
        if assembled.row is not None:
            out.write(orjson.dumps(assembled.row, option=orjson.OPT_APPEND_NEWLINE))
    out.flush()
    if len(telemetry) < len(files):
        raise typer.Exit(ASKED_WRONGLY)


def assemble(telemetry: Sequence[Telemetry]) -> list[AssembledSpan]:
    """Translate what files hold as one batch: log records join their spans across all of them.

    Args:
        telemetry: what `read_telemetry` found in each file.
    """
    from otel_braintrust.traces import TraceAssembler

    spans = [span for found in telemetry for span in found.spans]
    # All files are one batch: nothing in it may be forgotten for its age or the number of spans.
    assembler = TraceAssembler(max_spans=max(1, len(spans)) * 2, max_age_s=math.inf)
    for found in telemetry:
        for event in found.logs:
            assembler.add_log_record(event)
    return assembler.assemble(spans)


def read_telemetry(name: str) -> Telemetry:
    """Read one file of OTLP.

    Args:
        name: the path; `-` is stdin.

    Returns:
        Its spans and log events.

    Raises:
        ValueError: it cannot be read or is not OTLP; the message says what and where.
    """
    from otel_braintrust.translation.otlp import decode

    try:
        data = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None
    if data.startswith(GZIP_MAGIC):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"the gzip stream is broken: {error}") from None
    return decode(data)


def _read_or_tell(name: str) -> Telemetry | None:
    try:
        return read_telemetry(name)
    except ValueError as error:
        label = "stdin" if name == STDIN else name
        message = " ".join(str(error).split())
        print(f"otel-braintrust: {label}: {message}", file=sys.stderr)
        return None
