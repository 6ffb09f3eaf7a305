"""Rows as bytes, each with where it goes and what became of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from otel_braintrust.accounts import Ticket
from otel_braintrust.attachments import Attachment
from otel_braintrust.delivery.bundles import Bundle
from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.enclosures import Enclosure
from otel_braintrust.delivery.encoding import encode
from otel_braintrust.delivery.shrinking import shorten


@dataclass(frozen=True)
class Upload:
    """A body that lies uploaded and waits to be posted by its key."""

    key: str
    size_bytes: int


class Parcel:
    """One encoded row, where it goes, and the span it answers for.

    Args:
        row: The row as a JSON object, without the keys of its container.
        destination: Where the row goes.
        ticket: The span in the ledger; None for a row that another process left on disk.
        container: The container's keys as JSON members with a trailing comma, once they are known.

    Attributes:
        bundle: What its row was encoded in, and is sent in where all of that is sent together.
        number: Its place in the bundle.
        is_settled: True once it was sent or dropped.
        upload: Where its body lies uploaded, when it is too large to be posted.
        failures: How often a request that carried it failed for a reason that time may heal.
        failures_alone: How often it failed alone though the server took others.
        proven_at: How many requests had been taken when it last failed alone.
        attempts_failed: How many attempts ended without an answer about it.
        first_failed_at: When the first of them did, on ``time.monotonic()``.
        spool_number: Its number on disk, if it lies there.
        is_replayed: True when it was read back from disk or from a file.
        changes_row: Id of the row that it changes, if it is such a row.
        enclosures: The attachments that it refers to, to be uploaded once it has arrived.
        left_out: The row as it was, where it goes without its largest values.
    """

    size = 1  # rows

    # Defaults on the class make a parcel cheap: few have another value. What all are given later
    # is set from the start, for Python makes a dict for each object that grows.
    upload: Upload | None = None
    failures = 0
    failures_alone = 0
    proven_at = 0
    attempts_failed = 0
    first_failed_at: float | None = None
    spool_number: int | None = None
    is_replayed = False
    changes_row: str | None = None
    enclosures: tuple[Enclosure, ...] = ()
    left_out: Attachment | None = None

    def __init__(
        self,
        row: bytes,
        destination: Destination,
        ticket: Ticket | None = None,
        *,
        container: bytes = b"",
    ) -> None:
        self._row = row
        self.destination = destination
        self.ticket = ticket
        self.container = container
        self.bundle: Bundle | None = None
        self.number = 0
        self.is_settled = False

    @classmethod
    def bundled(cls, bundle: Bundle, number: int, ticket: Ticket) -> Parcel:
        """The parcel of a row in a bundle.

        Args:
            bundle: The bundle.
            number: The row's place in it, from 0.
            ticket: Its span.
        """
        parcel = cls(b"", bundle.destination, ticket, container=bundle.container)
        parcel.bundle, parcel.number = bundle, number
        # All of the bundle may have been sent before somebody asked for its rows.
        parcel.is_settled = ticket.column is not None
        return parcel

    @property
    def row(self) -> bytes:
        """The row as a JSON object, without the keys of its container."""
        bundle = self.bundle
        if bundle is not None:
            self.row = bundle.row(self.number)
        return self._row

    @row.setter
    def row(self, row: bytes) -> None:
        self._row = row
        self.bundle = None

    @property
    def size_bytes(self) -> int:
        """Bytes in a request, the comma after the row included."""
        return len(self.row) + len(self.container) + 1

    @property
    def row_id(self) -> str | None:
        """The row's id, which is the span's, as far as it can be told without reading all of it."""
        found = re.search(rb'"id":"([^"]{1,64})"', self.row)
        return found[1].decode("utf-8", "replace") if found else None

    @property
    def name(self) -> str:
        """The span's id, for a line in the log."""
        if self.ticket is not None and self.ticket.context is not None:
            return format(self.ticket.context.span_id, "016x")
        found = re.search(rb'"span_id":"([^"]{1,64})"', self.row)
        return found[1].decode("utf-8", "replace") if found else "of another process"


def row_changed_by(row: bytes) -> str | None:
    """The id of the row that a row changes or comments on; None: it stands for itself.

    Args:
        row: The row as a JSON object.
    """
    if b'"_is_merge":true' not in row and b'"comment":' not in row:
        return None
    try:
        fields = orjson.loads(row)
    except ValueError:  # lone surrogates, which only the standard library reads
        fields = json.loads(row)
    changed = fields.get("id") if fields.get("_is_merge") else None
    if isinstance(fields.get("comment"), dict) and isinstance(fields.get("origin"), dict):
        changed = fields["origin"].get("id")
    return changed if isinstance(changed, str) else None


def seal(
    ticket: Ticket | None,
    row: dict[str, Any],
    destination: Destination,
    *,
    max_field_bytes: int | None = None,
) -> Parcel:
    """Encode a row for its destination.

    Args:
        ticket: The span in the ledger.
        row: The row without the keys of its container.
        destination: Where it goes.
        max_field_bytes: Most bytes of one text in the row; longer ones are cut, with a marker.
    """
    hang(row, destination)
    return Parcel(encode_row(row, max_field_bytes), destination, ticket)


def encode_row(row: dict[str, Any], max_field_bytes: int | None) -> bytes:
    """Encode a row.

    Args:
        row: The row without the keys of its container.
        max_field_bytes: Most bytes of one text in it; longer ones are cut, with a marker.
    """
    data = encode(row)
    if max_field_bytes is not None and len(data) > max_field_bytes:
        data = encode(shorten(row, max_field_bytes))
    return data


def hang(row: dict[str, Any], destination: Destination) -> None:
    """Let a slug's span be the parent of the trace's root."""
    if destination.root_span_id and destination.span_id:
        row["root_span_id"] = destination.root_span_id
        row["span_parents"] = row.get("span_parents") or [destination.span_id]


def address(parcels: Iterable[Parcel], container: Mapping[str, str]) -> None:
    """Write the container's keys on parcels."""
    text = container_text(container)
    for parcel in parcels:
        if parcel.container != text:
            parcel.row = parcel.row  # no longer as its bundle has it
            parcel.container = text


def container_text(container: Mapping[str, str]) -> bytes:
    """The keys of a container as JSON members with a trailing comma."""
    return encode(dict(container))[1:-1] + b"," if container else b""
