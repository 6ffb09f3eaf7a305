"""Rows packed into requests by bytes and by count, and the bodies of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from otel_braintrust.delivery.bundles import BODY_END, BODY_START, Bundle
from otel_braintrust.delivery.consignments import Consignment, Unit, parcels_of, whole_bundles
from otel_braintrust.delivery.parcels import Parcel

ENVELOPE_BYTES = len(BODY_START) + len(BODY_END)


def body_of(parcels: Sequence[Parcel]) -> bytes:
    """The body of a ``POST /logs3`` that carries these rows."""
    pieces: list[bytes | memoryview] = []
    for unit in _units_of(parcels):
        if isinstance(unit, Bundle):
            pieces += b",", unit.text
        else:
            pieces += b",{", unit.container, unit.row[1:]
    if pieces:
        pieces[0] = pieces[0][1:]  # no comma before the first row
    return b"".join([BODY_START, *pieces, BODY_END])


def pack(parcels: Sequence[Parcel], *, max_bytes: int, max_rows: int) -> Iterator[Consignment]:
    """Group rows, in order, into requests; a row larger than ``max_bytes`` goes alone.

    Rows that were encoded together stay together. Two changes of one row go in two requests: all of
    a request counts as one change, and only the later one's author would be kept.

    Args:
        parcels: Rows with their containers.
        max_bytes: Most bytes in one request's body.
        max_rows: Most rows in one request.
    """
    batch: list[Unit] = []
    rows, batch_bytes = 0, ENVELOPE_BYTES
    changed: set[str] = set()
    for unit in _fitting(parcels, max_bytes=max_bytes, max_rows=max_rows):
        change = unit.changes_row
        size_bytes = unit.size_bytes
        full = rows + unit.size > max_rows or batch_bytes + size_bytes > max_bytes
        if batch and (full or change in changed):
            yield Consignment(batch)
            batch = []
            rows, batch_bytes = 0, ENVELOPE_BYTES
            changed.clear()
        batch.append(unit)
        rows += unit.size
        batch_bytes += size_bytes
        if change is not None:
            changed.add(change)
    if batch:
        yield Consignment(batch)


def _fitting(parcels: Sequence[Parcel], *, max_bytes: int, max_rows: int) -> Iterator[Unit]:
    """Whole bundles that fit into a request, and single rows."""
    for unit in _units_of(parcels):
        is_small = ENVELOPE_BYTES + unit.size_bytes <= max_bytes and unit.size <= max_rows
        if isinstance(unit, Bundle) and not is_small:
            yield from parcels_of(unit)
        else:
            yield unit


def _units_of(parcels: Sequence[Parcel]) -> Iterator[Unit]:
    """What rows were encoded in, if they are all of it, and other rows by themselves."""
    whole = whole_bundles(parcels)
    if whole:
        yield from whole
        return
    for bundle, group in groupby(parcels, attrgetter("bundle")):
        members = list(group)
        if bundle is not None and len(members) == bundle.size:
            yield bundle
        else:
            yield from members


def halves(parcels: Sequence[Parcel]) -> tuple[Sequence[Parcel], Sequence[Parcel]]:
    """Two halves of about the same number of bytes, neither of them empty."""
    total_bytes = sum(parcel.size_bytes for parcel in parcels)
    first_bytes = 0
    for index, parcel in enumerate(parcels[:-1], start=1):
        first_bytes += parcel.size_bytes
        if first_bytes * 2 >= total_bytes:
            return parcels[:index], parcels[index:]
    return parcels[:-1], parcels[-1:]
