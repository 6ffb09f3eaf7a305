"""BraintrustSpanProcessor: one processor that queues, batches, sends and answers for its spans."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel_braintrust.accounts import Counts, FlushResult
from otel_braintrust.asking import is_asking
from otel_braintrust.batching import Batches
from otel_braintrust.delivery.followers import Followers
from otel_braintrust.delivery.uploads import Uploads
from otel_braintrust.desk import Desk
from otel_braintrust.endings import hear_of_end, is_ending, time_to_leave_s
from otel_braintrust.equipment import new_followers
from otel_braintrust.exporter import BraintrustSpanExporter
from otel_braintrust.forks import after_fork, before_fork
from otel_braintrust.inquiries import Inquiries
from otel_braintrust.intake import Intake
from otel_braintrust.living import note_processor
from otel_braintrust.otel_variables import positive_int_from_environment
from otel_braintrust.serverless import is_local_root, platform_of
from otel_braintrust.settings import Settings
from otel_braintrust.traces import TraceAssembler
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.undelivered import Undelivered

if TYPE_CHECKING:
    from otel_braintrust.live import LiveRows

DEFAULT_BATCH_SPANS = 512
DEFAULT_PAUSE_MS = 5000
# The longest time that what happened to spans stays unread.
PAUSE_S = 1.0
# What the end of a process without a flush takes to write to disk what waits.
TIME_TO_WRITE_S = 0.5
SHARE_DURING_OUTAGE = 0.1
# What a fork may wait for a thread that reads.
FORK_PATIENCE_S = 0.1


class BraintrustSpanProcessor(Inquiries, SpanProcessor):
    """Sends every span that ends to Braintrust, and tells what became of each.

    OpenTelemetry's BatchSpanProcessor does the batching (``OTEL_BSP_*`` apply); this class keeps a
    ledger, and keeps its time in :meth:`flush` and :meth:`shutdown`. Starting and ending a span
    only notes it, never waits and never raises; a thread reads what was noted. Without an API key
    it warns once and does nothing but count.

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
        # Called with each span that starts, and now and then, until one of them returns True;
        # configure() sets them.
        self.start_hook: Callable[[Span], bool] | None = None
        self.pause_hook: Callable[[], bool] | None = None
        undelivered = Undelivered()
        self._exporter.book.on_settled = undelivered.note_settled
        self._followers: Followers | None = None
        self._exit_deadline: float | None = None
        serverless = self.settings.serverless
        self._is_serverless = bool(platform_of(os.environ)) if serverless is None else serverless
        desk = Desk(self._exporter, undelivered, self._new_batches())
        # A span that the application's function makes must not be asked for by that very function.
        self._asks = bool(self.settings.span_filter or self.settings.route)
        intake = Intake(
            desk.enter,
            refuse=desk.refuse,
            places=2 * self._exporter.queue_size,
            has_thread=self.is_active and not self.settings.sync_flush,
            pause_s=PAUSE_S,
            after=self._after_reading,
        )
        super().__init__(intake, desk, undelivered)
        if self._exporter.courier is not None:
            self._exporter.courier.drain = self._desk.hand_over
        self._live: LiveRows | None = None
        if self.settings.live and self.is_active:
            from otel_braintrust.live import LiveRows

            self._live = LiveRows(
                self._exporter, self._passage, self._undelivered, read=self._intake.read
            )
        if self._exporter.meters is not None:
            meters = self._exporter.meters
            meters.add_processor(self._exporter.queue_size, self._intake.read)
        before_fork(self._read_before_fork)
        after_fork(self._renew_after_fork)
        note_processor(self)
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
        return self._desk.is_closed

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
        self._intake.read()  # so that it is known which rows are still to come
        if self._followers is None and self.settings.api_key and not self.is_closed:
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
        self._intake.read()
        counts = self._exporter.ledger
        return replace(counts, changes=self._followers.counts) if self._followers else counts

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp the span with its destination, and note that it started."""
        if self._exporter.courier is None or self._desk.is_closed:
            return
        if self._asks and is_asking():
            return
        try:
            stamp, answer = self._surroundings.write(span, parent_context)
            self._intake.note_start(span, stamp, answer)
            if self._live is not None:
                self._live.note_start(span)
            if self.start_hook is not None and self.start_hook(span):
                self.start_hook = self.pause_hook = None
        except Exception as error:  # noqa: BLE001  (nothing may reach the application)
            self._desk.tell_internal(error)

    def on_end(self, span: ReadableSpan) -> None:
        """Note that the span ended; never waits, never raises."""
        try:
            if self._asks and is_asking():
                self._exporter.book.settle([self._exporter.book.open(span)], "filtered")
                return
            self._intake.note_end(span)
            if self._is_serverless or is_ending():
                self._hasten(span)
        except Exception as error:  # noqa: BLE001
            self._desk.tell_internal(error)

    def _new_batches(self) -> Batches | None:
        courier = self._exporter.courier
        if courier is None or self.settings.sync_flush:
            return None
        return Batches(
            courier,
            queue_size=self._exporter.queue_size,
            batch_size=positive_int_from_environment(
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", DEFAULT_BATCH_SPANS
            ),
            pause_ms=positive_int_from_environment("OTEL_BSP_SCHEDULE_DELAY", DEFAULT_PAUSE_MS),
        )

    def _after_reading(self) -> None:
        try:
            if self.pause_hook is not None and self.pause_hook():
                self.start_hook = self.pause_hook = None
        except Exception as error:  # noqa: BLE001  (the thread must go on reading)
            self._desk.tell_internal(error)

    def _hasten(self, span: ReadableSpan) -> None:
        if self._is_serverless and is_local_root(span):
            # The platform may stop the process until its next call.
            self.flush_quickly(self.settings.serverless_budget_s)
        elif self._exporter.courier is not None:
            self._intake.read()
            self._exporter.courier.hasten()

    def flush(self, timeout_s: float = 30.0) -> FlushResult:
        """Send what ended before this call, and tell what became of it, within the time given.

        What is still pending then is not given up: it is tried further in the background.

        Args:
            timeout_s: Longest time to wait, in seconds.
        """
        deadline = time.monotonic() + max(0.0, timeout_s)
        unread = self._intake.read(max(0.0, timeout_s))
        self._passage.release()
        result = self._exporter.flush(deadline - time.monotonic())
        if self._live is not None:
            self._live.flush(deadline)
        waiting = self._followers.flush(deadline) if self._followers is not None else 0
        waiting += unread
        lost = self._followers.newly_lost() if self._followers is not None else 0
        if waiting or lost:
            result = replace(result, pending=result.pending + waiting, changes_lost=lost)
        return result

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """As :meth:`flush`, in milliseconds; True when nothing was lost and nothing is pending."""
        return self.flush(timeout_millis / 1000).ok

    def shutdown(self, timeout_millis: float | None = None) -> None:
        """Send what can be sent in the time given, and count the rest as lost.

        Args:
            timeout_millis: Longest time, in milliseconds; default the option ``exit_timeout_s``.
        """
        if self.is_closed:
            return
        self._intake.stop()
        if self._live is not None:
            self._live.stop()
        self._passage.stop()
        timeout_s = self.settings.exit_timeout_s
        if timeout_millis is not None:
            timeout_s = min(timeout_s, timeout_millis / 1000)
        deadline = time.monotonic() + timeout_s
        if self._exit_deadline is not None:
            deadline = min(deadline, self._exit_deadline)
        if self._exporter.courier is not None:
            self._exporter.courier.hurry(deadline)
        self._desk.stop()
        self._exporter.shutdown((deadline - time.monotonic()) * 1000)
        if self._followers is not None:
            self._followers.stop(deadline)

    @property
    def exit_timeout_s(self) -> float:
        """How long the end of the process may wait for delivery, in seconds."""
        return 0.0 if self.settings.disable_atexit_flush else self.settings.exit_timeout_s

    def leave(self) -> None:
        """Flush once at the end of the process; a shutdown that follows gets what time is left."""
        if self.is_closed or self._exit_deadline is not None:
            return
        timeout_s = time_to_leave_s(self.exit_timeout_s)
        self._exit_deadline = time.monotonic() + timeout_s
        if self._exporter.keeps_lost:
            # What cannot be sent must be written down while there is time.
            self._exit_deadline += 0 if timeout_s else TIME_TO_WRITE_S
            self.shutdown(timeout_millis=max(timeout_s, TIME_TO_WRITE_S) * 1000)
        elif timeout_s:
            self.flush(timeout_s)
        self._exporter.tell_losses()

    def flush_quickly(self, timeout_s: float) -> None:
        """As :meth:`flush`, but with a tenth of the time while the server fails.

        Args:
            timeout_s: Longest time to wait, in seconds.
        """
        courier = self._exporter.courier
        is_failing = courier is not None and courier.is_failing
        self.flush(timeout_s * SHARE_DURING_OUTAGE if is_failing else timeout_s)

    def _read_before_fork(self) -> None:
        # So that the child knows which spans are above its own.
        self._intake.read(FORK_PATIENCE_S)

    def _renew_after_fork(self) -> None:
        self._undelivered.reset_after_fork()
        self._intake.reset_after_fork()
        self._desk.reset_after_fork()
        self._passage.reset_after_fork()
        if self._live is not None:
            self._live.reset_after_fork()
        if self._followers is not None:
            self._followers.renew_after_fork()
