"""Rows as bytes, packed into requests by bytes and by count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from otel_braintrust.accounts import Ticket
from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.encoding import encode

BODY_START = b'{"rows":['
BODY_END = b'],"api_version":2}'
ENVELOPE_BYTES = len(BODY_START) + len(BODY_END)


@dataclass(slots=True)
class Parcel:
    """One encoded row, where it goes, and the span it answers for.

    Attributes:
        ticket: The span in the ledger.
        row: The row as a JSON object, without the keys of its container.
        destination: Where the row goes.
        container: The container's keys as JSON members with a trailing comma, once they are known.
    """

    ticket: Ticket
    row: bytes
    destination: Destination
    container: bytes = b""

    @property
    def size_bytes(self) -> int:
        """Bytes in a request, the comma after the row included."""
        return len(self.row) + len(self.container) + 1


def seal(ticket: Ticket, row: dict[str, Any], destination: Destination) -> Parcel:
    """Encode a row for its destination; a slug's span becomes the parent of the trace's root."""
    if destination.root_span_id and destination.span_id:
        row["root_span_id"] = destination.root_span_id
        row["span_parents"] = row.get("span_parents") or [destination.span_id]
    return Parcel(ticket, encode(row), destination)


def address(parcel: Parcel, container: Mapping[str, str]) -> None:
    """Write the container's keys on a parcel."""
    parcel.container = encode(dict(container))[1:-1] + b","


def body_of(parcels: Iterable[Parcel]) -> bytes:
    """The body of a ``POST /logs3`` that carries these rows."""
    rows = (b"{" + parcel.container + parcel.row[1:] for parcel in parcels)
    return BODY_START + b",".join(rows) + BODY_END


def pack(parcels: Iterable[Parcel], *, max_bytes: int, max_rows: int) -> Iterator[list[Parcel]]:
    """Group rows, in order, into requests; a row larger than ``max_bytes`` goes alone.

    Args:
        parcels: Rows with their containers.
        max_bytes: Most bytes in one request's body.
        max_rows: Most rows in one request.
    """
    batch: list[Parcel] = []
    batch_bytes = ENVELOPE_BYTES
    for parcel in parcels:
        full = len(batch) >= max_rows or batch_bytes + parcel.size_bytes > max_bytes
        if batch and full:
            yield batch
            batch, batch_bytes = [], ENVELOPE_BYTES
        batch.append(parcel)
        batch_bytes += parcel.size_bytes
    if batch:
        yield batch


def halves(parcels: list[Parcel]) -> tuple[list[Parcel], list[Parcel]]:
    """Two halves of about the same number of bytes, neither of them empty."""
    total_bytes = sum(parcel.size_bytes for parcel in parcels)
    first_bytes = 0
    for index, parcel in enumerate(parcels[:-1], start=1):
        first_bytes += parcel.size_bytes
        if first_bytes * 2 >= total_bytes:
            return parcels[:index], parcels[index:]
    return parcels[:-1], parcels[-1:]
