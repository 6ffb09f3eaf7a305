"""BraintrustSpanExporter: spans in, Braintrust rows out, with an account of what became of each."""

from __future__ import annotations

import logging
import os
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_braintrust.accounts import Counts, FlushResult, Ledger, Ticket
from otel_braintrust.attachments import Attachment
from otel_braintrust.delivery.courier import Courier
from otel_braintrust.delivery.destinations import Destination, ParentError, parse_parent
from otel_braintrust.delivery.parcels import Parcel, seal
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.delivery.uploads import Uploads
from otel_braintrust.enclosing import Encloser, may_hold_files
from otel_braintrust.equipment import new_courier, new_redaction
from otel_braintrust.metering import Meters
from otel_braintrust.notices import Notices
from otel_braintrust.settings import KEY_SOURCES, Settings
from otel_braintrust.sizes import span_bytes
from otel_braintrust.traces import AssembledSpan, TraceAssembler
from otel_braintrust.traces.beginnings import begun
from otel_braintrust.traces.kin import Hold
from otel_braintrust.translation.conventions.rules import Convention

logger = logging.getLogger("otel_braintrust")

DEFAULT_QUEUE_SIZE = 10_000
# One span alone comes from a SimpleSpanProcessor, whose caller is the application itself.
WAIT_FOR_ONE_SPAN_S = 1.0
WAIT_FOR_MANY_SPANS_S = 3.0
MAX_KEPT_PARENTS = 1000


class Completion(Protocol):
    """What must hear of the rows of spans that ended, where open spans have rows."""

    def complete(self, row: dict[str, Any], place: Destination) -> None:
        """Make a row complete the one that is there, if one is."""

    def withdraw(self, span_id: int) -> None:
        """Take a row away whose span has none in the end."""


