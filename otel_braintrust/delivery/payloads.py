"""Bodies of rows as files, as Braintrust's SDK writes them: ``payload_<time>_<8 hex>.json``."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from otel_braintrust.delivery.destinations import GIVEN
from otel_braintrust.delivery.encoding import encode
from otel_braintrust.delivery.packing import body_of
from otel_braintrust.delivery.parcels import Parcel

PATTERN = "payload_*.json"
SENT_SUFFIX = ".sent"
MAX_ROWS_PER_FILE = 1000
# Says where a row goes whose project was never looked up; such a file is for `replay` only.
PARENT_KEY = "braintrust.parent"


class PayloadError(ValueError):
    """A file that holds no rows; says which, and why."""


class PayloadDirectory:
    """A directory that bodies are written to, for the owner's eyes only.

    Args:
        directory: Where to; made if it is not there.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory).expanduser().absolute()

    def write(self, parcels: Iterable[Parcel]) -> None:
        """Write rows as files that `replay` reads.

        Raises:
            OSError: The directory cannot be written to.
        """
        waiting = list(parcels)
        while waiting:
            chunk, waiting = waiting[:MAX_ROWS_PER_FILE], waiting[MAX_ROWS_PER_FILE:]
            self._write_body(body_of([_placed(parcel) for parcel in chunk]))

    def _write_body(self, body: bytes) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.directory / f"payload_{time.time()}_{secrets.token_hex(4)}.json"
        unfinished = path.with_suffix(".unfinished")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
            f.write(body)
        unfinished.rename(path)


@dataclass(frozen=True)
class PayloadFile:
    """A file of rows.

    Attributes:
        path: The file.
        rows: Its rows with their containers, each with where it goes if it has none.
    """

    path: Path
    rows: list[tuple[dict[str, Any], str | None]]


def payload_files(directory: Path) -> Iterator[PayloadFile | PayloadError]:
    """The files of rows in a directory, the oldest first; one that cannot be read is an error."""
    for path in sorted(directory.glob(PATTERN), key=_written_at):
        yield _read(path)


def mark_sent(path: Path) -> None:
    """Rename a file whose rows have all arrived, so that it is not sent again."""
    path.rename(path.with_name(path.name + SENT_SUFFIX))


def _placed(parcel: Parcel) -> Parcel:
    if parcel.container or parcel.destination == GIVEN:
        return parcel
    container = encode({PARENT_KEY: str(parcel.destination)})[1:-1] + b","
    return Parcel(parcel.row, parcel.destination, container=container)


def _written_at(path: Path) -> tuple[float, str]:
    try:
        return float(path.name.split("_")[1]), path.name
    except (IndexError, ValueError):
        return 0.0, path.name


def _read(path: Path) -> PayloadFile | PayloadError:
    try:
        return PayloadFile(path, _rows_in(path))
    except (OSError, ValueError) as error:
        return PayloadError(f"{path}: {error}")


def _rows_in(path: Path) -> list[tuple[dict[str, Any], str | None]]:
    body = orjson.loads(path.read_bytes())
    # What Braintrust's SDK dropped from its queue has the body under "data".
    if isinstance(body, dict) and isinstance(body.get("data"), (dict, str)):
        body = body["data"]
        body = orjson.loads(body) if isinstance(body, str) else body
    rows = body.get("rows") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("it holds no rows of a /logs3 request")
    return [(row, row.pop(PARENT_KEY, None)) for row in rows]
