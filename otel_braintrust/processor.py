"""BraintrustSpanProcessor: one processor that queues, batches, sends and answers for its spans."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from otel_braintrust import stamps
from otel_braintrust.accounts import Counts, FlushResult, Ticket
from otel_braintrust.delivery.courier import Courier
from otel_braintrust.delivery.followers import Followers
from otel_braintrust.delivery.uploads import Uploads
from otel_braintrust.endings import hear_of_end, is_ending
from otel_braintrust.equipment import new_followers
from otel_braintrust.exporter import (
    BraintrustSpanExporter,
    after_fork,
    positive_int_from_environment,
)
from otel_braintrust.living import note_processor
from otel_braintrust.passage import Passage, Stamp
from otel_braintrust.serverless import is_local_root, platform_of
from otel_braintrust.settings import Settings
from otel_braintrust.sizes import span_bytes
from otel_braintrust.traces import TraceAssembler
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.undelivered import Undelivered

DEFAULT_BATCH_SPANS = 512
# What else writes on each span that starts; rules see spans as they were before.
STAMPS: tuple[Stamp, ...] = (stamps.stamp,)
# What the end of a process without a flush takes to write to disk what waits.
TIME_TO_WRITE_S = 0.5
SHARE_DURING_OUTAGE = 0.1


class _QueueFront:
    """Counts the places in BatchSpanProcessor's queue, which drops in silence when it is full."""

    def __init__(self, places: int) -> None:
        self._places = places
        self.renew_after_fork()

    def renew_after_fork(self) -> None:
        # Re-entrant: a finalizer may end a span while its thread is in here.
        self._lock = threading.RLock()
        self._taken = 0

    def take(self) -> bool:
        """Take a place; False when there is none."""
        with self._lock:
            if self._taken >= self._places:
                return False
            self._taken += 1
            return True

    def free(self, count: int) -> None:
        with self._lock:
            self._taken = max(0, self._taken - count)


class _HandOver(SpanExporter):
    """What BatchSpanProcessor exports to: the courier, which sends from its own thread."""

    def __init__(self, courier: Courier, queue_front: _QueueFront) -> None:
        self._courier = courier
        self._queue_front = queue_front

    # The queue holds tickets where OpenTelemetry's types say spans; see Ticket.
    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        tickets: list[Ticket] = list(spans)
        self._queue_front.free(len(tickets))
        self._courier.accept(tickets, wait_for_room=True)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """The processor stops the courier itself, with a deadline."""


