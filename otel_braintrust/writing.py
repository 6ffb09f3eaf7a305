"""Rows that may go out, written as JSON: many together, and odd ones alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from otel_braintrust.accounts import Ticket
from otel_braintrust.attachments import Attachment
from otel_braintrust.delivery.bundles import Bundle, remove_container
from otel_braintrust.delivery.bundling import Bundler
from otel_braintrust.delivery.consignments import Unit, parcels_of
from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.parcels import Parcel, encode_row
from otel_braintrust.enclosing import Encloser, may_hold_files
from otel_braintrust.traces import AssembledSpan


@dataclass(slots=True)
class Addressed:
    """Spans whose rows are made, and go to one place.

    Attributes:
        place: Where they go.
        tickets: The spans.
        entries: Their rows, in the same order.
    """

    place: Destination
    tickets: list[Ticket]
    entries: list[AssembledSpan]


class Writer:
    """Encodes rows, and enters the files that go with them.

    Args:
        max_field_bytes: Most bytes of a text in a row.
        is_masked: Rows were masked, and so files in them were found before.
        drop: Called with a span whose row cannot be encoded, and why.

    Attributes:
        encloser: Finds files in rows; None: nowhere to upload them.
        bundler: Encodes rows together; None: each is encoded alone.
    """

    def __init__(
        self, *, max_field_bytes: int, is_masked: bool, drop: Callable[[Ticket, Exception], None]
    ) -> None:
        self._max_field_bytes = max_field_bytes
        self._is_masked = is_masked
        self._drop = drop
        self.encloser: Encloser | None = None
        self.bundler: Bundler | None = None

    def write(
        self, addressed: Addressed, files: Mapping[Ticket, Mapping[str, Attachment]]
    ) -> list[Unit]:
        """Encode rows; their spans are let go of.

        Args:
            addressed: The rows.
            files: What was found in them before they were masked.

        Returns:
            The rows but for those that cannot be encoded.
        """
        tickets, entries = addressed.tickets, addressed.entries
        parts: Iterable[tuple[slice, Bundle | None]] = [(slice(None), None)]
        if self.bundler is not None and not files:
            rows = [entry.row or {} for entry in entries]
            parts = self.bundler.bundles(tickets, rows, addressed.place)
        units: list[Unit] = []
        for part, bundle in parts:
            # Rows are searched together, and each for itself only where that finds something.
            if bundle is not None and not self._is_odd(bundle.rows):
                units.append(bundle)
                continue
            if bundle is not None:
                parcels = parcels_of(bundle)
            else:
                parcels = [Parcel(b"", addressed.place, ticket) for ticket in tickets[part]]
            for parcel, entry in zip(parcels, entries[part], strict=True):
                if self._is_encoded(parcel, entry, files):
                    units.append(parcel)
        for ticket in tickets:
            ticket.span = None  # its row is all that is needed of it from now on
        return units

    def _is_encoded(
        self,
        parcel: Parcel,
        entry: AssembledSpan,
        files: Mapping[Ticket, Mapping[str, Attachment]],
    ) -> bool:
        """Encode one row; False when that failed, and its span is dropped."""
        ticket: Ticket = parcel.ticket  # type: ignore[assignment]  # all of them have one
        try:
            self._encode(parcel, entry, files.get(ticket, {}))
        except Exception as error:  # noqa: BLE001  (one odd span must not stop the others)
            self._drop(ticket, error)
            return False
        return True

    def _encode(
        self, parcel: Parcel, entry: AssembledSpan, files: Mapping[str, Attachment]
    ) -> None:
        """Encode one row, and enter the files that go with it."""
        row, limit = entry.row or {}, self._max_field_bytes
        if parcel.bundle is not None:
            if not self._is_odd(parcel.row):
                return
            remove_container(row, parcel.container)
        parcel.row = encode_row(row, limit)
        if self.encloser is None:
            return
        if not self._is_masked and may_hold_files(parcel.row):
            files = self.encloser.find(row, entry.span.attributes)
            parcel.row = encode_row(row, limit)
        if len(parcel.row) >= limit:
            files = {**files, **self.encloser.keep_long_texts(row, limit)}
            parcel.row = encode_row(row, limit)
        parcel.enclosures = self.encloser.enclose(parcel.row, files)

    def _is_odd(self, text: bytes) -> bool:
        """Tell whether rows may have something in them that does not go out as it is."""
        if len(text) >= self._max_field_bytes:
            return True
        # Where rows are masked, files were looked for before.
        return self.encloser is not None and not self._is_masked and may_hold_files(text)
