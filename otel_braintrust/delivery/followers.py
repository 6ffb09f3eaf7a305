"""Rows that change rows: feedback and updates, sent once the row they change is there."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from otel_braintrust.change_counts import ChangeBook, ChangeCounts
from otel_braintrust.delivery.change_posting import ChangePoster
from otel_braintrust.delivery.change_shelf import Change, ChangeShelf
from otel_braintrust.delivery.errors import ApiError
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.retrying import RETRYABLE_ERRORS, Backoff
from otel_braintrust.delivery.silence import suppressed_instrumentation
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.delivery.working import Worker, before_saving

MAX_WAITING = 10_000
MAX_AT_ONCE = 100
# Where there is a disk, an outage of this length sends changes there, as it does rows.
SHELVE_AFTER_S = 10.0
BEAT_EVERY_S = 15.0
LEAST_TIME_TO_WRITE_S = 0.3
# Somebody who flushes has changes tried again about so often.
LEAST_PAUSE_S = 0.5


class Rows(Protocol):
    """What is known of the rows that are changed."""

    def is_waiting(self, row_id: str) -> bool:
        """Tell whether the row is still to come."""

    def is_on_disk(self, row_id: str) -> bool:
        """Tell whether it waits on disk, for whoever sends what lies there."""

    def is_lost(self, row_id: str) -> bool:
        """Tell whether it will never come."""


class Followers:
    """Sends changes from one thread of its own: in order, and never two of one row in one request.

    The rows of one request count as one change; of two that change the same row only the later
    one's author would be kept.

    Args:
        connection: Where requests go.
        rows: What is known of the rows that are changed.
        max_retry_s: How long a change is tried from its first failure, in seconds.
        max_field_bytes: Most bytes of one text.
        troubles: Where trouble is told.
        shelf: Where changes wait on disk that cannot be sent; None: nowhere.
        is_replayed: Whether this process itself sends what lies there, so that an outage need not
            be long for changes to go there.
        redact: Masks a row before it is sent; None in return: nothing of it may be.
        has_thread: Send from a thread; else only from the callers of ``flush`` and ``stop``.
    """

    def __init__(
        self,
        connection: Connection,
        rows: Rows,
        *,
        max_retry_s: float,
        max_field_bytes: int,
        troubles: Troubles,
        shelf: ChangeShelf | None = None,
        is_replayed: bool = True,
        redact: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None,
        has_thread: bool = True,
    ) -> None:
        self._connection = connection
        self._redact = redact
        self._poster = ChangePoster(connection, max_field_bytes=max_field_bytes)
        self._rows = rows
        self._longest_s = max_retry_s
        if shelf is not None and is_replayed:
            self._longest_s = min(max_retry_s, SHELVE_AFTER_S)
        self._troubles = troubles
        self._shelf = shelf
        self._worker = Worker(self._work, may_start=has_thread, name="otel-braintrust-changes")
        self._begin()

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child: what waits belongs to the parent, which sends it."""
        if self._shelf is not None:
            self._shelf.renew_after_fork()
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._waiting: list[Change] = []
        self._has_news = False  # changes came, or rows were settled
        self._worker.begin()
        self._working = threading.Lock()
        self._backoff = Backoff()
        self._resume_at = 0.0
        self._stopped = False
        self._book = ChangeBook()
        self._lost_told = 0
        # Rows of which a change lies on disk: what is said of them later goes behind it.
        self._shelved_rows: set[str] = set()

    @property
    def counts(self) -> ChangeCounts:
        """What became of the changes so far."""
        with self._changed:
            return self._book.counts(len(self._waiting))

    def newly_lost(self) -> int:
        """How many changes were lost since the last call."""
        before, self._lost_told = self._lost_told, self.counts.total_lost
        return self._lost_told - before

    def add(self, changes: Iterable[Change]) -> None:
        """Take changes to send; never waits."""
        added = list(changes)
        with self._changed:
            if self._stopped:
                self._tell_lost("after_shutdown", len(added), "it came after shutdown")
                return
            self._waiting.extend(added)
            excess = len(self._waiting) - MAX_WAITING
            if excess > 0:
                del self._waiting[-excess:]
                self._tell_lost("queue_full", excess, f"{MAX_WAITING} wait already")
            self._has_news = True
            self._changed.notify_all()
        self._worker.ensure_thread()

    def wake(self) -> None:
        """Look again at what waits: rows have arrived."""
        if self._waiting:
            with self._changed:
                self._has_news = True
                self._changed.notify_all()

    def flush(self, deadline: float) -> int:
        """Have everything sent that can be sent.

        Args:
            deadline: Moment on ``time.monotonic()`` at which to return, finished or not.

        Returns:
            How many changes still wait though the row they change is there.
        """
        with self._changed:
            self._resume_at = 0.0
            self._changed.notify_all()
        if self._waiting and not self._worker.ensure_thread():
            self._work_until(lambda: not self._has_ready(), deadline)
        with self._changed:
            while self._has_ready():
                remaining_s = deadline - time.monotonic()
                if remaining_s <= 0 or self._stopped:
                    break
                # An attempt that was under way may fail, and then wait for long.
                self._changed.wait(min(remaining_s, LEAST_PAUSE_S))
                self._resume_at = min(self._resume_at, time.monotonic())
                self._changed.notify_all()
            return sum(1 for each in self._waiting if not self._rows.is_waiting(each.row_id))

    def stop(self, deadline: float) -> None:
        """Send what can be sent until the deadline; the rest goes to the disk, or is lost."""
        if self._stopped:
            return
        self.flush(deadline if self._shelf is None else before_saving(deadline))
        with self._changed:
            self._stopped = True
            rest = list(self._waiting)
            self._changed.notify_all()
        if self._shelf is not None:
            self._shelf.hurry(max(deadline, time.monotonic() + LEAST_TIME_TO_WRITE_S))
        self._put_away(rest, "shutdown", "time ran out at shutdown")
        if self._shelf is not None:
            self._shelf.close()
        self._connection.close()

    def _has_ready(self) -> bool:
        return any(not self._rows.is_waiting(each.row_id) for each in self._waiting)

    def _work(self) -> None:
        while self._next_task():
            self._put_in_order()
            if self._has_ready() and self._resume_at <= time.monotonic():
                self._step(None)

    def _next_task(self) -> bool:
        """Wait for something to do; False when there will be nothing any more."""
        with self._changed:
            while not self._stopped:
                wait_s = self._resume_at - time.monotonic() if self._has_ready() else None
                if self._has_news or (wait_s is not None and wait_s <= 0):
                    return True
                if self._shelf is not None and self._shelf.writes_first and self._waiting:
                    wait_s = BEAT_EVERY_S if wait_s is None else min(wait_s, BEAT_EVERY_S)
                    self._shelf.beat()
                self._changed.wait(wait_s)
            return False

    def _put_in_order(self) -> None:
        """Let go what is said of lost rows, and put away what is said of rows on disk."""
        with self._changed:
            self._has_news = False
            waiting = list(self._waiting)
        lost = [each for each in waiting if self._rows.is_lost(each.row_id)]
        if lost:
            why = f"span {lost[0].row_id} was not sent itself: left out by a rule, or lost"
            self._tell("no_row", len(lost), why)
            self._settle(lost, lost="no_row")
        if self._shelf is None:
            return
        behind = [each for each in waiting if self._belongs_on_disk(each) and each not in lost]
        self._put_away(behind)
        if self._shelf.writes_first:
            with self._changed:
                fresh = [each for each in self._waiting if each.spool_number is None]
            self._shelf.write([each for each in fresh if self._may_go(each)], owned=True)

    def _belongs_on_disk(self, change: Change) -> bool:
        return change.row_id in self._shelved_rows or self._rows.is_on_disk(change.row_id)

    def _put_away(self, changes: list[Change], reason: str = "", why: str = "") -> None:
        """Leave changes to the disk; where that fails they are lost, if there is a reason."""
        changes = [each for each in changes if self._may_go(each)]
        if not changes:
            return
        kept: list[Change] = []
        if self._shelf is not None:
            written = [each for each in changes if each.spool_number is not None]
            unwritten = [each for each in changes if each.spool_number is None]
            if written:
                self._shelf.release(written)
            if unwritten and self._shelf.write(unwritten, owned=False) and not reason:
                reason, why = "spool_full", "the spool holds OTEL_BRAINTRUST_SPOOL_MAX_BYTES"
            kept = [each for each in changes if each.spool_number is not None]
            if len(self._shelved_rows) < MAX_WAITING:
                self._shelved_rows.update(each.row_id for each in kept)
        self._settle(kept, "spooled")
        gone = [each for each in changes if each.spool_number is None]
        if gone and reason:
            self._tell(reason, len(gone), why)
            self._settle(gone, lost=reason)

    def _work_until(self, is_done: Callable[[], bool], deadline: float) -> None:
        with suppressed_instrumentation():
            self._put_in_order()
        while not is_done() and time.monotonic() < deadline:
            wait_s = self._resume_at - time.monotonic()
            if wait_s > 0:
                time.sleep(min(wait_s, max(0.0, deadline - time.monotonic())))
            self._step(deadline)

    def _step(self, deadline: float | None) -> None:
        """Send one wave of changes: those whose row is there, one for each row."""
        with self._working:
            wave = self._next_wave()
            if not wave:
                return
            try:
                with suppressed_instrumentation():
                    self._send(wave, deadline)
            except Exception as error:  # noqa: BLE001  (the thread must outlive whatever happens)
                self._tell("internal", len(wave), f"unexpected {type(error).__name__}")
                self._settle(wave, lost="internal")

    def _next_wave(self) -> list[Change]:
        wave: dict[tuple[str, str], Change] = {}
        with self._changed:
            for change in self._waiting:
                if not self._rows.is_waiting(change.row_id):
                    wave.setdefault((str(change.destination), change.row_id), change)
        return list(wave.values())[:MAX_AT_ONCE]

    def _send(self, wave: list[Change], deadline: float | None) -> None:
        ready = [change for change in wave if self._may_go(change)]
        for changes, error in self._poster.post(ready, deadline):
            if error is not None:
                self._note_failure(changes, error)
            else:
                self._backoff.note_progress()
                self._settle(changes, "sent")

    def _may_go(self, change: Change) -> bool:
        """Mask a change, once; False when nothing of it is left to say."""
        if self._redact is not None and not change.is_redacted:
            change.row = self._redact(change.row) or {}
            change.is_redacted = True
        if not change.row:
            self._settle([change], lost="masked")
        return bool(change.row)

    def _note_failure(self, changes: list[Change], error: ApiError) -> None:
        now = time.monotonic()
        late, refused = [], []
        for change in changes:
            change.first_failed_at = change.first_failed_at or now
            if not isinstance(error, RETRYABLE_ERRORS):
                refused.append(change)
            elif now - change.first_failed_at >= self._longest_s:
                late.append(change)
        if refused:
            self._tell("refused", len(refused), str(error))
            self._settle(refused, lost="refused")
        self._put_away(late, "late", str(error))
        given_up = [*late, *refused]
        if len(given_up) < len(changes):
            with self._changed:
                self._resume_at = now + self._backoff.next_wait_s(error)

    def _settle(self, changes: Sequence[Change], column: str = "", *, lost: str = "") -> None:
        """Enter what became of changes: a column, or the reason of their loss."""
        if not changes:
            return
        if self._shelf is not None and column != "spooled":
            self._shelf.remove(changes)
        gone = {id(change) for change in changes}
        with self._changed:
            self._waiting = [each for each in self._waiting if id(each) not in gone]
            self._book.enter(len(changes), column, lost=lost)
            self._changed.notify_all()

    def _tell_lost(self, reason: str, count: int, why: str) -> None:
        self._book.enter(count, lost=reason)
        self._tell(reason, count, why)

    def _tell(self, kind: str, count: int, why: str) -> None:
        self._troubles.tell(
            f"changes: {kind}",
            logging.WARNING,
            "%d feedback or updates lost: %s",
            count,
            why,
            count=count,
        )
