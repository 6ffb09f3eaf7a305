"""Spans that ended become rows that may go out: translated, masked, addressed, encoded."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Protocol

from otel_braintrust.accounts import Ledger, Ticket
from otel_braintrust.attachments import Attachment
from otel_braintrust.delivery.consignments import Consignment, Unit
from otel_braintrust.delivery.destinations import Destination, ParentError, parse_parent
from otel_braintrust.delivery.parcels import Parcel, hang
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.portions import portions
from otel_braintrust.settings import Settings
from otel_braintrust.traces import AssembledSpan, TraceAssembler
from otel_braintrust.traces.beginnings import begun
from otel_braintrust.traces.kin import Hold
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.writing import Addressed, Writer

MAX_KEPT_PARENTS = 1000
# An application's thread waits no longer for the interpreter; to let go of it takes time, too.
REST_AFTER_S = 0.002

_route, _parent, _row = attrgetter("route"), attrgetter("parent"), attrgetter("row")


class Completion(Protocol):
    """What must hear of the rows of spans that ended, where open spans have rows."""

    def complete(self, row: dict[str, Any], place: Destination) -> None:
        """Make a row complete the one that is there, if one is."""

    def withdraw(self, span_id: int) -> None:
        """Take a row away whose span has none in the end."""


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
        writer: Encodes rows.
        live: Hears of rows of spans that were shown while they were open.
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
        self._conventions = tuple(conventions)
        self._ledger = ledger
        self._troubles = troubles
        self._redact = redact
        self._parents: dict[str, Destination | None] = {}
        self.writer = Writer(
            max_field_bytes=settings.max_field_bytes,
            is_masked=redact is not None,
            drop=self._drop_unreadable,
        )
        self.live: Completion | None = None
        self.assembler = self._new_assembler()

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child: another thread may have held the old one's locks."""
        self.assembler = self._new_assembler()
        if self.writer.encloser is not None:
            self.writer.encloser.reset_after_fork()

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

    def _sealed(self, all_tickets: Sequence[Ticket]) -> list[Unit]:
        tickets, entries = self._assembled(all_tickets)
        if not self._go_as_made(tickets, entries):
            return self._sealed_one_by_one(tickets, entries)
        for ticket, entry in zip(tickets, entries, strict=True):
            if ticket.is_local_root and entry.row is not None:
                _mark_local_root(entry.row)
        return self.writer.write(Addressed(self._destination, tickets, entries), {})

    def _go_as_made(self, tickets: Sequence[Ticket], entries: Sequence[AssembledSpan]) -> bool:
        """Tell whether rows are sent where all are, and need nothing but to be encoded."""
        if self._redact is not None or self._environment or self.live is not None:
            return False
        if any(map(_route, tickets)) or any(map(_parent, entries)):
            return False
        return all(map(_row, entries)) and not self._destination.root_span_id

    def _sealed_one_by_one(
        self, tickets: Sequence[Ticket], entries: Sequence[AssembledSpan]
    ) -> list[Unit]:
        groups: dict[int, Addressed] = {}
        files: dict[Ticket, Mapping[str, Attachment]] = {}
        for ticket, entry in zip(tickets, entries, strict=True):
            try:
                place = self._prepare(ticket, entry, files)
            except Exception as error:  # noqa: BLE001  (one odd span must not stop the others)
                self._drop_unreadable(ticket, error)
                continue
            if place is None:
                self._leave_out(ticket)
                continue
            group = groups.get(id(place)) or Addressed(place, [], [])
            groups[id(place)] = group
            group.tickets.append(ticket)
            group.entries.append(entry)
        return [unit for group in groups.values() for unit in self.writer.write(group, files)]

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
        encloser = self.writer.encloser
        if self._redact is not None and encloser is not None:
            # Masks are for texts: files in them are found first.
            found = encloser.find(row, entry.span.attributes)
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
        if is_local_root:
            _mark_local_root(row)
        return row if self._redact is None else self._redact(row)

    def _assembled(self, tickets: Sequence[Ticket]) -> tuple[list[Ticket], list[AssembledSpan]]:
        """The spans of which something could be made, and what; the others are dropped."""
        try:
            assembled = self.assembler.assemble([ticket.span for ticket in tickets])
        except Exception as error:  # noqa: BLE001
            if len(tickets) == 1:
                self._drop_unreadable(tickets[0], error)
                return [], []
            made = [self._assembled([ticket]) for ticket in tickets]
            return [t for some, _ in made for t in some], [e for _, some in made for e in some]
        if len(assembled) == len(tickets):
            return list(tickets), assembled
        by_id = {each.span.span_id: each for each in assembled}
        pairs = ((t, by_id.get(format(t.context.span_id, "016x"))) for t in tickets)
        found = [(ticket, each) for ticket, each in pairs if each is not None]
        return [ticket for ticket, _ in found], [each for _, each in found]

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


def _mark_local_root(row: dict[str, Any]) -> None:
    """Mark the outermost row of this process, where a row of another process is above it."""
    if row.get("span_parents"):
        row["context"] = {**(row.get("context") or {}), "local_root": True}
