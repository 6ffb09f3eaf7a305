"""Files into a project: read piece by piece, made into rows, sent in batches, and counted."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from otel_braintrust.client.events import EventError
from otel_braintrust.delivery.encoding import encode
from otel_braintrust.imports.pieces import Piece, PieceError, pieces
from otel_braintrust.imports.records import in_envelope, read_record
from otel_braintrust.imports.salvage import salvaged
from otel_braintrust.imports.sending import Outcome, RowSender
from otel_braintrust.imports.sources import Source, SourceError
from otel_braintrust.imports.telemetry import (
    Translator,
    decode_binary,
    may_be_request,
    may_hold_logs,
    telemetry_of,
)
from otel_braintrust.translation.otlp import OtlpError

BATCH_ROWS = 500
BATCH_BYTES = 8 * 1024 * 1024
JSON_BEGINS = b"{["
DIGEST_BYTES = 16
EXPECTED = "expected OTLP, or rows or trees as JSON"

Row = dict[str, Any]


@dataclass
class ImportResult:
    """What became of the records of some files.

    Attributes:
        imported: Rows that the server took.
        comments: Comments on them that it took.
        unreadable: Records and files that could not be made into rows; nothing of them was sent.
        shortened: Rows that it took without their largest values only.
        refused: Rows and comments that the server did not take.
        not_sent: Rows and comments left when the server failed for too long or refused them all.
    """

    imported: int = 0
    comments: int = 0
    unreadable: int = 0
    shortened: int = 0
    refused: int = 0
    not_sent: int = 0

    @property
    def ok(self) -> bool:
        """True when all of it arrived."""
        return not (self.unreadable or self.shortened or self.refused or self.not_sent)


@dataclass(slots=True)
class _Outgoing:
    """A row that waits to be sent, and the comments on it."""

    label: str
    row: Row
    comments: Sequence[Row] = ()


class Import:
    """Takes files in, one batch in memory at a time; what is wrong with one row stays with it.

    Args:
        sender: Sends rows to their project; None: every row is given to ``show`` instead.
        tell: Called with each problem, as one line with file and line.
        show: Called with each row where there is no sender.

    Example::

        result = Import(sender, tell=print).run([Source("spans.jsonl")])
        print(result.imported)
    """

    def __init__(
        self,
        sender: RowSender | None,
        *,
        tell: Callable[[str], object],
        show: Callable[[Row], object] = lambda _: None,
    ) -> None:
        self._sender = sender
        self._tell = tell
        self._show = show
        self._translator = Translator()
        self._times_seen: Counter[bytes] = Counter()
        self._batch: list[_Outgoing] = []
        self._batch_bytes = 0
        self._batch_ids: set[str] = set()
        self.result = ImportResult()

    @property
    def is_stopped(self) -> bool:
        """True when the server takes no more rows, so that it is vain to read on."""
        return self._sender is not None and self._sender.stopped is not None

    def run(self, sources: Sequence[Source]) -> ImportResult:
        """Read and send files.

        Args:
            sources: The files. Log records join their span across all of them.
        """
        try:
            readable = [source for source in sources if self._find_logs(source)]
            for source in readable:
                if not self.is_stopped:
                    self._read(source)
        finally:
            for source in sources:
                source.close()
        for row in self._translator.rest():
            self._add(_Outgoing(f"span {row['id']}", row))
        self._send()
        return self.result

    def _find_logs(self, source: Source) -> bool:
        """Gather the log records of a file of OTLP; False when it cannot be read at all."""
        try:
            with source.opened() as stream:
                if not _holds_json(stream):
                    self._translator.add_logs(decode_binary(stream.read()))
                    return True
                for number, piece in enumerate(pieces(stream)):
                    if not number and not may_be_request(piece.data):
                        return True  # rows: what is said of them stands in them
                    if may_hold_logs(piece.data):
                        self._find_logs_in(piece)
        except (SourceError, OtlpError) as error:
            self._note_unreadable(f"{source.label}: {error}")
            return False
        return True

    def _find_logs_in(self, piece: Piece) -> None:
        try:
            value = piece.value()
            telemetry = telemetry_of(value)
        except PieceError:
            return  # told when its spans are read
        except OtlpError:
            telemetry, _ = salvaged(value)
        if telemetry is not None:
            self._translator.add_logs(telemetry)

    def _read(self, source: Source) -> None:
        try:
            with source.opened() as stream:
                if not _holds_json(stream):
                    for row in self._translator.add_spans(decode_binary(stream.read())):
                        self._add(_Outgoing(f"{source.label}: span {row['id']}", row))
                    return
                is_empty = True
                for piece in pieces(stream):
                    is_empty = False
                    self._read_piece(piece, source.label)
                    if self.is_stopped:
                        return
                if is_empty:
                    self._note_unreadable(f"{source.label}: is empty: {EXPECTED}")
        except SourceError as error:
            self._note_unreadable(f"{source.label}: {error}")

    def _read_piece(self, piece: Piece, label: str) -> None:
        try:
            value = piece.value()
        except PieceError as error:
            place = f"line {piece.line + error.line}"
            place += f" column {error.column}" if error.column else ""
            self._note_unreadable(f"{label}: {place}: not JSON: {error}")
            return
        place = f"{label}: line {piece.line}"
        try:
            telemetry = telemetry_of(value)
        except OtlpError:
            telemetry, problems = salvaged(value)
            for problem in problems:
                self._note_unreadable(f"{place}: {problem}")
        if telemetry is not None:
            for row in self._translator.add_spans(telemetry):
                self._add(_Outgoing(f"{label}: span {row['id']}", row))
            return
        records = in_envelope(value)
        if records is None:
            self._read_record(value, place)
            return
        for index, record in enumerate(records):
            self._read_record(record, f"{place}, record {index}")

    def _read_record(self, value: Any, place: str) -> None:
        try:
            record = read_record(value, lambda: self._seed(encode(value)))
        except EventError as error:
            self._note_unreadable(f"{place}: {error}; the record was left out, mend it and repeat")
            return
        comments: dict[str, list[Row]] = {}
        for comment in record.comments:
            comments.setdefault(comment["origin"]["id"], []).append(comment)
        for row in record.rows:
            name = "" if len(record.rows) == 1 else f", row {row['id']}"
            self._add(_Outgoing(place + name, row, comments.get(row["id"], ())))

    def _seed(self, data: bytes) -> bytes:
        """What ids are made of: the content, and how often the same came before it."""
        digest = hashlib.blake2b(data.strip(), digest_size=DIGEST_BYTES).digest()
        self._times_seen[digest] += 1
        return digest + str(self._times_seen[digest]).encode()

    def _note_unreadable(self, problem: str) -> None:
        self.result.unreadable += 1
        self._tell(problem)

    def _add(self, outgoing: _Outgoing) -> None:
        if self._sender is None:
            for row in (outgoing.row, *outgoing.comments):
                self._show(row)
            self.result.imported += 1
            self.result.comments += len(outgoing.comments)
            return
        # Of two versions of a row in one request it is open which one wins.
        if outgoing.row["id"] in self._batch_ids:
            self._send()
        self._batch.append(outgoing)
        self._batch_ids.add(outgoing.row["id"])
        self._batch_bytes += len(encode(outgoing.row))
        if len(self._batch) >= BATCH_ROWS or self._batch_bytes >= BATCH_BYTES:
            self._send()

    def _send(self) -> None:
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        self._batch_ids.clear()
        if not batch or self._sender is None:
            return
        outcomes = self._sender.send([(each.label, each.row) for each in batch])
        comments: list[tuple[str, Row]] = []
        for each, outcome in zip(batch, outcomes, strict=True):
            self._note(outcome)
            if outcome.has_arrived:
                self.result.imported += 1
                comments += ((f"{each.label}, a comment", row) for row in each.comments)
        for outcome in self._sender.send(comments) if comments else ():
            self._note(outcome)
            self.result.comments += outcome.has_arrived

    def _note(self, outcome: Outcome) -> None:
        if outcome.has_arrived:
            self.result.shortened += bool(outcome.problem)
        elif outcome.is_refused:
            self.result.refused += 1
        else:
            self.result.not_sent += 1
            return  # told once for all of them
        if outcome.problem:
            self._tell(f"{outcome.label}: {outcome.problem}")


def _holds_json(stream: io.BufferedReader) -> bool:
    begin = stream.peek(64)[:64].lstrip()
    return not begin or begin[:1] in JSON_BEGINS
