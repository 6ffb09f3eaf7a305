"""OpenTelemetry's BatchSpanProcessor, as the queue between the reading of spans and the courier."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from otel_braintrust.accounts import Ticket
from otel_braintrust.delivery.courier import Courier


class Batches:
    """Tickets of spans on their way to the courier, together by OpenTelemetry's rules.

    Its queue holds tickets where OpenTelemetry's types say spans; see
    :class:`otel_braintrust.accounts.Ticket`. It would drop the oldest when it is full, and only
    log that: so what it holds is counted, and whoever puts something in asks for room before. Its
    thread starts with the first span; where none can start any more, spans do not wait.

    Args:
        courier: Who takes the batches.
        queue_size: Most spans in the queue.
        batch_size: Most spans in one batch.
        pause_ms: Longest time that a span waits for others, in milliseconds.
    """

    def __init__(
        self, courier: Courier, *, queue_size: int, batch_size: int, pause_ms: int
    ) -> None:
        self._courier = courier
        self._queue_size = queue_size
        self._batch_size = min(batch_size, queue_size)
        self._pause_ms = pause_ms
        self._processor: BatchSpanProcessor | None = None
        self._lock_type: object = None
        self._is_stopped = False
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child, where BatchSpanProcessor has emptied its own queue."""
        # Re-entrant, because a finalizer may end a span while its thread is in here.
        self._changing = threading.RLock()
        self.waiting = 0

    def put(self, tickets: Sequence[Ticket]) -> bool:
        """Queue spans for which there is room; False when nothing is taken any more.

        Args:
            tickets: The spans.
        """
        with self._changing:
            if self._is_stopped:
                return False
            try:
                processor = self._processor or self._new_processor()
            except RuntimeError:  # the interpreter is ending
                self._courier.accept(tickets)
                return True
            self.waiting += len(tickets)
            for ticket in tickets:
                # A ticket has all that BatchSpanProcessor reads of a span.
                processor.on_end(ticket)  # type: ignore[arg-type]
        return True

    def _new_processor(self) -> BatchSpanProcessor:
        self._lock_type = threading.Lock
        self._processor = BatchSpanProcessor(
            _HandOver(self._courier, self),
            max_queue_size=self._queue_size,
            max_export_batch_size=self._batch_size,
            schedule_delay_millis=self._pause_ms,
        )
        return self._processor

    def take(self, count: int) -> None:
        """Note that spans left the queue."""
        with self._changing:
            self.waiting -= count

    def hand_over(self) -> None:
        """Give the courier all that waits."""
        processor = self._processor
        if processor is not None:
            processor.force_flush()

    def stop(self) -> None:
        """Give the courier all that waits, and take nothing more."""
        with self._changing:
            self._is_stopped = True
        self.hand_over()
        # A thread that was made before gevent changed what threads are cannot end in peace.
        if self._processor is not None and threading.Lock is self._lock_type:
            self._processor.shutdown()  # type: ignore[no-untyped-call]  # it lacks types


class _HandOver(SpanExporter):
    """What BatchSpanProcessor exports to: the courier, which sends from its own thread."""

    def __init__(self, courier: Courier, batches: Batches) -> None:
        self._courier = courier
        self._batches = batches

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        tickets: list[Ticket] = list(spans)
        self._batches.take(len(tickets))
        self._courier.accept(tickets)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """The processor stops the courier itself, with a deadline."""
