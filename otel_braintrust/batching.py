"""OpenTelemetry's BatchSpanProcessor, as the queue between the reading of spans and the courier."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags

from otel_braintrust.accounts import Ticket
from otel_braintrust.delivery.courier import Courier


class _Batch:
    """Spans that go together; it lies in a queue where OpenTelemetry's types say spans."""

    # All that BatchSpanProcessor reads of a span.
    context = SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    def __init__(self) -> None:
        self.tickets: list[Ticket] = []


# Follows each batch that is full: two things in the queue are what is exported without delay.
_FULL = _Batch()
EXPORT_AT = 2


class Batches:
    """Tickets of spans on their way to the courier, together by OpenTelemetry's rules.

    BatchSpanProcessor's queue holds whole batches, for what it does with each thing in it would
    take longer than all else that is done with a span here. It would drop the oldest when it is
    full, and only log that: so spans are counted, and whoever puts some in asks for room before.
    Its thread starts with the first span; where none can start any more, spans do not wait.

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
        self._filling: _Batch | None = None
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
            while tickets:
                tickets = self._fill(processor, tickets)
        return True

    def _fill(self, processor: BatchSpanProcessor, tickets: Sequence[Ticket]) -> Sequence[Ticket]:
        """Put spans in the last batch; those for which it has no room are left."""
        batch = self._filling
        if batch is None:
            batch = self._filling = _Batch()
            processor.on_end(batch)  # type: ignore[arg-type]  # see _Batch
        room = self._batch_size - len(batch.tickets)
        batch.tickets += tickets[:room]
        if len(batch.tickets) == self._batch_size:
            self._filling = None
            processor.on_end(_FULL)  # type: ignore[arg-type]
        return tickets[room:]

    def _new_processor(self) -> BatchSpanProcessor:
        self._lock_type = threading.Lock
        self._processor = BatchSpanProcessor(
            _HandOver(self._courier, self),
            # More than the smallest batches with _FULL after each.
            max_queue_size=2 * EXPORT_AT * self._queue_size,
            max_export_batch_size=EXPORT_AT,
            schedule_delay_millis=self._pause_ms,
        )
        return self._processor

    def take(self, batches: Sequence[_Batch]) -> list[Ticket]:
        """The spans of batches that left the queue."""
        with self._changing:
            if self._filling in batches:
                self._filling = None
            tickets = [ticket for batch in batches for ticket in batch.tickets]
            self.waiting -= len(tickets)
            return tickets

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
        self._courier.accept(self._batches.take(spans))
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """The processor stops the courier itself, with a deadline."""