class BraintrustSpanProcessor(SpanProcessor):
    """Sends every span that ends to Braintrust, and tells what became of each.

    OpenTelemetry's BatchSpanProcessor does the queueing (``OTEL_BSP_*`` apply); this class stamps
    each span with its destination, keeps the ledger, and keeps its time in :meth:`flush` and
    :meth:`shutdown`. Ending a span never waits and never raises. Without an API key it warns once
    and does nothing but count.

    Args:
        api_key: API key; default ``BRAINTRUST_API_KEY``.
        parent: Where spans go; default ``BRAINTRUST_PARENT``, else the project.
        project: Project by name; default ``BRAINTRUST_PROJECT``, else ``Global``.
        project_id: Project by id; default ``BRAINTRUST_PROJECT_ID``.
        api_url: API host; default ``BRAINTRUST_API_URL``, else what the login says.
        app_url: App host; default ``BRAINTRUST_APP_URL``.
        org_name: Organization; default ``BRAINTRUST_ORG_NAME``, else the key's first.
        spans: Which spans go: ``"app"``, ``"ai"`` or ``"all"``; see
            :class:`otel_braintrust.selection.Selection`. Default ``OTEL_BRAINTRUST_SPANS``, else
            ``"ai"`` with ``BRAINTRUST_FILTER_AI_SPANS``, else ``"app"``.
        conventions: Dialects of your own, see :mod:`otel_braintrust.conventions`.
        options: Any other option of :data:`otel_braintrust.settings.OPTIONS`.

    Raises:
        SettingsError: An option cannot be used.
        ParentError: The parent has none of the forms that can be read.
        TypeError: A convention is none.

    Example::

        provider = TracerProvider()
        provider.add_span_processor(BraintrustSpanProcessor(project="support bot"))
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
        spans: str | None = None,
        conventions: Sequence[Convention] = (),
        **options: Any,
    ) -> None:
        self._exporter = BraintrustSpanExporter(
            api_key=api_key,
            parent=parent,
            project=project,
            project_id=project_id,
            api_url=api_url,
            app_url=app_url,
            org_name=org_name,
            conventions=conventions,
            spans=spans,
            **options,
        )
        # Called with each span that starts until it returns True; configure() sets it.
        self.start_hook: Callable[[Span], bool] | None = None
        self._book = self._exporter.book
        self._undelivered = Undelivered()
        self._book.on_settled = self._undelivered.note_settled
        self._followers: Followers | None = None
        self._closed = False
        self._start_mark = f"_otel_braintrust_start_{id(self)}"
        self._end_mark = f"_otel_braintrust_end_{id(self)}"
        self._exit_deadline: float | None = None
        serverless = self.settings.serverless
        self._is_serverless = bool(platform_of(os.environ)) if serverless is None else serverless
        self._queue_front = _QueueFront(self._exporter.queue_size)
        self._batches: BatchSpanProcessor | None = None
        if self._exporter.courier is not None and not self.settings.sync_flush:
            self._batches = self._new_batches(self._exporter.courier)
        if self._exporter.meters is not None:
            self._exporter.meters.add_processor(self._exporter.queue_size)
        self._passage = Passage(self.settings, self._book, self._exporter.troubles, self._hand_on)
        after_fork(self._queue_front.renew_after_fork)
        after_fork(self._renew_changes_after_fork)
        note_processor(self)
        after_fork(self._passage.reset_after_fork)
        hear_of_end(self)

    @property
    def settings(self) -> Settings:
        """The options in force, and where each came from."""
        return self._exporter.settings

    @property
    def is_active(self) -> bool:
        """False when there is no API key, so that nothing is sent."""
        return self._exporter.courier is not None

    @property
    def is_closed(self) -> bool:
        """True after shutdown."""
        return self._closed

    @property
    def assembler(self) -> TraceAssembler:
        """Where log records meet their spans; for :class:`BraintrustLogRecordProcessor`."""
        return self._exporter.assembler

    @property
    def uploads(self) -> Uploads | None:
        """Who uploads attachments; None without an API key."""
        courier = self._exporter.courier
        return courier.uploads if courier is not None else None

    @property
    def followers(self) -> Followers | None:
        """Who sends feedback and updates; None without an API key, and after shutdown."""
        if self._followers is None and self.settings.api_key and not self._closed:
            self._followers = new_followers(
                self.settings, self.settings.api_key, self._undelivered, self._exporter.troubles
            )
        return self._followers

    @property
    def organization_name(self) -> str | None:
        """The organization, as far as it is known without a request."""
        courier = self._exporter.courier
        told = courier.organization_name() if courier is not None else None
        return self.settings.org_name or told

    @property
    def ledger(self) -> Counts:
        """What became of the spans that ended so far."""
        return self._exporter.ledger

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp the span with its destination."""
        if self._exporter.courier is None or self._closed:
            return
        try:
            if _is_known(span, self._start_mark):
                return
            is_stamped = stamps.on_start(span, parent_context)
            self._passage.on_start(span, parent_context, STAMPS if is_stamped else ())
            self._undelivered.note_start(span.context.span_id)
            if self.start_hook is not None and self.start_hook(span):
                self.start_hook = None
        except Exception as error:  # noqa: BLE001  (nothing may reach the application)
            self._tell_internal(error)

    def on_end(self, span: ReadableSpan) -> None:
        """Enter the span in the ledger and queue it; never waits, never raises."""
        try:
            if _is_known(span, self._end_mark):
                return
            if span.context is not None:
                stamps.on_end(span)
            if span.context is None or not span.context.trace_flags.sampled:
                self._book.note_sampled()
                if span.context is not None:
                    self._undelivered.note_end(span.context.span_id, is_lost=True)
                return
            size_bytes = span_bytes(span)
            has_room = self._exporter.has_room(size_bytes)
            ticket = self._book.open(span, size_bytes)
            if self._exporter.courier is None:
                self._book.settle([ticket], "dropped", "no_api_key")
                return
            self._hand_on(self._passage.on_end(span, ticket), has_room)
            if self._is_serverless and is_local_root(span):
                # The platform may stop the process until its next call.
                self.flush_quickly(self.settings.serverless_budget_s)
            elif is_ending() and self._exporter.courier is not None:
                self._exporter.courier.hasten()
        except Exception as error:  # noqa: BLE001
            self._tell_internal(error)

    def flush(self, timeout_s: float = 30.0) -> FlushResult:
        """Send what ended before this call, and tell what became of it, within the time given.

        What is still pending then is not given up: it is tried further in the background.

        Args:
            timeout_s: Longest time to wait, in seconds.
        """
        self._passage.release()
        deadline = time.monotonic() + max(0.0, timeout_s)
        result = self._exporter.flush(timeout_s)
        waiting = self._followers.flush(deadline) if self._followers is not None else 0
        return replace(result, pending=result.pending + waiting) if waiting else result

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """As :meth:`flush`, in milliseconds; True when nothing was lost and nothing is pending."""
        return self.flush(timeout_millis / 1000).ok

    def shutdown(self, timeout_millis: float | None = None) -> None:
        """Send what can be sent in the time given, and count the rest as lost.

        Args:
            timeout_millis: Longest time, in milliseconds; default the option ``exit_timeout_s``.
        """
        if self._closed:
            return
        self._passage.stop()
        self._closed = True
        timeout_s = self.settings.exit_timeout_s
        if timeout_millis is not None:
            timeout_s = min(timeout_s, timeout_millis / 1000)
        deadline = time.monotonic() + timeout_s
        if self._exit_deadline is not None:
            deadline = min(deadline, self._exit_deadline)
        if self._batches is not None and self._exporter.courier is not None:
            # First the courier lets nobody wait; then OpenTelemetry's queue empties into it.
            self._exporter.courier.hurry(deadline)
            self._batches.shutdown()  # type: ignore[no-untyped-call]  # OpenTelemetry's lacks types
        self._exporter.shutdown((deadline - time.monotonic()) * 1000)
        if self._followers is not None:
            self._followers.stop(deadline)

    @property
    def exit_timeout_s(self) -> float:
        """How long the end of the process may wait for delivery, in seconds."""
        return 0.0 if self.settings.disable_atexit_flush else self.settings.exit_timeout_s

    def leave(self) -> None:
        """Flush once at the end of the process; a shutdown that follows gets what time is left."""
        if self._closed or self._exit_deadline is not None:
            return
        timeout_s = self.exit_timeout_s
        self._exit_deadline = time.monotonic() + timeout_s
        if self._exporter.keeps_lost:
            # What cannot be sent must be written down while there is time.
            self._exit_deadline += 0 if timeout_s else TIME_TO_WRITE_S
            self.shutdown(timeout_millis=max(timeout_s, TIME_TO_WRITE_S) * 1000)
        elif timeout_s:
            self.flush(timeout_s)
        self._exporter.tell_losses()

    def _new_batches(self, courier: Courier) -> BatchSpanProcessor:
        queue_size = self._exporter.queue_size
        batch_size = positive_int_from_environment(
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", DEFAULT_BATCH_SPANS
        )
        batches = BatchSpanProcessor(
            _HandOver(courier, self._queue_front),
            max_queue_size=queue_size,
            max_export_batch_size=min(batch_size, queue_size),
        )
        courier.drain = batches.force_flush
        return batches

    def keep_trace(self, trace_id: int) -> None:
        """Have tail sampling keep a trace, for instance because there is feedback to it.

        Args:
            trace_id: The trace's id, as in a span's context.
        """
        self._passage.keep_trace(trace_id)

    def is_left_out(self, trace_id: int) -> bool:
        """Tell whether tail sampling left a trace out, so that feedback to it goes nowhere.

        Args:
            trace_id: The trace's id, as in a span's context.
        """
        return self._passage.is_left_out(trace_id)

    def _hand_on(self, tickets: Sequence[Ticket], has_room: bool = True) -> None:
        for ticket in tickets:
            reason = self._queue(ticket, has_room)
            if reason:
                self._book.settle([ticket], "dropped", reason)

    def _queue(self, ticket: Ticket, has_room: bool) -> str:
        """Queue a span; the reason why it is dropped if it cannot be, else nothing."""
        courier = self._exporter.courier
        if courier is None:
            return "no_api_key"
        if self._closed:
            return "after_shutdown"
        if not has_room or (self._batches is not None and not self._queue_front.take()):
            self._exporter.tell_queue_full()
            return "queue_full"
        if self._batches is None:
            courier.accept([ticket])
            return ""
        # A ticket has all that BatchSpanProcessor reads of a span; see Ticket.
        self._batches.on_end(ticket)  # type: ignore[arg-type]
        return ""

    def flush_quickly(self, timeout_s: float) -> None:
        """As :meth:`flush`, but with a tenth of the time while the server fails.

        Args:
            timeout_s: Longest time to wait, in seconds.
        """
        courier = self._exporter.courier
        is_failing = courier is not None and courier.is_failing
        self.flush(timeout_s * SHARE_DURING_OUTAGE if is_failing else timeout_s)

    def _renew_changes_after_fork(self) -> None:
        self._undelivered.reset_after_fork()
        if self._followers is not None:
            self._followers.renew_after_fork()

    def _tell_internal(self, error: Exception) -> None:
        self._exporter.troubles.tell(
            "internal",
            logging.ERROR,
            "a span could not be taken: %s; please report it",
            type(error).__name__,
        )


def _is_known(span: object, mark: str) -> bool:
    """Tell whether this processor has seen this span before: an application may add it twice."""
    if getattr(span, mark, False):
        return True
    with suppress(AttributeError):
        setattr(span, mark, True)
    return False
