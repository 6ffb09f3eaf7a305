"""The thread that carries spans to Braintrust, and the only one that waits for the network."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from otel_braintrust.accounts import FlushResult, Ledger, Ticket
from otel_braintrust.delivery.carrying import SPANS_AT_ONCE, Load
from otel_braintrust.delivery.inbox import Inbox, Seal
from otel_braintrust.delivery.parcels import Parcel
from otel_braintrust.delivery.replaying import Replay
from otel_braintrust.delivery.retrying import RowPatience
from otel_braintrust.delivery.schedule import Schedule
from otel_braintrust.delivery.sending import Sender
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.silence import suppressed_instrumentation
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.delivery.uploads import Uploads
from otel_braintrust.delivery.working import Worker, before_saving
from otel_braintrust.notices import Notices


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
        # Tells the organization, as far as it is known without a request.
        self.organization_name: Callable[[], str | None] = lambda: None
        # Encodes rows together; None where each is written to disk first.
        self.bundler = None if writes_first else sender.bundler
        self._ledger = ledger
        self._settlement = settlement
        self._notices = notices
        self._abort = abort
        self._replay = replay
        self._load = Load(
            sender=sender,
            settlement=settlement,
            ledger=ledger,
            troubles=troubles,
            patience=patience,
            replay=replay,
        )
        self._inbox = Inbox(
            seal=seal,
            ledger=ledger,
            settlement=settlement,
            troubles=troubles,
            max_spans=queue_size,
            writes_first=writes_first and replay is not None,
            hurries=lambda: self._schedule.is_hurried,
        )
        self._schedule = Schedule(
            inbox=self._inbox,
            load=self._load,
            replay=replay,
            ledger=ledger,
            troubles=troubles,
            notices=notices,
        )
        self._worker = Worker(self._schedule.work, may_start=has_thread)

    @property
    def drain(self) -> Callable[[], object] | None:
        """Empties the queue in front, for a flush."""
        return self._schedule.drain

    @drain.setter
    def drain(self, drain: Callable[[], object] | None) -> None:
        self._schedule.drain = drain

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt came to nothing."""
        return self._load.is_failing

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
            self._worker.ensure_thread()

    def accept(self, tickets: Sequence[Ticket], *, wait_for_room: bool = False) -> None:
        """Take spans to send.

        Args:
            tickets: The spans.
            wait_for_room: Wait while many spans wait already, so that the queue in front fills up
                and not this one; a flush or a stop ends the wait.
        """
        self._inbox.accept(tickets, wait_for_room=wait_for_room)
        if not self._inbox.is_closed and self._schedule.stop_at is None:
            self._worker.ensure_thread()

    def flush(self, deadline: float) -> FlushResult:
        """Have everything sent that ended before this call, and tell what became of it.

        Args:
            deadline: Moment on ``time.monotonic()`` at which to return, finished or not.
        """
        watch = self._ledger.watch()
        if self._worker.is_here:
            deadline = 0.0  # who delivers cannot wait for the delivery
        elif (watch.pending or self._waits_on_disk()) and not self._inbox.is_closed:
            failures, empties = self.hasten()
            if not self._worker.ensure_thread():
                remaining_s = deadline - time.monotonic()
                self._worker.inline(lambda: self._schedule.flush_until(deadline), remaining_s)
            self._ledger.wait_until(lambda: watch.pending <= 0, deadline)
            replay = self._replay
            if replay is not None and self._waits_on_disk():
                # What waits on disk is sent now, unless the server still fails.
                self._ledger.wait_until(
                    lambda: (
                        not self._waits_on_disk()
                        or replay.failures > failures
                        or replay.empties > empties
                    ),
                    deadline,
                )
        self._notices.deliver()
        return self._ledger.report(watch, deadline)

    def hurry(self, deadline: float) -> None:
        """Announce a stop: nobody waits for room any more, and requests end by the deadline."""
        self._schedule.stop(self._before_saving(deadline))

    def stop(self, deadline: float) -> None:
        """Send what can be sent until the deadline; the rest goes to the disk, or is lost.

        Args:
            deadline: Moment on ``time.monotonic()``.
        """
        if self._inbox.is_closed:
            return
        self.hurry(deadline)
        end = self._before_saving(deadline)
        if self._ledger.counts.pending and not self._worker.ensure_thread():
            self._worker.inline(lambda: self._schedule.work_until(end), end - time.monotonic())
        self._worker.join(end - time.monotonic())
        self._inbox.close()
        self._abort()
        self._settlement.hurry(deadline)
        if self.uploads is not None:
            self.uploads.stop(deadline)
        self._save(deadline)
        if self._replay is not None:
            self._replay.release()
            self._replay.close()
        self._notices.deliver()

    def _save(self, deadline: float) -> None:
        """Leave what waits to the disk, as long as there is time; the rest is lost."""
        with self._inbox.changed:
            parcels, tickets = list(self._load.parcels), self._inbox.empty()
        if self._settlement.keeps_lost:
            with suppressed_instrumentation():
                self._put_away(parcels)
                while tickets and time.monotonic() < deadline:
                    some, tickets = tickets[:SPANS_AT_ONCE], tickets[SPANS_AT_ONCE:]
                    self._put_away(self._inbox.sealed(some))
        else:
            self._settlement.dropped(parcels, "shutdown")
        self._ledger.settle([t for t in tickets if t.column is None], "dropped", "shutdown")

    def _put_away(self, parcels: Sequence[Parcel]) -> None:
        if not self._settlement.spooled(parcels):
            self._settlement.dropped(parcels, "shutdown")

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child: the parent's thread is not here, and its spans not ours."""
        for each in (self._inbox, self._load, self._schedule, self._worker):
            each.begin()
        if self._replay is not None:
            self._replay.renew_after_fork()
        if self.uploads is not None:
            self.uploads.renew_after_fork()

    def tell_queue_full(self, dropped: int) -> None:
        """Log, now and then, that spans are dropped because too many wait."""
        self._inbox.tell_full(dropped)

    def _before_saving(self, deadline: float) -> float:
        return before_saving(deadline) if self._settlement.keeps_lost else deadline

    def _waits_on_disk(self) -> bool:
        return self._replay is not None and self._ledger.counts.spooled > 0

    def hasten(self) -> tuple[int, int]:
        """Have everything tried soon; how often the replay had failed and found nothing by then."""
        return self._schedule.hasten()
