"""The thread that carries spans to Braintrust, and the only one that waits for the network."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence

from otel_braintrust.delivery.errors import ApiError
from otel_braintrust.delivery.http import suppressed_instrumentation
from otel_braintrust.delivery.parcels import Parcel
from otel_braintrust.delivery.retrying import REASON_BY_RETRYABLE_ERROR, Patience
from otel_braintrust.delivery.sending import Round, Sender
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.ledger import FlushResult, Ledger, Ticket

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
        self.drain: Callable[[], None] | None = None
        self._ledger = ledger
        self._seal = seal
        self._sender = sender
        self._troubles = troubles
        self._queue_size = queue_size
        self._new_patience = new_patience
        self._abort = abort
        self._begin()
        _renew_after_fork(self)

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._inbox: deque[Ticket] = deque()
        self._in_hand: list[Parcel] = []
        self._thread: threading.Thread | None = None
        self._flush_wanted = False
        self._draining = False
        self._stop_at: float | None = None
        self._stopped = False
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
                self._changed.notify_all()
            if not self._ensure_thread():
                self._work_inline(deadline)
        return self._ledger.report(watch, deadline)

    def stop(self, deadline: float) -> None:
        """Send what can be sent until the deadline, then drop the rest, counted as ``shutdown``."""
        with self._changed:
            if self._stopped:
                return
            self._stop_at = deadline
            self._changed.notify_all()
        if self._ledger.counts.pending and not self._ensure_thread():
            self._work_inline(deadline)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            self._stopped = True
            rest = [*self._inbox, *(parcel.ticket for parcel in self._in_hand)]
            self._inbox.clear()
            self._changed.notify_all()
        self._drop(rest, "shutdown")
        self._abort()

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child: the parent's thread, and what it had in hand, are not here."""
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
            with self._changed:
                self._stop_at = min(deadline, self._stop_at or deadline)
            while self._ledger.counts.pending and time.monotonic() < deadline:
                before = self._ledger.counts.pending
                self._step()
                if not self._inbox and self._ledger.counts.pending >= before:
                    break

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
                tickets = [self._inbox.popleft() for _ in range(taken)]
                self._changed.notify_all()
            if tickets:
                self._carry(tickets)
        except Exception as error:  # noqa: BLE001  (the thread must outlive whatever happens)
            self._troubles.tell(
                "internal",
                logging.ERROR,
                "delivery failed unexpectedly: %r; please report it",
                error,
            )

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
        """Deliver these spans, or lose them with a reason; return only when each is settled."""
        try:
            self._in_hand = self._seal(tickets)
            patience = self._new_patience()
            while self._in_hand and not self._stopped:
                round_ = self._sender.attempt(self._in_hand, self._stop_at)
                self._in_hand = round_.waiting
                self._note_round(round_, patience)
        finally:
            self._drop(tickets, "unreadable")  # only what an unforeseen exception left unsettled
            self._in_hand = []

    def _note_round(self, round_: Round, patience: Patience) -> None:
        if round_.progress:
            patience.note_progress()
        if round_.error is None:
            if round_.progress:
                self.is_failing = False
                self._troubles.is_over("outage", "delivery to Braintrust works again")
            return
        self.is_failing = True
        self._tell_outage(round_.error)
        wait_s = patience.next_wait_s(round_.error)
        if wait_s is None:
            self._give_up(round_.error)
        elif not self._pause(wait_s, may_shorten=not round_.error.retry_after_s):
            self._drop([parcel.ticket for parcel in self._in_hand], "shutdown")
            self._in_hand = []

    def _tell_outage(self, error: ApiError) -> None:
        self._troubles.tell(
            "outage", logging.WARNING, "spans wait to be sent and are tried again: %s", error
        )

    def _give_up(self, error: ApiError) -> None:
        reason = REASON_BY_RETRYABLE_ERROR[type(error)]
        dropped = self._drop([parcel.ticket for parcel in self._in_hand], reason)
        self._in_hand = []
        self._troubles.tell(
            f"gave up {reason}",
            logging.ERROR,
            "%d spans dropped after trying for as long as OTEL_BRAINTRUST_MAX_RETRY and "
            "BRAINTRUST_NUM_RETRIES allow: %s",
            dropped,
            error,
            count=dropped,
        )

    def _pause(self, wait_s: float, *, may_shorten: bool) -> bool:
        """Wait before the next attempt; False when a stop leaves no time for one."""
        begin = time.monotonic()
        with self._changed:
            flush_seen = self._flush_wanted
            while not self._stopped:
                end = begin + wait_s
                if may_shorten and (self._flush_wanted and not flush_seen):
                    end = min(end, begin + LEAST_PAUSE_S)
                if self._stop_at is not None:
                    # One more probe may be worth it; waiting beyond the end is not.
                    if end >= self._stop_at:
                        end = self._stop_at
                        if not self._changed.wait(max(0.0, end - time.monotonic())):
                            return False
                        continue
                remaining_s = end - time.monotonic()
                if remaining_s <= 0:
                    return True
                self._changed.wait(remaining_s)
            return False

    def _drop(self, tickets: Sequence[Ticket], reason: str) -> int:
        dropped = self._ledger.settle(tickets, "dropped", reason)
        if dropped and reason == "queue_full":
            self._troubles.tell(
                "queue_full",
                logging.WARNING,
                "%d spans dropped: %d wait already; raise OTEL_BSP_MAX_QUEUE_SIZE or "
                "BRAINTRUST_QUEUE_SIZE, or make fewer spans",
                dropped,
                self._queue_size,
                count=dropped,
            )
        return dropped


def _renew_after_fork(courier: Courier) -> None:
    if not hasattr(os, "register_at_fork"):
        return
    reference = weakref.WeakMethod(courier.renew_after_fork)

    def renew() -> None:
        method = reference()
        if method is not None:
            method()

    os.register_at_fork(after_in_child=renew)
