"""The thread that carries spans to Braintrust, and the only one that waits for the network."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from otel_braintrust.accounts import FlushResult, Ledger, Ticket
from otel_braintrust.delivery.errors import ApiError
from otel_braintrust.delivery.http import suppressed_instrumentation
from otel_braintrust.delivery.parcels import Parcel
from otel_braintrust.delivery.retrying import REASON_BY_RETRYABLE_ERROR, Patience
from otel_braintrust.delivery.sending import Round, Sender
from otel_braintrust.delivery.troubles import Troubles

SPANS_AT_ONCE = 512
# A flush during an outage is one more probe, but never more than about one in this time.
LEAST_PAUSE_S = 0.5

Seal = Callable[[Sequence[Ticket]], list[Parcel]]


class Courier:
    """Takes spans that ended, and sends their rows from one thread of its own.

    Callers only ever wait on a condition, never on the network, so each keeps its deadline whatever
    the network does. The thread starts with the first span; where no thread can start (the process
    is ending) the caller of ``stop`` does the work itself, within its deadline.

    Args:
        ledger: Where spans are settled.
        seal: Makes parcels of spans, and settles those that have no row.
        sender: Tries parcels.
        troubles: Where trouble is told.
        queue_size: Most spans that wait here; more are dropped and counted.
        new_patience: Makes the policy of retrying for one group of parcels.
        abort: Breaks off a request under way, from another thread.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        seal: Seal,
        sender: Sender,
        troubles: Troubles,
        queue_size: int,
        new_patience: Callable[[], Patience],
        abort: Callable[[], None],
    ) -> None:
        self.drain: Callable[[], object] | None = None
        self._ledger = ledger
        self._seal = seal
        self._sender = sender
        self._troubles = troubles
        self._queue_size = queue_size
        self._new_patience = new_patience
        self._abort = abort
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._inbox: deque[Ticket] = deque()
        self._carried: list[Ticket] = []
        self._thread: threading.Thread | None = None
        self._flushes = 0
        self._flushes_at_attempt = 0
        self._flush_wanted = False
        self._draining = False
        self._stop_at: float | None = None
        self._stopped = False
        self._is_trial = False
        self.is_failing = False

    def accept(self, tickets: Sequence[Ticket], *, wait_for_room: bool = False) -> None:
        """Take spans to send.

        Args:
            tickets: The spans.
            wait_for_room: Wait while many spans wait already, so that the queue in front fills up
                and not this one; a flush or a stop ends the wait.
        """
        with self._changed:
            while wait_for_room and self._is_busy():
                self._changed.wait()
            room = 0 if self._stopped else max(0, self._queue_size - len(self._inbox))
            self._inbox.extend(tickets[:room])
            reason = "after_shutdown" if self._stopped else "queue_full"
            self._changed.notify_all()
        if tickets[room:]:
            self._drop(tickets[room:], reason)
        if not self._stopped and self._stop_at is None:
            self._ensure_thread()

    def flush(self, deadline: float) -> FlushResult:
        """Have everything sent that ended before this call, and tell what became of it.

        Args:
            deadline: Moment on ``time.monotonic()`` at which to return, finished or not.
        """
        watch = self._ledger.watch()
        if watch.pending and not self._stopped:
            with self._changed:
                self._flush_wanted = True
                self._flushes += 1
                self._changed.notify_all()
            if not self._ensure_thread():
                self._flush_inline(deadline)
        return self._ledger.report(watch, deadline)

    def hurry(self, deadline: float) -> None:
        """Announce a stop: nobody waits for room any more, and requests end by the deadline."""
        with self._changed:
            self._stop_at = deadline
            self._changed.notify_all()

    def stop(self, deadline: float) -> None:
        """Send what can be sent until the deadline, then drop the rest, counted as ``shutdown``."""
        if self._stopped:
            return
        self.hurry(deadline)
        if self._ledger.counts.pending and not self._ensure_thread():
            self._work_inline(deadline)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            self._stopped = True
            rest = [*self._carried, *self._inbox]
            self._inbox.clear()
            self._changed.notify_all()
        self._drop(rest, "shutdown")
        self._abort()

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child: the parent's thread is not here, and its spans not ours."""
        was_stopped = self._stopped
        self._begin()
        self._stopped = was_stopped

    def _is_busy(self) -> bool:
        if self._draining or self._flush_wanted or self._stopped or self._stop_at is not None:
            return False
        return len(self._inbox) >= SPANS_AT_ONCE

    def _ensure_thread(self) -> bool:
        """Tell whether the thread runs, after starting it if need be."""
        with self._changed:
            if self._thread is not None and self._thread.is_alive():
                return True
            thread = threading.Thread(target=self._work, name="otel-braintrust", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending
                return False
            self._thread = thread
            return True

    def _work(self) -> None:
        with suppressed_instrumentation():
            while self._next_task():
                self._step()

    def _work_inline(self, deadline: float) -> None:
        """Do the thread's work in the caller, until all is done or the deadline has come."""
        with suppressed_instrumentation():
            pending = self._ledger.counts.pending
            while pending and time.monotonic() < deadline:
                self._step()
                before, pending = pending, self._ledger.counts.pending
                if pending >= before:
                    return

    def _flush_inline(self, deadline: float) -> None:
        """Flush in the caller; what does not arrive in time stays in the inbox."""
        with self._changed:
            self._is_trial = self._stop_at is None
            self._stop_at = min(deadline, self._stop_at or deadline)
        try:
            self._work_inline(deadline)
        finally:
            with self._changed:
                self._stop_at = None if self._is_trial else self._stop_at
                self._is_trial = False

    def _next_task(self) -> bool:
        """Wait for something to do; False when there will be nothing any more."""
        with self._changed:
            while not self._inbox and not self._flush_wanted:
                if self._stopped or self._stop_at is not None:
                    return False
                self._changed.wait()
            return not self._stopped

    def _step(self) -> None:
        try:
            self._drain_queue_in_front()
            with self._changed:
                taken = min(len(self._inbox), SPANS_AT_ONCE)
                self._carried = [self._inbox.popleft() for _ in range(taken)]
                self._changed.notify_all()
            self._carry(self._carried)
        except Exception as error:  # noqa: BLE001  (the thread must outlive whatever happens)
            self._troubles.tell(
                "internal",
                logging.ERROR,
                "delivery failed unexpectedly (%s); please report it",
                type(error).__name__,
            )
        finally:
            # Only an unforeseen exception or a stop leaves any of them unsettled.
            self._drop(self._carried, "shutdown" if self._stopped else "unreadable")
            self._carried = []

    def _drain_queue_in_front(self) -> None:
        with self._changed:
            wanted, self._flush_wanted = self._flush_wanted, False
            self._draining = wanted
            self._changed.notify_all()
        try:
            if wanted and self.drain is not None:
                self.drain()
        finally:
            with self._changed:
                self._draining = False

    def _carry(self, tickets: Sequence[Ticket]) -> None:
        """Deliver these spans, or lose them with a reason."""
        waiting = self._seal(tickets) if tickets else []
        patience = self._new_patience()
        while waiting and not self._stopped:
            self._flushes_at_attempt = self._flushes
            round_ = self._sender.attempt(waiting, self._stop_at)
            self._note_health(round_)
            if round_.progress:
                patience.note_progress()
            waiting = round_.waiting
            if round_.error is not None and not self._wait_out(round_.error, patience, waiting):
                return

    def _note_health(self, round_: Round) -> None:
        if round_.error is not None:
            self.is_failing = True
            kind = f"outage {REASON_BY_RETRYABLE_ERROR[type(round_.error)]}"
            message = "spans wait to be sent and are tried again: %s"
            self._troubles.tell(kind, logging.WARNING, message, round_.error)
        elif round_.progress:
            self.is_failing = False
            self._troubles.are_over("outage", "delivery to Braintrust works again")

    def _wait_out(self, error: ApiError, patience: Patience, waiting: list[Parcel]) -> bool:
        """Wait before the next attempt; False when the rows were given up instead."""
        tickets = [parcel.ticket for parcel in waiting]
        wait_s = patience.next_wait_s(error)
        if wait_s is not None:
            if self._pause(wait_s, may_shorten=not error.retry_after_s):
                return True
            if self._is_trial:
                with self._changed:
                    self._inbox.extendleft(reversed([t for t in tickets if t.column is None]))
                    self._carried = []
            else:
                self._drop(tickets, "shutdown")
            return False
        reason = REASON_BY_RETRYABLE_ERROR[type(error)]
        self._troubles.tell(
            f"gave up {reason}",
            logging.ERROR,
            "%d spans dropped, tried for as long as OTEL_BRAINTRUST_MAX_RETRY and "
            "BRAINTRUST_NUM_RETRIES allow: %s",
            len(tickets),
            error,
            count=len(tickets),
        )
        self._drop(tickets, reason)
        return False

    def _pause(self, wait_s: float, *, may_shorten: bool) -> bool:
        """Wait before the next attempt; False when a stop leaves no time for one."""
        begin = time.monotonic()
        with self._changed:
            while not self._stopped:
                is_asked = self._flushes != self._flushes_at_attempt or self._stop_at is not None
                shortest_s = min(wait_s, LEAST_PAUSE_S)
                end = begin + (shortest_s if may_shorten and is_asked else wait_s)
                if self._stop_at is not None and end >= self._stop_at:
                    return False
                remaining_s = end - time.monotonic()
                if remaining_s <= 0:
                    return True
                self._changed.wait(remaining_s)
            return False

    def tell_queue_full(self, dropped: int) -> None:
        """Log, now and then, that spans are dropped because too many wait."""
        self._troubles.tell(
            "queue_full",
            logging.WARNING,
            "%d spans dropped: %d wait already; raise OTEL_BSP_MAX_QUEUE_SIZE or "
            "BRAINTRUST_QUEUE_SIZE, or make fewer spans",
            dropped,
            self._queue_size,
            count=dropped,
        )

    def _drop(self, tickets: Sequence[Ticket], reason: str) -> int:
        dropped = self._ledger.settle(tickets, "dropped", reason)
        if dropped and reason == "queue_full":
            self.tell_queue_full(dropped)
        return dropped
