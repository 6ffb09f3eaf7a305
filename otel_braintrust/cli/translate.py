"""`otel-braintrust translate`: files of OTLP in, Braintrust rows out."""

from __future__ import annotations

import gzip
import math
import sys
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import orjson
import typer

from otel_braintrust.cli.failure import ASKED_WRONGLY, CommandError
from otel_braintrust.translation.strict import strict

if TYPE_CHECKING:
    from otel_braintrust.traces import AssembledSpan, TraceAssembler
    from otel_braintrust.translation import SpanView
    from otel_braintrust.translation.explanation import Explanation
    from otel_braintrust.translation.otlp import Telemetry

_Assembler = TypeVar("_Assembler", bound="TraceAssembler")

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
    explained: Annotated[
        bool, typer.Option("--explain", help="Tell how each row came about, as tables.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --explain: one JSON object a line for each span.")
    ] = False,
) -> None:
    """Print the Braintrust rows of OTLP files, one JSON object a line, in the order of the files.

    Rows are masked where OTEL_BRAINTRUST_MASK or OTEL_BRAINTRUST_CAPTURE_CONTENT asks for it. Log
    records join their span by its id, across all files. A file that cannot be read is named on
    stderr with the place of the fault, the others are translated, and the exit status is 2.

    With --explain, tells instead what gave each field of each row, and what became of every
    attribute: which were merged, lost to another, kept as they are, or dropped and why.
    """
    if as_json and not explained:
        raise typer.BadParameter("--json goes with --explain; rows are JSON without it")
    telemetry = [found for name in files if (found := _read_or_tell(name)) is not None]
    if explained:
        _print_explanations(telemetry, as_json=as_json)
    else:
        rows = (each.row for each in assemble(telemetry) if each.row is not None)
        _print_json(_as_sent(rows))
    if len(telemetry) < len(files):
        raise typer.Exit(ASKED_WRONGLY)


def _as_sent(rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Rows masked as the exporter would send them, where the environment asks for it."""
    from otel_braintrust.delivery.troubles import Troubles
    from otel_braintrust.equipment import new_redaction
    from otel_braintrust.settings import Settings, SettingsError

    try:
        redact = new_redaction(Settings.resolve(), Troubles())
    except SettingsError as error:
        raise CommandError(str(error), ASKED_WRONGLY) from error
    if redact is None:
        return rows
    return (row for each in rows if (row := redact(each)) is not None)


def _print_json(values: Iterable[Any]) -> None:
    out = sys.stdout.buffer
    for value in values:
        out.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
    out.flush()


def _print_explanations(telemetry: Sequence[Telemetry], *, as_json: bool) -> None:
    explanations = [explanation for _, explanation in explain(telemetry)]
    if as_json:
        _print_json(strict(explanation.as_json()) for explanation in explanations)
        return
    from otel_braintrust.cli.explanations import print_explanations

    print_explanations(explanations)


def assemble(telemetry: Sequence[Telemetry]) -> list[AssembledSpan]:
    """Translate what files hold as one batch: log records join their spans across all of them.

    Args:
        telemetry: what `read_telemetry` found in each file.
    """
    from otel_braintrust.traces import TraceAssembler

    spans = _spans_of(telemetry)
    return _filled(TraceAssembler(**_bounds(spans)), telemetry).assemble(spans)


def explain(telemetry: Sequence[Telemetry]) -> list[tuple[AssembledSpan, Explanation]]:
    """Translate what files hold as `assemble` does, and explain each row.

    Args:
        telemetry: what `read_telemetry` found in each file.
    """
    from otel_braintrust.traces.explaining import ExplainingAssembler

    spans = _spans_of(telemetry)
    assembler = _filled(ExplainingAssembler(**_bounds(spans)), telemetry)
    return assembler.assemble_and_explain(spans)


def _spans_of(telemetry: Sequence[Telemetry]) -> list[SpanView]:
    return [span for found in telemetry for span in found.spans]


def _bounds(spans: Sequence[SpanView]) -> dict[str, Any]:
    """All files are one batch: nothing may be forgotten for its age or the number of spans."""
    return {"max_spans": max(1, len(spans)) * 2, "max_age_s": math.inf}


def _filled(assembler: _Assembler, telemetry: Sequence[Telemetry]) -> _Assembler:
    for found in telemetry:
        for event in found.logs:
            assembler.add_log_record(event)
    return assembler


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
