"""Rows that change rows: feedback and updates, sent once the row they change is there."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from otel_braintrust.delivery.answers import require_taken
from otel_braintrust.delivery.destinations import Destination, Projects
from otel_braintrust.delivery.errors import ApiError
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.parcels import Parcel, address, body_of, pack, seal
from otel_braintrust.delivery.retrying import RETRYABLE_ERRORS, Backoff
from otel_braintrust.delivery.silence import suppressed_instrumentation
from otel_braintrust.delivery.troubles import Troubles

MAX_WAITING = 10_000
MAX_REQUEST_BYTES = 3 * 1024 * 1024
MAX_REQUEST_ROWS = 100


class Rows(Protocol):
    """What is known of the rows that are changed."""

    def is_waiting(self, row_id: str) -> bool:
        """Tell whether the row is still to come."""

    def is_lost(self, row_id: str) -> bool:
        """Tell whether it will never come."""


@dataclass(slots=True, eq=False)
class Change:
    """One row that changes another.

    Attributes:
        row: What is sent, without the keys of its container.
        row_id: Id of the row that it changes.
        destination: Where that row is.
    """

    row: dict[str, Any]
    row_id: str
    destination: Destination
    first_failed_at: float | None = None
    is_redacted: bool = False


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
        redact: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None,
        has_thread: bool = True,
    ) -> None:
        self._connection = connection
        self._redact = redact
        self._projects = Projects(connection)
        self._rows = rows
        self._max_retry_s = max_retry_s
        self._max_field_bytes = max_field_bytes
        self._troubles = troubles
        self._has_thread = has_thread
        self.renew_after_fork()

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child: what waits belongs to the parent, which sends it."""
        self._changed = threading.Condition(threading.RLock())
        self._waiting: list[Change] = []
        self._thread: threading.Thread | None = None
        self._working = threading.Lock()
        self._backoff = Backoff()
        self._resume_at = 0.0
        self._stopped = False

    def add(self, changes: Iterable[Change]) -> None:
        """Take changes to send; never waits."""
        with self._changed:
            if self._stopped:
                self._tell_lost("after_shutdown", 1, "it came after shutdown")
                return
            self._waiting.extend(changes)
            excess = len(self._waiting) - MAX_WAITING
            if excess > 0:
                del self._waiting[-excess:]
                self._tell_lost("queue_full", excess, f"{MAX_WAITING} wait already")
            self._changed.notify_all()
        self._ensure_thread()

    def wake(self) -> None:
        """Look again at what waits: rows have arrived."""
        if self._waiting:
            with self._changed:
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
        if self._waiting and not self._ensure_thread():
            self._work_until(lambda: not self._has_ready(), deadline)
        with self._changed:
            while self._has_ready():
                remaining_s = deadline - time.monotonic()
                if remaining_s <= 0 or self._stopped:
                    break
                self._changed.wait(remaining_s)
            return sum(1 for each in self._waiting if not self._rows.is_waiting(each.row_id))

    def stop(self, deadline: float) -> None:
        """Send what can be sent until the deadline; the rest is lost, and told."""
        self.flush(deadline)
        with self._changed:
            self._stopped = True
            lost, self._waiting = len(self._waiting), []
            self._changed.notify_all()
        if lost:
            self._tell_lost("shutdown", lost, "time ran out at shutdown")
        self._connection.close()

    def _has_ready(self) -> bool:
        return any(not self._rows.is_waiting(each.row_id) for each in self._waiting)

    def _ensure_thread(self) -> bool:
        if not self._has_thread:
            return False
        with self._changed:
            if self._thread is not None and self._thread.is_alive():
                return True
            thread = threading.Thread(
                target=self._work, name="otel-braintrust-changes", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending
                return False
            self._thread = thread
            return True

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._stopped:
                    wait_s = self._resume_at - time.monotonic()
                    if self._has_ready() and wait_s <= 0:
                        break
                    self._changed.wait(wait_s if self._has_ready() else None)
                if self._stopped:
                    return
            self._step(None)

    def _work_until(self, is_done: Callable[[], bool], deadline: float) -> None:
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
                self._discard(wave)
                self._tell_lost("internal", len(wave), f"unexpected {type(error).__name__}")

    def _next_wave(self) -> list[Change]:
        with self._changed:
            lost = [each for each in self._waiting if self._rows.is_lost(each.row_id)]
            self._discard(lost)
            wave: dict[tuple[str, str], Change] = {}
            for change in self._waiting:
                if not self._rows.is_waiting(change.row_id):
                    wave.setdefault((str(change.destination), change.row_id), change)
        if lost:
            why = f"span {lost[0].row_id} was not sent itself: left out by a rule, or lost"
            self._tell_lost("no_row", len(lost), why)
        return list(wave.values())[:MAX_REQUEST_ROWS]

    def _send(self, wave: list[Change], deadline: float | None) -> None:
        parcels: list[Parcel] = []
        changes: dict[int, Change] = {}
        for change in wave:
            if not self._may_go(change):
                self._discard([change])
                continue
            try:
                container = self._projects.container(change.destination, deadline=deadline)
            except ApiError as error:
                self._note_failure([change], error)
                continue
            limit = self._max_field_bytes
            parcel = seal(None, dict(change.row), change.destination, max_field_bytes=limit)
            address(parcel, container)
            parcels.append(parcel)
            changes[id(parcel)] = change
        for batch in pack(parcels, max_bytes=MAX_REQUEST_BYTES, max_rows=MAX_REQUEST_ROWS):
            self._post(batch, changes, deadline)

    def _may_go(self, change: Change) -> bool:
        """Mask a change, once; False when nothing of it is left to say."""
        if self._redact is not None and not change.is_redacted:
            change.row = self._redact(change.row) or {}
            change.is_redacted = True
        return bool(change.row)

    def _post(
        self, batch: list[Parcel], changes: dict[int, Change], deadline: float | None
    ) -> None:
        mine = [changes[id(parcel)] for parcel in batch]
        try:
            answer = self._connection.api("POST", "/logs3", data=body_of(batch), deadline=deadline)
            require_taken(answer)
        except RETRYABLE_ERRORS as error:
            self._note_failure(mine, error)
        except ApiError as error:
            if len(batch) == 1:
                self._note_failure(mine, error)
                return
            for parcel in batch:  # one of them is to blame; the others shall arrive
                self._post([parcel], changes, deadline)
        else:
            self._backoff.note_progress()
            self._discard(mine)

    def _note_failure(self, changes: list[Change], error: ApiError) -> None:
        now = time.monotonic()
        given_up = []
        for change in changes:
            change.first_failed_at = change.first_failed_at or now
            is_late = now - change.first_failed_at >= self._max_retry_s
            if is_late or not isinstance(error, RETRYABLE_ERRORS):
                given_up.append(change)
        self._discard(given_up)
        if given_up:
            self._tell_lost("refused", len(given_up), str(error))
        if len(given_up) < len(changes):
            with self._changed:
                self._resume_at = now + self._backoff.next_wait_s(error)

    def _discard(self, changes: list[Change]) -> None:
        gone = {id(change) for change in changes}
        with self._changed:
            self._waiting = [each for each in self._waiting if id(each) not in gone]
            self._changed.notify_all()

    def _tell_lost(self, kind: str, count: int, why: str) -> None:
        self._troubles.tell(
            f"changes: {kind}",
            logging.WARNING,
            "%d feedback or updates lost: %s",
            count,
            why,
            count=count,
        )