class BraintrustSpanExporter(SpanExporter):
    """Sends spans to Braintrust as rows, from one thread of its own.

    ``export`` waits for the server's answer only while the server answers: up to one second for a
    single span, three for a batch, and not at all while requests fail. What was not delivered by
    then is tried again in the background; :attr:`ledger` and :meth:`flush` tell what became of it.

    Without an API key it warns once and does nothing but count.

    Args:
        api_key: API key; default ``BRAINTRUST_API_KEY``.
        parent: Where spans go; default ``BRAINTRUST_PARENT``, else the project.
        project: Project by name; default ``BRAINTRUST_PROJECT``, else ``Global``.
        project_id: Project by id; default ``BRAINTRUST_PROJECT_ID``.
        api_url: API host; default ``BRAINTRUST_API_URL``, else what the login says.
        app_url: App host; default ``BRAINTRUST_APP_URL``.
        org_name: Organization; default ``BRAINTRUST_ORG_NAME``, else the key's first.
        conventions: Dialects of your own, see :mod:`otel_braintrust.conventions`.
        options: Any other option of :data:`otel_braintrust.settings.OPTIONS`.

    Raises:
        SettingsError: An option cannot be used.
        ParentError: The parent has none of the forms that can be read.
        TypeError: A convention is none.

    Example::

        provider.add_span_processor(BatchSpanProcessor(BraintrustSpanExporter(project="support")))
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        parent: str | None = None,
        project: str | None = None,
        project_id: str | None = None,
        api_url: str | None = None,
        app_url: str | None = None,
        org_name: str | None = None,
        conventions: Sequence[Convention] = (),
        **options: Any,
    ) -> None:
        self.settings = Settings.resolve(
            api_key=api_key,
            parent=parent,
            project=project,
            project_id=project_id,
            api_url=api_url,
            app_url=app_url,
            org_name=org_name,
            **options,
        )
        self._destination = self.settings.destination
        self._environment = self.settings.environment
        self._book = Ledger()
        self._troubles = Troubles()
        self._notices = Notices(
            self.settings.on_drop, self.settings.on_error, troubles=self._troubles
        )
        self._book.on_loss = self._notices.note_loss
        # Everything passes it before it is encoded, and so before disk and network.
        self._redact = new_redaction(self.settings, self._troubles)
        self._parents: dict[str, Destination | None] = {}
        self._answers = True
        self._lost_told = 0
        self._conventions = tuple(conventions)
        self.assembler = self._new_assembler()
        self.queue_size = self.settings.queue_size or queue_size_from_environment()
        self.meters: Meters | None = None
        if self.settings.meter_provider is not None:
            server_url = self.settings.api_url or self.settings.app_url
            self.meters = Meters(self.settings.meter_provider, self._book, server_url)
        # Shows spans while they are open; a processor with the option ``live`` sets it.
        self.live: Completion | None = None
        self.courier: Courier | None = None
        self._uploads: Uploads | None = None
        self._encloser: Encloser | None = None
        if self.settings.api_key:
            self.courier = self._new_courier(self.settings.api_key)
            self._uploads = self.courier.uploads
        else:
            logger.warning("no Braintrust API key, so no span is sent; set %s", KEY_SOURCES)
        if self._uploads is not None:
            converts = self.settings.convert_attachments
            self._encloser = Encloser(self._uploads, converts=converts, redact=self._redact)
        after_fork(self._renew_after_fork)
        _living.add(self)

    @property
    def ledger(self) -> Counts:
        """What became of the spans so far."""
        counts = self._book.counts
        if self._uploads is None:
            return counts
        return replace(counts, attachments=self._uploads.counts)

    @property
    def book(self) -> Ledger:
        """The ledger itself, for a processor that enters spans before they are exported."""
        return self._book

    @property
    def troubles(self) -> Troubles:
        """Where trouble is told once a kind, for a processor in front of this exporter."""
        return self._troubles

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; SUCCESS when all of them have arrived or were left out by a rule."""
        tickets = [self._book.open(span, span_bytes(span)) for span in spans]
        if not tickets:
            return SpanExportResult.SUCCESS
        if self.courier is not None:
            tickets = self._fitting(tickets)
        if self.courier is None:
            self._book.settle(tickets, "dropped", "no_api_key")
            return SpanExportResult.FAILURE
        self.courier.accept(tickets)
        wait_s = WAIT_FOR_ONE_SPAN_S if len(tickets) == 1 else WAIT_FOR_MANY_SPANS_S
        wait_s = wait_s if self._answers and not self.courier.is_failing else 0.0
        arrived = self._book.wait_for(tickets, time.monotonic() + wait_s)
        # A server that let one batch wait for nothing is not waited for until it has answered.
        self._answers = all(ticket.column is not None for ticket in tickets)
        return SpanExportResult.SUCCESS if arrived else SpanExportResult.FAILURE

    def flush(self, timeout_s: float = 30.0) -> FlushResult:
        """Send everything exported so far, and tell what became of it.

        Args:
            timeout_s: Longest time to wait, in seconds.
        """
        deadline = time.monotonic() + max(0.0, timeout_s)
        if self.courier is None:
            return self._book.report(self._book.watch(), deadline)
        result = self.courier.flush(deadline)
        if self._uploads is None:
            return result
        waiting = self._uploads.flush(deadline)
        lost = self._uploads.book.unreported_losses()
        self._notices.deliver()
        if not waiting and not lost:
            return result
        return replace(result, attachments_pending=waiting, attachments_lost=lost)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """As :meth:`flush`, in milliseconds; True when nothing was lost and nothing is pending."""
        return self.flush(timeout_millis / 1000).ok

    def shutdown(self, timeout_millis: float | None = None) -> None:
        """Send what can be sent in the time given, and count the rest as lost.

        Args:
            timeout_millis: Longest time, in milliseconds; default the option ``exit_timeout_s``.
        """
        timeout_s = self.settings.exit_timeout_s
        if timeout_millis is not None:
            timeout_s = min(timeout_s, timeout_millis / 1000)
        if self.courier is not None:
            self.courier.stop(time.monotonic() + timeout_s)
        self.tell_losses()

    def tell_queue_full(self, dropped: int = 1) -> None:
        """Log, now and then, that spans are dropped because too many wait."""
        if self.courier is not None:
            self.courier.tell_queue_full(dropped)

    def tell_losses(self) -> None:
        """Log one line when any span or attachment was lost since the last such line."""
        counts = self.ledger
        lost = sum(counts.dropped.values()) + counts.pending
        files_lost = counts.attachments.total_lost + counts.attachments.pending
        if lost + files_lost > self._lost_told and self.courier is not None:
            self._lost_told = lost + files_lost
            what = "spans" if lost else "attachments"
            logger.warning("%s did not reach Braintrust: %s", what, counts)

    @property
    def keeps_lost(self) -> bool:
        """Whether spans that cannot be delivered are kept on disk."""
        return self.courier is not None and self.courier.keeps_lost

    def _fitting(self, tickets: list[Ticket]) -> list[Ticket]:
        """The spans that there is memory for; the others are dropped, the last ones first."""
        excess_bytes = self._book.pending_bytes - self.settings.queue_bytes
        kept = list(tickets)
        turned_away = []
        while excess_bytes > 0 and len(kept) > 1:
            turned_away.append(kept.pop())
            excess_bytes -= turned_away[-1].size_bytes
        if turned_away:
            self._book.settle(turned_away, "dropped", "queue_full")
            self.tell_queue_full(len(turned_away))
        return kept

    def _new_assembler(self) -> TraceAssembler:
        # A mask is shown JSON's own types, in a copy that it may change; the encoder needs neither.
        return TraceAssembler(conventions=self._conventions, strict_rows=self._redact is not None)

    def _new_courier(self, api_key: str) -> Courier:
        return new_courier(
            self.settings,
            api_key,
            ledger=self._book,
            seal=self._seal,
            troubles=self._troubles,
            notices=self._notices,
            queue_size=self.queue_size,
            meters=self.meters,
        )

    def _seal(self, tickets: Sequence[Ticket]) -> list[Parcel]:
        """The rows of spans, encoded; spans without a row are settled here."""
        parcels: list[Parcel] = []
        for ticket, assembled in self._assembled(tickets):
            if assembled.row is None:
                self._leave_out(ticket)
                continue
            try:
                attributes = assembled.span.attributes
                files: Mapping[str, Attachment] = {}
                if self._redact is not None and self._encloser is not None:
                    # Masks are for texts: files in them are found first.
                    files = self._encloser.find(assembled.row, attributes)
                row = self._outgoing(assembled.row, ticket)
                if row is None:
                    self._leave_out(ticket)
                    continue
                place = self._destination_of(assembled.parent or ticket.route)
                if self.live is not None:
                    self.live.complete(row, place)
                limit = self.settings.max_field_bytes
                parcel = seal(ticket, row, place, max_field_bytes=limit)
                if self._encloser is not None:
                    if self._redact is None and may_hold_files(parcel.row):
                        files = self._encloser.find(row, attributes)
                        parcel = seal(ticket, row, place, max_field_bytes=limit)
                    if len(parcel.row) >= limit:
                        files = {**files, **self._encloser.keep_long_texts(row, limit)}
                        parcel = seal(ticket, row, place, max_field_bytes=limit)
                    parcel.enclosures = self._encloser.enclose(parcel.row, files)
                parcels.append(parcel)
                ticket.span = None  # its row is all that is needed of it from now on
            except Exception as error:  # noqa: BLE001  (one odd span must not stop the others)
                self._drop_unreadable(ticket, error)
        return parcels

    def _leave_out(self, ticket: Ticket) -> None:
        self._book.settle([ticket], "filtered")
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
        self._stamp_environment(row)
        if hold.is_local_root and row.get("span_parents"):
            row["context"] = {**(row.get("context") or {}), "local_root": True}
        return (row if self._redact is None else self._redact(row)), place

    def _outgoing(self, row: dict[str, Any], ticket: Ticket) -> dict[str, Any] | None:
        """A row as it may go out; None when nothing of it may."""
        self._stamp_environment(row)
        _mark_local_root(row, ticket)
        return row if self._redact is None else self._redact(row)

    def _assembled(self, tickets: Sequence[Ticket]) -> list[tuple[Ticket, AssembledSpan]]:
        try:
            assembled = self.assembler.assemble(_Yielding(ticket.span for ticket in tickets))
        except Exception as error:  # noqa: BLE001
            if len(tickets) == 1:
                self._drop_unreadable(tickets[0], error)
                return []
            return [pair for ticket in tickets for pair in self._assembled([ticket])]
        if len(assembled) == len(tickets):
            return list(zip(tickets, assembled, strict=True))
        by_id = {each.span.span_id: each for each in assembled}
        pairs = ((t, by_id.get(format(t.context.span_id, "016x"))) for t in tickets)
        return [(ticket, each) for ticket, each in pairs if each is not None]

    def _drop_unreadable(self, ticket: Ticket, error: Exception) -> None:
        self._book.settle([ticket], "dropped", "unreadable")
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
        if not self._environment:
            return
        context = dict(row.get("context") or {})
        origin = context.get("span_origin")
        origin = dict(origin) if isinstance(origin, Mapping) else {}
        origin.setdefault("environment", self._environment)
        row["context"] = {**context, "span_origin": origin}

    def _renew_after_fork(self) -> None:
        self._book.reset_after_fork()
        self._notices.reset_after_fork()
        self._troubles.reset_after_fork()
        if self.courier is not None:
            self.courier.renew_after_fork()
        # Another thread may have held the old one's locks.
        self.assembler = self._new_assembler()
        self._lost_told = 0
        if self._encloser is not None:
            self._encloser.reset_after_fork()


