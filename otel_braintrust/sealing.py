"""Spans that ended become rows that may go out: translated, masked, addressed, encoded."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from otel_braintrust.accounts import Ledger, Ticket
from otel_braintrust.attachments import Attachment
from otel_braintrust.delivery.bundles import Bundle, remove_container
from otel_braintrust.delivery.bundling import Bundler
from otel_braintrust.delivery.consignments import Consignment, Unit, parcels_of
from otel_braintrust.delivery.destinations import Destination, ParentError, parse_parent
from otel_braintrust.delivery.parcels import Parcel, encode_row, hang
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.enclosing import Encloser, may_hold_files
from otel_braintrust.portions import portions
from otel_braintrust.settings import Settings
from otel_braintrust.traces import AssembledSpan, TraceAssembler
from otel_braintrust.traces.beginnings import begun
from otel_braintrust.traces.kin import Hold
from otel_braintrust.translation.conventions.rules import Convention

MAX_KEPT_PARENTS = 1000
# An application's thread waits no longer for the interpreter; to let go of it takes time, too.
REST_AFTER_S = 0.002


class Completion(Protocol):
    """What must hear of the rows of spans that ended, where open spans have rows."""

    def complete(self, row: dict[str, Any], place: Destination) -> None:
        """Make a row complete the one that is there, if one is."""

    def withdraw(self, span_id: int) -> None:
        """Take a row away whose span has none in the end."""


class _Group:
    """Spans whose rows go to one place."""

    def __init__(self, place: Destination) -> None:
        self.place = place
        self.tickets: list[Ticket] = []
        self.entries: list[AssembledSpan] = []


class Sealer:
    """Makes rows of spans.

    Args:
        settings: The options.
        conventions: The user's own.
        ledger: Where spans without a row are settled.
        troubles: Where trouble is told.
        redact: Masks a row, before it is encoded and so before disk and network; None in return:
            nothing of it may go out.

    Attributes:
        assembler: Where spans meet what others know of them.
        encloser: Finds files in rows; None: nowhere to upload them.
        live: Hears of rows of spans that were shown while they were open.
        bundler: Encodes rows together; None: each is encoded alone.
    """

    def __init__(
        self,
        settings: Settings,
        conventions: Sequence[Convention],
        *,
        ledger: Ledger,
        troubles: Troubles,
        redact: Callable[[dict[str, Any]], dict[str, Any] | None] | None,
    ) -> None:
        self._destination = settings.destination
        self._environment = settings.environment
        self._max_field_bytes = settings.max_field_bytes
        self._conventions = tuple(conventions)
        self._ledger = ledger
        self._troubles = troubles
        self._redact = redact
        self._parents: dict[str, Destination | None] = {}
        self.encloser: Encloser | None = None
        self.live: Completion | None = None
        self.bundler: Bundler | None = None
        self.assembler = self._new_assembler()

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child: another thread may have held the old one's locks."""
        self.assembler = self._new_assembler()
        if self.encloser is not None:
            self.encloser.reset_after_fork()

    def _new_assembler(self) -> TraceAssembler:
        # A mask is shown JSON's own types, in a copy that it may change; the encoder needs neither.
        return TraceAssembler(conventions=self._conventions, strict_rows=self._redact is not None)

    def seal(self, tickets: Sequence[Ticket]) -> Sequence[Parcel]:
        """The rows of spans, encoded; spans without a row are settled here.

        Args:
            tickets: The spans.

        Returns:
            A parcel for each row, those of one trace together.
        """
        units: list[Unit] = []
        begin = time.monotonic()
        for portion in portions(tickets):
            # Making rows is all computation: without this the interpreter lets it run for 5 ms at a
            # time, and an application's thread that ends a span meanwhile waits as long.
            if time.monotonic() - begin >= REST_AFTER_S:
                time.sleep(0)
                begin = time.monotonic()
            units += self._sealed(portion)
        return Consignment(units)

    def _sealed(self, tickets: Sequence[Ticket]) -> list[Unit]:
        groups: dict[int, _Group] = {}
        files: dict[Ticket, Mapping[str, Attachment]] = {}
        go_as_made = self._go_as_made()
        for ticket, entry in self._assembled(tickets):
            place: Destination | None = self._destination
            is_placed = ticket.is_local_root or ticket.route or entry.parent
            if is_placed or entry.row is None or not go_as_made:
                try:
                    place = self._prepare(ticket, entry, files)
                except Exception as error:  # noqa: BLE001  (one odd span must not stop the others)
                    self._drop_unreadable(ticket, error)
                    continue
            if place is None:
                self._leave_out(ticket)
                continue
            group = groups.get(id(place))
            if group is None:
                group = groups[id(place)] = _Group(place)
            group.tickets.append(ticket)
            group.entries.append(entry)
        return [unit for group in groups.values() for unit in self._encoded(group, files)]

    def _go_as_made(self) -> bool:
        """Tell whether rows need nothing but to be encoded, unless they name a place themselves."""
        changes = self._redact is not None or self._environment or self.live is not None
        return not (changes or self._destination.root_span_id)

    def _prepare(
        self, ticket: Ticket, entry: AssembledSpan, files: dict[Ticket, Mapping[str, Attachment]]
    ) -> Destination | None:
        """Make a row what it will be, but for its encoding; where it goes, None if nowhere.

        Args:
            ticket: Its span.
            entry: Where the row is, and is put.
            files: Where files are put that were found in it.
        """
        row = entry.row
        if row is None:
            return None
        if self._redact is not None and self.encloser is not None:
            # Masks are for texts: files in them are found first.
            found = self.encloser.find(row, entry.span.attributes)
            if found:
                files[ticket] = found
        entry.row = row = self._outgoing(row, ticket.is_local_root)
        if row is None:
            return None
        place = self._destination_of(entry.parent or ticket.route)
        hang(row, place)
        if self.live is not None:
            self.live.complete(row, place)
        return place

    def _encoded(
        self, group: _Group, files: Mapping[Ticket, Mapping[str, Attachment]]
    ) -> list[Unit]:
        """Rows that go to one place, encoded, but for those that cannot be."""
        tickets, entries = group.tickets, group.entries
        parts: Iterable[tuple[slice, Bundle | None]] = [(slice(None), None)]
        if self.bundler is not None and not files:
            rows = [entry.row or {} for entry in entries]
            parts = self.bundler.bundles(tickets, rows, group.place)
        units: list[Unit] = []
        for part, bundle in parts:
            # Rows are searched together, and each for itself only where that finds something.
            if bundle is not None and not self._is_odd(bundle.rows):
                units.append(bundle)
                continue
            if bundle is not None:
                parcels = parcels_of(bundle)
            else:
                parcels = [Parcel(b"", group.place, ticket) for ticket in tickets[part]]
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
            self._drop_unreadable(ticket, error)
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
        if self._redact is None and may_hold_files(parcel.row):
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
        return self.encloser is not None and self._redact is None and may_hold_files(text)

    def _leave_out(self, ticket: Ticket) -> None:
        self._ledger.settle([ticket], "filtered")
        if self.live is not None:
            self.live.withdraw(ticket.context.span_id)

    def beginning(
        self, span: Any, hold: Hold, *, max_input_bytes: int
    ) -> tuple[dict[str, Any] | None, Destination]:
        """What is known of an open span from its beginning, as it may go out, and where it goes.

        Args:
            span: A running span.
            hold: Where it hangs.
            max_input_bytes: Most bytes of its input; a larger one, and one with files in it, is
                left to the row of the span's end.
        """
        assembled = self.assembler.begin(span, hold.parent)
        place = self._destination_of(assembled.parent or hold.route)
        if assembled.row is None:
            return None, place
        row = begun(assembled.row, assembled.span.attributes, max_input_bytes=max_input_bytes)
        return self._outgoing(row, hold.is_local_root), place

    def _outgoing(self, row: dict[str, Any], is_local_root: bool) -> dict[str, Any] | None:
        """A row as it may go out; None when nothing of it may."""
        if self._environment:
            self._stamp_environment(row)
        if is_local_root and row.get("span_parents"):
            # The outermost row of this process, where a row of another process is above it.
            row["context"] = {**(row.get("context") or {}), "local_root": True}
        return row if self._redact is None else self._redact(row)

    def _assembled(self, tickets: Sequence[Ticket]) -> Iterable[tuple[Ticket, AssembledSpan]]:
        try:
            assembled = self.assembler.assemble([ticket.span for ticket in tickets])
        except Exception as error:  # noqa: BLE001
            if len(tickets) == 1:
                self._drop_unreadable(tickets[0], error)
                return []
            return [pair for ticket in tickets for pair in self._assembled([ticket])]
        if len(assembled) == len(tickets):
            return zip(tickets, assembled, strict=True)
        by_id = {each.span.span_id: each for each in assembled}
        pairs = ((t, by_id.get(format(t.context.span_id, "016x"))) for t in tickets)
        return [(ticket, each) for ticket, each in pairs if each is not None]

    def _drop_unreadable(self, ticket: Ticket, error: Exception) -> None:
        self._ledger.settle([ticket], "dropped", "unreadable")
        self._troubles.tell(
            "unreadable",
            logging.ERROR,
            "span %s dropped, it could not be made into a row (%s); please report it",
            format(ticket.context.span_id, "016x"),
            type(error).__name__,
        )

    def _destination_of(self, parent: str | None) -> Destination:
        if not parent:
            return self._destination
        if parent not in self._parents:
            if len(self._parents) >= MAX_KEPT_PARENTS:
                self._parents.clear()
            self._parents[parent] = self._read_parent(parent)
        return self._parents[parent] or self._destination

    def _read_parent(self, parent: str) -> Destination | None:
        try:
            return parse_parent(parent, origin="a span's braintrust.parent")
        except ParentError as error:
            self._troubles.tell(
                "parent",
                logging.WARNING,
                "%s; rows with it go to %s",
                error,
                self._destination,
            )
            return None

    def _stamp_environment(self, row: dict[str, Any]) -> None:
        context = dict(row.get("context") or {})
        origin = context.get("span_origin")
        origin = dict(origin) if isinstance(origin, Mapping) else {}
        origin.setdefault("environment", self._environment)
        row["context"] = {**context, "span_origin": origin}
