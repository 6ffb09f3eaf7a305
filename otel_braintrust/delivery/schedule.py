"""What the thread that delivers does next, and when."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from otel_braintrust.accounts import Ledger
from otel_braintrust.delivery.carrying import LEAST_PAUSE_S, Load
from otel_braintrust.delivery.inbox import Inbox
from otel_braintrust.delivery.replaying import LOOK_EVERY_S, Replay
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.notices import Notices

# After a failure that nobody foresaw, so that it does not fill the processor.
PAUSE_AFTER_BUG_S = 1.0


class Schedule:
    """Takes spans in hand, tries what is in hand, replays what is on disk: each in its time.

    Args:
        inbox: Spans that wait.
        load: Rows in hand.
        replay: Sends what waits on disk; None: there is no spool.
        ledger: Where spans are counted.
        troubles: Where trouble is told.
        notices: Where the application is told.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        load: Load,
        replay: Replay | None,
        ledger: Ledger,
        troubles: Troubles,
        notices: Notices,
    ) -> None:
        # Empties the queue in front of the inbox.
        self.drain: Callable[[], object] | None = None
        self._inbox = inbox
        self._load = load
        self._replay = replay
        self._ledger = ledger
        self._troubles = troubles
        self._notices = notices
        self.begin()

    def begin(self) -> None:
        """Begin anew, with nobody in a hurry."""
        # When requests must be over, because everything ends.
        self.stop_at: float | None = None
        self._flush_wanted = False
        self._draining = False

    @property
    def is_hurried(self) -> bool:
        """Whether somebody waits for the end of what waits, so that none may wait for room."""
        return self._draining or self._flush_wanted or self.stop_at is not None

    def hasten(self) -> tuple[int, int]:
        """Have everything tried soon; how often the replay had failed and found nothing by then."""
        with self._inbox.changed:
            self._flush_wanted = True
            self._load.hasten()
            replay = self._replay
            if replay is not None:
                replay.hasten(LEAST_PAUSE_S if self._load.is_failing else 0.0)
            self._inbox.changed.notify_all()
            return replay.counts_after_now() if replay is not None else (0, 0)

    def stop(self, at: float) -> None:
        """Let requests end by some moment, and nobody wait for room.

        Args:
            at: The moment, on ``time.monotonic()``.
        """
        with self._inbox.changed:
            self.stop_at = at
            self._inbox.changed.notify_all()

    def work(self) -> None:
        """Do all there is to do, until everything ends."""
        while self._next_task():
            self._step()

    def work_until(self, deadline: float) -> None:
        """Do in the caller what the thread does, until all is done or the deadline has come."""
        failures = self._replay.failures if self._replay is not None else 0
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

    def flush_until(self, deadline: float) -> None:
        """As :meth:`work_until`, for a flush: what does not arrive in time stays in hand."""
        stop_at, self.stop_at = self.stop_at, min(deadline, self.stop_at or deadline)
        try:
            self._load.resume()
            self.work_until(deadline)
        finally:
            self.stop_at = stop_at

    def _next_task(self) -> bool:
        """Wait for something to do; False when there will be nothing any more."""
        with self._inbox.changed:
            while not self._inbox.is_closed:
                now = time.monotonic()
                due = now if self._flush_wanted else self._due_at(now)
                if due is not None and due <= now:
                    return True
                if self.stop_at is not None and (due is None or due >= self.stop_at):
                    return False
                self._inbox.changed.wait(None if due is None else due - now)
            return False

    def _due_at(self, now: float) -> float | None:
        """When there is something to do next, or None."""
        dues = []
        has_load = bool(self._load.parcels)
        if has_load:
            behind = len(self._inbox)
            dues.append(self._load.due_at(now, spans_behind=behind, stop_at=self.stop_at))
        elif self._inbox:
            dues.append(now)
        is_vain = self._load.is_failing and (has_load or self.stop_at is not None)
        if self._replay is not None and not is_vain:
            dues.append(self._replay.next_at)
        return min(dues, default=None)

    def _step(self) -> None:
        try:
            self._drain_queue_in_front()
            self._inbox.hand_to(self._load)
            self._deliver()
            if self._replay is not None and self._replay.next_at <= time.monotonic():
                self._load.note_health(self._replay.step(self.stop_at))
        except Exception as error:  # noqa: BLE001  (the thread must outlive whatever happens)
            message = "delivery failed unexpectedly (%s); please report it"
            self._troubles.tell("internal", logging.ERROR, message, type(error).__name__)
            self._load.postpone(PAUSE_AFTER_BUG_S)
            if self._replay is not None:
                self._replay.next_at = time.monotonic() + LOOK_EVERY_S
        self._notices.deliver()

    def _deliver(self) -> None:
        now, behind, stop_at = time.monotonic(), len(self._inbox), self.stop_at
        if not self._load.parcels:
            return
        is_due = self._load.due_at(now, spans_behind=behind, stop_at=stop_at) <= now
        if is_due or stop_at is not None:
            self._load.deliver(spans_behind=behind, stop_at=stop_at)

    def _drain_queue_in_front(self) -> None:
        with self._inbox.changed:
            wanted, self._flush_wanted = self._flush_wanted, False
            self._draining = wanted
            self._inbox.changed.notify_all()
        try:
            if wanted and self.drain is not None:
                self.drain()
        finally:
            with self._inbox.changed:
                self._draining = False