def _mark_local_root(row: dict[str, Any], ticket: Ticket) -> None:
    """Mark the outermost row of this process where a row of another process is above it."""
    if ticket.is_local_root and row.get("span_parents"):
        row["context"] = {**(row.get("context") or {}), "local_root": True}


# About half a millisecond of translating.
SPANS_BETWEEN_YIELDS = 16


class _Yielding(list[ReadableSpan]):
    """Spans that let other threads run now and then.

    Translating is all computation; without this the interpreter lets it run for 5 ms at a time,
    and an application thread that ends a span meanwhile waits as long.
    """

    def __iter__(self) -> Iterator[ReadableSpan]:
        for number, span in enumerate(super().__iter__()):
            if number % SPANS_BETWEEN_YIELDS == 0:
                time.sleep(0)
            yield span


_living: weakref.WeakSet[BraintrustSpanExporter] = weakref.WeakSet()


def living_assemblers() -> list[TraceAssembler]:
    """The assemblers of all exporters of this process that send."""
    return [exporter.assembler for exporter in list(_living) if exporter.courier is not None]


def queue_size_from_environment() -> int:
    """``OTEL_BSP_MAX_QUEUE_SIZE`` when it is a positive number, else the default."""
    return positive_int_from_environment("OTEL_BSP_MAX_QUEUE_SIZE", DEFAULT_QUEUE_SIZE)


def positive_int_from_environment(variable: str, default: int) -> int:
    """A variable of OpenTelemetry's; the default when it is absent or no positive number."""
    try:
        number = int(os.environ.get(variable, default))
    except ValueError:
        return default
    return number if number > 0 else default


def before_fork(method: Callable[[], None]) -> None:
    """Call a bound method before the process forks, as long as its object lives."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_as_long_as_it_lives(method))


def after_fork(method: Callable[[], None]) -> None:
    """Call a bound method in every forked child, as long as its object lives."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_as_long_as_it_lives(method))


def _as_long_as_it_lives(method: Callable[[], None]) -> Callable[[], None]:
    reference = weakref.WeakMethod(method)

    def call() -> None:
        bound = reference()
        if bound is not None:
            bound()

    return call
