"""The thread that carries spans to Braintrust, and the only one that waits for the network."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from otel_braintrust.accounts import FlushResult, Ledger, Ticket
from otel_braintrust.delivery.errors import ApiError, ThrottledError
from otel_braintrust.delivery.failures import GONE
from otel_braintrust.delivery.parcels import Parcel
from otel_braintrust.delivery.replaying import Replay
from otel_braintrust.delivery.retrying import REASON_BY_RETRYABLE_ERROR, Backoff, RowPatience
from otel_braintrust.delivery.rounds import Round
from otel_braintrust.delivery.sending import Sender
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.silence import suppressed_instrumentation
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.delivery.uploads import Uploads
from otel_braintrust.notices import Notices

SPANS_AT_ONCE = 512
# A flush during an outage is one more probe, but never more than about one in this time.
LEAST_PAUSE_S = 0.5
# Rows that wait for a failed project's look-up, or that fail alone, hold up others no longer.
PAUSE_BESIDE_OTHERS_S = 0.1
# An outage of this length sends spans to the disk, if there is a spool.
SPOOL_AFTER_S = 2.0
DISK_PAUSE_S = 5.0
# What a stop keeps of its time for writing to the disk.
SAVE_SHARE = 0.4
MAX_SAVE_S = 1.5

Seal = Callable[[Sequence[Ticket]], list[Parcel]]


class Courier:
    """Takes spans that ended, and sends their rows from one thread of its own.

    Callers only ever wait on a condition, never on the network, so each keeps its deadline whatever
    the network does. The thread starts with the first span; where no thread can start (the process
    is ending) the caller of ``flush`` or ``stop`` does the work itself, within its deadline.

    Args:
        ledger: Where spans are counted.
        seal: Makes parcels of spans, and settles those that have no row.
        sender: Tries parcels.
        settlement: Where rows are settled.
        troubles: Where trouble is told.
        notices: Where the application is told.
        queue_size: Most spans that wait here; more are dropped and counted.
        patience: How long rows are tried.
        abort: Breaks off a request under way, from another thread.
        replay: Sends what waits on disk; None: there is no spool.
        writes_first: Write every row to disk before it is sent.
        uploads: Uploads the attachments of rows; it stops with the courier.
        has_thread: Send from a thread; else only from the callers of ``flush`` and ``stop``.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        seal: Seal,
        sender: Sender,
        settlement: Settlement,
        troubles: Troubles,
        notices: Notices,
        queue_size: int,
        patience: RowPatience,
        abort: Callable[[], None],
        replay: Replay | None = None,
        writes_first: bool = False,
        has_thread: bool = True,
        uploads: Uploads | None = None,
    ) -> None:
        self.uploads = uploads
        self.drain: Callable[[], object] | None = None
        # Tells the organization, as far as it is known without a request.
        self.organization_name: Callable[[], str | None] = lambda: None
        self._ledger = ledger
        self._seal = seal
        self._sender = sender
        self._settlement = settlement
        self._troubles = troubles
        self._notices = notices
        self._queue_size = queue_size
        self._patience = patience
        self._abort = abort
        self._replay = replay
        self._writes_first = writes_first and replay is not None
        self._has_thread = has_thread
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._inline = threading.Lock()
        self._inbox: deque[Ticket] = deque()
        self._sealing: list[Ticket] = []
        self._parcels: list[Parcel] = []
        self._thread: threading.Thread | None = None
        self._backoff = Backoff()
        self._attempt_at = 0.0
        self._resume_at = 0.0
        self._may_hasten = True
        self._disk_failed_at = -DISK_PAUSE_S
        self._flushes = 0
        self._flushes_at_attempt = 0
        self._flush_wanted = False
        self._draining = False
        self._stop_at: float | None = None
        self._stopped = False
        self.is_failing = False

    @property
    def waiting(self) -> int:
        """How many spans wait here of which no row is made yet."""
        return len(self._inbox)

    @property
    def keeps_lost(self) -> bool:
        """Whether spans that cannot be delivered are kept on disk."""
        return self._settlement.keeps_lost

    def begin_replay(self) -> None:
        """Send in the background what earlier processes left on disk."""
        if self._replay is not None:
            self._ensure_thread()

    def accept(self, tickets: Sequence[Ticket], *, wait_for_room: bool = False) -> None:
        """Take spans to send.

        Args:
            tickets: The spans.
            wait_for_room: Wait while many spans wait already, so that the queue in front fills up
                and not this one; a flush or a stop ends the wait.
        """
        if self._writes_first and not self._stopped:
            tickets = self._written(tickets)
        with self._changed:
            while wait_for_room and self._is_busy():
                self._changed.wait()
            room = 0 if self._stopped else max(0, self._queue_size - len(self._inbox))
            self._inbox.extend(tickets[:room])
            reason = "after_shutdown" if self._stopped else "queue_full"
            self._changed.notify_all()
        if tickets[room:]:
            self._turn_away(tickets[room:], reason)
        if not self._stopped and self._stop_at is None:
            self._ensure_thread()

    def flush(self, deadline: float) -> FlushResult:
        """Have everything sent that ended before this call, and tell what became of it.

        Args:
            deadline: Moment on ``time.monotonic()`` at which to return, finished or not.
        """
        watch = self._ledger.watch()
        if (watch.pending or self._waits_on_disk()) and not self._stopped:
            failures, empties = self.hasten()
            if not self._ensure_thread():
                self._flush_inline(deadline)
            self._ledger.wait_until(lambda: watch.pending <= 0, deadline)
            replay = self._replay
            if replay is not None and self._waits_on_disk():
                # What waits on disk is sent now, unless the server still fails.
                self._ledger.wait_until(
                    lambda: (
                        not self._waits_on_disk()
                        or (replay.failures, replay.empties) != (failures, empties)
                    ),
                    deadline,
                )
        self._notices.deliver()
        return self._ledger.report(watch, deadline)

    def hurry(self, deadline: float) -> None:
        """Announce a stop: nobody waits for room any more, and requests end by the deadline."""
        with self._changed:
            self._stop_at = self._before_saving(deadline)
            self._changed.notify_all()

    def stop(self, deadline: float) -> None:
        """Send what can be sent until the deadline; the rest goes to the disk, or is lost.

        Args:
            deadline: Moment on ``time.monotonic()``.
        """
        if self._stopped:
            return
        self.hurry(deadline)
        end = self._before_saving(deadline)
        if self._ledger.counts.pending and not self._ensure_thread():
            self._work_inline(end)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, end - time.monotonic()))
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._abort()
        if self.uploads is not None:
            self.uploads.stop(deadline)
        self._save(deadline)
        if self._replay is not None:
            self._replay.release()
            self._replay.close()
        self._notices.deliver()

    def _save(self, deadline: float) -> None:
        """Leave what waits to the disk, as long as there is time; the rest is lost."""
        with self._changed:
            parcels = list(self._parcels)
            tickets = [*self._sealing, *self._inbox]
            self._inbox.clear()
        if self._settlement.keeps_lost:
            with suppressed_instrumentation():
                self._put_away(parcels)
                while tickets and time.monotonic() < deadline:
                    some, tickets = tickets[:SPANS_AT_ONCE], tickets[SPANS_AT_ONCE:]
                    self._put_away(self._sealed(some))
        else:
            self._settlement.dropped(parcels, "shutdown")
        self._ledger.settle([t for t in tickets if t.column is None], "dropped", "shutdown")

    def _put_away(self, parcels: list[Parcel]) -> None:
        if not self._settlement.spooled(parcels):
            self._settlement.dropped(parcels, "shutdown")

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child: the parent's thread is not here, and its spans not ours."""
        was_stopped = self._stopped
        self._begin()
        self._stopped = was_stopped
        if self._replay is not None:
            self._replay.renew_after_fork()
        if self.uploads is not None:
            self.uploads.renew_after_fork()

    def tell_queue_full(self, dropped: int) -> None:
        """Log, now and then, that spans are dropped because too many wait."""
        self._troubles.tell(
            "queue_full",
            logging.WARNING,
            "%d spans dropped: %d wait already, with %d MiB; raise OTEL_BSP_MAX_QUEUE_SIZE, "
            "BRAINTRUST_QUEUE_SIZE or OTEL_BRAINTRUST_QUEUE_BYTES, or make fewer spans",
            dropped,
            self._ledger.counts.pending,
            self._ledger.pending_bytes >> 20,
            count=dropped,
        )

    def _written(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """The spans whose rows are on disk now, or could not be written."""
        with suppressed_instrumentation():
            parcels = self._seal(tickets)
            self._settlement.store(parcels)
        for parcel in parcels:
            if parcel.ticket is not None:
                parcel.ticket.parcel = parcel
        return [parcel.ticket for parcel in parcels if parcel.ticket is not None]

    def _turn_away(self, tickets: Sequence[Ticket], reason: str) -> None:
        """Lose spans that no room is left for; those on disk stay there."""
        parcels = [ticket.parcel for ticket in tickets if ticket.parcel is not None]
        if parcels:
            self._settlement.spooled(parcels)
        dropped = self._ledger.settle([t for t in tickets if t.column is None], "dropped", reason)
        if dropped and reason == "queue_full":
            self.tell_queue_full(dropped)

    def _is_busy(self) -> bool:
        if self._draining or self._flush_wanted or self._stopped or self._stop_at is not None:
            return False
        return len(self._inbox) >= SPANS_AT_ONCE

    def _before_saving(self, deadline: float) -> float:
        """When the network's time is over, so that some is left for the disk."""
        if not self._settlement.keeps_lost:
            return deadline
        remaining_s = max(0.0, deadline - time.monotonic())
        return deadline - min(MAX_SAVE_S, SAVE_SHARE * remaining_s)

    def _waits_on_disk(self) -> bool:
        return self._replay is not None and self._ledger.counts.spooled > 0

    def hasten(self) -> tuple[int, int]:
        """Have everything tried soon; how often the replay had failed and found nothing by then."""
        with self._changed:
            self._flush_wanted = True
            self._flushes += 1
            replay = self._replay
            if replay is not None:
                replay.hasten(LEAST_PAUSE_S if self.is_failing else 0.0)
            self._changed.notify_all()
            return (replay.failures, replay.empties) if replay is not None else (0, 0)

    def _ensure_thread(self) -> bool:
        """Tell whether the thread runs, after starting it if need be."""
        if not self._has_thread:
            return False
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

    def _next_task(self) -> bool:
        """Wait for something to do; False when there will be nothing any more."""
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                due = now if self._flush_wanted else self._due_at(now)
                if due is not None and due <= now:
                    return True
                if self._stop_at is not None and (due is None or due >= self._stop_at):
                    return False
                self._changed.wait(None if due is None else due - now)
            return False

    def _due_at(self, now: float) -> float | None:
        """When there is something to do next, or None."""
        dues = []
        if self._parcels:
            dues.append(self._due_again(now))
        elif self._inbox:
            dues.append(now)
        is_vain = self.is_failing and (self._parcels or self._stop_at is not None)
        if self._replay is not None and not is_vain:
            dues.append(self._replay.next_at)
        return min(dues, default=None)

    def _due_again(self, now: float) -> float:
        """When what is in hand is tried again."""
        is_asked = self._flushes != self._flushes_at_attempt or self._stop_at is not None
        due = self._resume_at
        if self._may_hasten and is_asked:
            due = min(due, self._attempt_at + LEAST_PAUSE_S)
        if self._inbox and not self.is_failing and len(self._parcels) < SPANS_AT_ONCE:
            due = min(due, self._attempt_at + PAUSE_BESIDE_OTHERS_S)
        return now if self._goes_to_disk(now) else due

    def _step(self) -> None:
        try:
            self._drain_queue_in_front()
            self._take()
            now = time.monotonic()
            if self._parcels and (self._due_again(now) <= now or self._stop_at is not None):
                self._deliver()
            if self._replay is not None and self._replay.next_at <= time.monotonic():
                self._note_health(self._replay.step(self._stop_at))
        except Exception as error:  # noqa: BLE001  (the thread must outlive whatever happens)
            self._troubles.tell(
                "internal",
                logging.ERROR,
                "delivery failed unexpectedly (%s); please report it",
                type(error).__name__,
            )
            parcels, self._parcels = self._parcels, []
            self._settlement.dropped(parcels, "unreadable")
        self._notices.deliver()

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

    def _take(self) -> None:
        """Take spans from the inbox, as many as may be in hand, and make their rows."""
        with self._changed:
            room = min(len(self._inbox), SPANS_AT_ONCE - len(self._parcels))
            self._sealing = [self._inbox.popleft() for _ in range(room)]
            self._changed.notify_all()
        if not self._sealing:
            return
        try:
            if not self._parcels:
                self._resume_at = 0.0
            fresh = self._sealed(self._sealing)
            with self._changed:
                self._parcels = [*self._parcels, *fresh]
        finally:
            # Only an unforeseen exception leaves any of them without a row and unsettled.
            known = {id(parcel.ticket) for parcel in self._parcels}
            lost = [t for t in self._sealing if t.column is None and id(t) not in known]
            self._ledger.settle(lost, "dropped", "unreadable")
            self._sealing = []

    def _sealed(self, tickets: Sequence[Ticket]) -> list[Parcel]:
        ready = [ticket.parcel for ticket in tickets if ticket.parcel is not None]
        waiting = [each for each in tickets if each.parcel is None and each.column is None]
        return [*ready, *(self._seal(waiting) if waiting else [])]

    def _deliver(self) -> None:
        """Try what is in hand once; what stays in hand waits for its next time."""
        if self._goes_to_disk(time.monotonic()) and self._to_disk(self._parcels):
            self._parcels = []
            return
        self._flushes_at_attempt = self._flushes
        self._attempt_at = time.monotonic()
        round_ = self._sender.attempt(self._parcels, self._stop_at)
        waiting = [parcel for parcel in round_.waiting if not parcel.is_settled]
        self._note_health(round_)
        if round_.progress:
            self._backoff.note_progress()
        if round_.error is not None:
            waiting = self._wait_out(round_.error, waiting)
        with self._changed:
            self._parcels = waiting

    def _goes_to_disk(self, now: float) -> bool:
        """Tell whether what is in hand should wait on disk and not here."""
        if self._replay is None or now - self._disk_failed_at < DISK_PAUSE_S:
            return False
        if self._ledger.counts.spooled and self._replay.has_backlog():
            return True  # behind what waits there already, so that the order stays
        if not self.is_failing:
            return False
        since = [p.first_failed_at for p in self._parcels if p.first_failed_at is not None]
        return len(self._inbox) >= SPANS_AT_ONCE or (
            bool(since) and now - min(since) > SPOOL_AFTER_S
        )

    def _to_disk(self, parcels: list[Parcel]) -> bool:
        if self._settlement.spooled(parcels):
            if self._replay is not None:
                wait_s = self._resume_at - time.monotonic() if self.is_failing else 0.0
                self._replay.hasten(max(0.0, wait_s))
            return True
        self._disk_failed_at = time.monotonic()
        return False

    def _note_health(self, round_: Round) -> None:
        if round_.error is not None:
            self.is_failing = not round_.progress
            kind = f"outage {REASON_BY_RETRYABLE_ERROR[type(round_.error)]}"
            message = "spans wait to be sent and are tried again: %s"
            self._troubles.tell(kind, logging.WARNING, message, round_.error)
        elif round_.progress:
            self.is_failing = False
            self._troubles.are_over("outage", "delivery to Braintrust works again")

    def _wait_out(self, error: ApiError, waiting: list[Parcel]) -> list[Parcel]:
        """Plan the next attempt, and give up the rows that were tried for long enough."""
        for parcel in waiting:
            self._patience.note_failure(parcel)
        over = [parcel for parcel in waiting if self._patience.is_over(parcel)]
        if over and not (self._replay is not None and self._to_disk(over)):
            late = [parcel for parcel in over if self._patience.remaining_s(parcel) <= 0]
            if not isinstance(error, ThrottledError) and error.reason not in GONE:
                self._sender.post_bare(late, self._stop_at)
            self._give_up([parcel for parcel in over if not parcel.is_settled], error)
        waiting = [parcel for parcel in waiting if not parcel.is_settled and parcel not in over]
        # A server that asks for more time than is left gets one last attempt at the end of it.
        at_most_s = min(map(self._patience.remaining_s, waiting), default=0.0)
        wait_s = min(self._backoff.next_wait_s(error), max(0.0, at_most_s))
        self._resume_at = time.monotonic() + wait_s
        self._may_hasten = not error.retry_after_s
        return waiting

    def _give_up(self, parcels: list[Parcel], error: ApiError) -> None:
        if not parcels:
            return
        reason = REASON_BY_RETRYABLE_ERROR[type(error)]
        self._troubles.tell(
            f"gave up {reason}",
            logging.ERROR,
            "%d spans dropped, tried for as long as OTEL_BRAINTRUST_MAX_RETRY and "
            "BRAINTRUST_NUM_RETRIES allow: %s",
            len(parcels),
            error,
            count=len(parcels),
        )
        self._settlement.dropped(parcels, reason)

    def _flush_inline(self, deadline: float) -> None:
        """Flush in the caller; what does not arrive in time stays in hand."""
        if not self._inline.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return
        try:
            stop_at, self._stop_at = self._stop_at, min(deadline, self._stop_at or deadline)
            self._resume_at = 0.0
            self._work_inline(deadline)
        finally:
            self._stop_at = stop_at
            self._inline.release()

    def _work_inline(self, deadline: float) -> None:
        """Do the thread's work in the caller, until all is done or the deadline has come."""
        failures = self._replay.failures if self._replay is not None else 0
        with suppressed_instrumentation():
            while time.monotonic() < deadline:
                self._step()
                counts = self._ledger.counts
                waits_on_disk = (
                    self._replay is not None
                    and counts.spooled > 0
                    and self._replay.failures == failures
                )
                if not counts.pending and not waits_on_disk:
                    return
                now = time.monotonic()
                due = self._due_at(now)
                if due is None or due >= deadline:
                    return
                time.sleep(max(0.0, due - now))
