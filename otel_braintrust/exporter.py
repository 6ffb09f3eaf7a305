"""BraintrustSpanExporter: spans in, Braintrust rows out, with an account of what became of each."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_braintrust.accounts import Counts, FlushResult, Ledger, Ticket
from otel_braintrust.delivery.courier import Courier
from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.delivery.uploads import Uploads
from otel_braintrust.enclosing import Encloser
from otel_braintrust.equipment import new_courier, new_redaction
from otel_braintrust.forks import after_fork
from otel_braintrust.metering import Meters
from otel_braintrust.notices import Notices
from otel_braintrust.otel_variables import queue_size_from_environment
from otel_braintrust.sealing import Completion, Sealer
from otel_braintrust.settings import KEY_SOURCES, Settings
from otel_braintrust.sizes import span_bytes
from otel_braintrust.traces import TraceAssembler
from otel_braintrust.traces.kin import Hold
from otel_braintrust.translation.conventions.rules import Convention

logger = logging.getLogger("otel_braintrust")

# One span alone comes from a SimpleSpanProcessor, whose caller is the application itself.
WAIT_FOR_ONE_SPAN_S = 1.0
WAIT_FOR_MANY_SPANS_S = 3.0


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
        self._book = Ledger()
        self._troubles = Troubles()
        self._notices = Notices(
            self.settings.on_drop, self.settings.on_error, troubles=self._troubles
        )
        self._book.on_loss = self._notices.note_loss
        redact = new_redaction(self.settings, self._troubles)
        self._sealer = Sealer(
            self.settings, conventions, ledger=self._book, troubles=self._troubles, redact=redact
        )
        self._answers = True
        self._lost_told = 0
        self.queue_size = self.settings.queue_size or queue_size_from_environment()
        self.meters: Meters | None = None
        if self.settings.meter_provider is not None:
            server_url = self.settings.api_url or self.settings.app_url
            self.meters = Meters(self.settings.meter_provider, self._book, server_url)
        self.courier: Courier | None = None
        self._uploads: Uploads | None = None
        if self.settings.api_key:
            self.courier = self._new_courier(self.settings.api_key)
            self._uploads = self.courier.uploads
            self._sealer.writer.bundler = self.courier.bundler
        else:
            logger.warning("no Braintrust API key, so no span is sent; set %s", KEY_SOURCES)
        if self._uploads is not None:
            converts = self.settings.convert_attachments
            self._sealer.writer.encloser = Encloser(self._uploads, converts=converts, redact=redact)
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
    def assembler(self) -> TraceAssembler:
        """Where spans meet what others know of them."""
        return self._sealer.assembler

    @property
    def live(self) -> Completion | None:
        """Shows spans while they are open; a processor with the option ``live`` sets it."""
        return self._sealer.live

    @live.setter
    def live(self, live: Completion | None) -> None:
        self._sealer.live = live

    def beginning(
        self, span: Any, hold: Hold, *, max_input_bytes: int
    ) -> tuple[dict[str, Any] | None, Destination]:
        """What is known of an open span; see :meth:`otel_braintrust.sealing.Sealer.beginning`."""
        return self._sealer.beginning(span, hold, max_input_bytes=max_input_bytes)

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

    def _new_courier(self, api_key: str) -> Courier:
        return new_courier(
            self.settings,
            api_key,
            ledger=self._book,
            seal=self._sealer.seal,
            troubles=self._troubles,
            notices=self._notices,
            queue_size=self.queue_size,
            meters=self.meters,
        )

    def _renew_after_fork(self) -> None:
        self._book.reset_after_fork()
        self._notices.reset_after_fork()
        self._troubles.reset_after_fork()
        if self.courier is not None:
            self.courier.renew_after_fork()
        self._sealer.reset_after_fork()
        self._lost_told = 0


_living: weakref.WeakSet[BraintrustSpanExporter] = weakref.WeakSet()


def living_assemblers() -> list[TraceAssembler]:
    """The assemblers of all exporters of this process that send."""
    return [exporter.assembler for exporter in list(_living) if exporter.courier is not None]
