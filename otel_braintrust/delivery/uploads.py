"""Attachments uploaded beside the rows, by threads of their own that no row waits for."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence

from otel_braintrust.attachment_counts import AttachmentCounts
from otel_braintrust.attachments import Attachment
from otel_braintrust.delivery.attaching import AttachmentApi
from otel_braintrust.delivery.enclosures import Enclosure, EnclosureBook
from otel_braintrust.delivery.errors import ApiError
from otel_braintrust.delivery.retrying import REASON_BY_RETRYABLE_ERROR, Backoff, Patience
from otel_braintrust.delivery.shelving import Shelf
from otel_braintrust.delivery.silence import suppressed_instrumentation
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.delivery.uploading import RefusedUpload, UnreadableFile, upload

# Each upload is three requests one after another, so several run side by side.
MAX_THREADS = 4
IDLE_S = 5.0
# A flush during an outage is one more probe, but never more than about one in this time.
LEAST_PAUSE_S = 0.5
# An outage of this length sends attachments to the disk, if there is a spool.
SPOOL_AFTER_S = 2.0
# A server that takes no attachments is asked again after this time.
CLOSED_S = 600.0
# What a stop keeps of its time for writing to the disk.
SAVE_SHARE = 0.4
MAX_SAVE_S = 1.5
MAX_KNOWN_KEYS = 10_000


class Uploads:
    """Takes attachments whose row has arrived, and uploads them in the background.

    Callers only ever wait on a condition, never on the network. The threads start with the first
    attachment, and end when there is nothing to do.

    Args:
        new_api: Makes the requests of one thread.
        new_patience: Makes what tells how long one attachment is tried.
        troubles: Where trouble is told.
        max_bytes: Most bytes in memory of attachments that wait.
        shelf: Where attachments wait on disk; None: there is no spool.
        has_threads: Upload from threads; else only from the callers of ``flush`` and ``stop``.
    """

    def __init__(
        self,
        new_api: Callable[[], AttachmentApi],
        *,
        new_patience: Callable[[], Patience],
        troubles: Troubles,
        max_bytes: int,
        shelf: Callable[[EnclosureBook], Shelf] | None = None,
        has_threads: bool = True,
    ) -> None:
        self.book = EnclosureBook()
        self._shelf = shelf(self.book) if shelf is not None else None
        self._new_api = new_api
        self._new_patience = new_patience
        self._troubles = troubles
        self._max_bytes = max_bytes
        self._has_threads = has_threads
        self._begin()

    def _begin(self) -> None:
        self._changed = self.book.changed
        self._waiting: deque[Enclosure] = deque()
        self._in_hand: set[Enclosure] = set()
        self._known: OrderedDict[str, None] = OrderedDict()  # keys that the server has
        self._threads: list[threading.Thread] = []
        self._apis: list[AttachmentApi] = []
        self._inline = threading.Lock()
        self._backoff = Backoff()
        self._resume_at = 0.0
        self._may_hasten = True
        self._is_failing = False
        self._is_looking = False
        self._closed_until = 0.0
        self._closed_reason = ""
        self._stop_at: float | None = None
        self._stopped = False

    @property
    def counts(self) -> AttachmentCounts:
        """What became of the attachments so far."""
        return self.book.counts

    def accepts(self, size_bytes: int) -> bool:
        """Tell whether attachments of so many bytes may come, and the server takes any."""
        if self._stopped or self._is_closed():
            return False
        return self.book.pending_bytes + size_bytes <= self._max_bytes

    def is_uploaded(self, key: str) -> bool:
        """Tell whether the server has an attachment from this process already."""
        return key in self._known

    def enclose(self, attachments: Iterable[Attachment]) -> tuple[Enclosure, ...]:
        """Enter attachments that a row refers to; those that there is no memory for are lost.

        Args:
            attachments: The files; one at least may always wait.
        """
        enclosures = []
        for attachment in attachments:
            waiting_bytes = self.book.pending_bytes
            enclosure = self.book.open(attachment)
            if waiting_bytes and self.book.pending_bytes > self._max_bytes:
                self._lose([enclosure], "queue_full", f"{waiting_bytes >> 20} MiB wait already")
            else:
                enclosures.append(enclosure)
        return tuple(enclosures)

    def send(self, enclosures: Sequence[Enclosure]) -> None:
        """Upload attachments: their row is there."""
        if not enclosures:
            return
        with self._changed:
            reason = "after_shutdown" if self._stopped else self._closed_reason_now()
            if not reason:
                self._waiting.extend(each for each in enclosures if each.column is None)
                self._changed.notify_all()
        if reason:
            self._lose(enclosures, reason, "the server takes none at the moment")
        elif self._stop_at is None:
            self._ensure_threads()

    def let_go(self, enclosures: Sequence[Enclosure]) -> None:
        """Forget attachments whose row is lost."""
        if enclosures:
            self.book.settle(enclosures, "lost", "row_lost")
            self._leave_shelf(enclosures)

    def store(self, enclosures: Sequence[Enclosure]) -> None:
        """Write attachments to disk for this process, which uploads them itself."""
        if self._shelf is not None:
            self._shelf.store(enclosures, owned=True)

    def spool(self, enclosures: Sequence[Enclosure]) -> None:
        """Leave attachments to the disk, with their row; those without room are tried from here."""
        if enclosures and self._shelf is not None:
            self._shelf.spool(enclosures)
            self.send([each for each in enclosures if each.column is None])

    def begin(self) -> None:
        """Upload in the background what earlier processes left on disk."""
        if self._shelf is not None and self._shelf.has_any():
            self._ensure_threads()

    def flush(self, deadline: float) -> int:
        """Have everything uploaded whose row has arrived.

        Args:
            deadline: Moment on ``time.monotonic()`` at which to return, finished or not.

        Returns:
            How many of those that there were still wait.
        """
        last = self.book.sequence
        if not self._has_work(last) or self._stopped:
            return 0 if self._stopped else self.book.pending(last)
        visits = self._hasten()
        if not self._ensure_threads():
            self._work_inline(deadline)
        shelf = self._shelf
        with self._changed:
            while self._has_work(last) and not self._stopped:
                if not self.book.pending(last) and shelf is not None and shelf.visits != visits:
                    break
                remaining_s = deadline - time.monotonic()
                if remaining_s <= 0:
                    break
                self._changed.wait(remaining_s)
        return self.book.pending(last)

    def stop(self, deadline: float) -> None:
        """Upload what can be until the deadline; the rest goes to the disk, or is lost.

        Args:
            deadline: Moment on ``time.monotonic()``.
        """
        if self._stopped:
            return
        end = deadline
        if self._shelf is not None:
            end -= min(MAX_SAVE_S, SAVE_SHARE * max(0.0, deadline - time.monotonic()))
        with self._changed:
            self._stop_at = end
            has_work = bool(self._waiting or self._in_hand)
            self._changed.notify_all()
        if has_work:
            self._hasten()
            if not self._ensure_threads():
                self._work_inline(end)
        with self._changed:
            while self._waiting or self._in_hand:
                remaining_s = end - time.monotonic()
                if remaining_s <= 0:
                    break
                self._changed.wait(remaining_s)
            self._stopped = True
            left = [*self._in_hand, *self._waiting]
            self._waiting.clear()
            self._changed.notify_all()
        for api in list(self._apis):
            api.connection.abort()
        self._save(left, deadline)

    def _save(self, left: Sequence[Enclosure], deadline: float) -> None:
        for enclosure in left:
            if self._shelf is not None and time.monotonic() < deadline:
                self._shelf.spool([enclosure])
        self._lose(left, "shutdown", "time ran out at shutdown")

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child: what waits belongs to the parent, which uploads it."""
        was_stopped = self._stopped
        self.book.reset_after_fork()
        self._begin()
        self._stopped = was_stopped
        if self._shelf is not None:
            self._shelf.renew_after_fork()

    def _has_work(self, last: int) -> bool:
        return bool(self.book.pending(last)) or (self._shelf is not None and self.book.spooled > 0)

    def _hasten(self) -> int:
        """Have everything tried soon; how often the disk had been visited by then."""
        with self._changed:
            if self._may_hasten:
                self._resume_at = min(self._resume_at, time.monotonic() + LEAST_PAUSE_S)
            visits = 0
            if self._shelf is not None:
                visits = self._shelf.visits
                self._shelf.hasten()
            self._changed.notify_all()
            return visits

    def _is_closed(self) -> bool:
        return time.monotonic() < self._closed_until

    def _closed_reason_now(self) -> str:
        return self._closed_reason if self._is_closed() else ""

    def _ensure_threads(self) -> bool:
        """Tell whether a thread runs, after starting as many as there is work for."""
        if not self._has_threads:
            return False
        with self._changed:
            self._threads = [each for each in self._threads if each.is_alive()]
            wanted = 1 if self._is_failing else len(self._waiting) + len(self._in_hand)
            while len(self._threads) < max(1, min(wanted, MAX_THREADS)):
                thread = threading.Thread(
                    target=self._work, name="otel-braintrust-attachments", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is ending
                    break
                self._threads.append(thread)
            return bool(self._threads)

    def _work(self) -> None:
        api = self._new_api()
        with self._changed:
            self._apis.append(api)
        try:
            with suppressed_instrumentation():
                while self._step(api, IDLE_S, None):
                    pass
        finally:
            with self._changed:
                self._apis.remove(api)
                self._threads = [
                    each for each in self._threads if each is not threading.current_thread()
                ]
            api.connection.close()

    def _work_inline(self, deadline: float) -> None:
        """Do the threads' work in the caller, until all is done or the deadline has come."""
        if not self._inline.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return
        api = self._new_api()
        try:
            with suppressed_instrumentation():
                while time.monotonic() < deadline and self._step(api, 0.0, deadline):
                    pass
        finally:
            api.connection.close()
            self._inline.release()

    def _step(self, api: AttachmentApi, idle_s: float, deadline: float | None) -> bool:
        """Do the next thing there is to do; False when there is nothing for some time."""
        enclosure, is_visit = self._next(idle_s, deadline)
        if is_visit and self._shelf is not None:
            try:
                enclosure = self._shelf.take()
            finally:
                self._is_looking = False
            if enclosure is None:
                with self._changed:
                    self._changed.notify_all()
                return True
            with self._changed:
                self._in_hand.add(enclosure)
        if enclosure is None:
            return False
        try:
            self._carry(api, enclosure, self._stop_at if deadline is None else deadline)
        finally:
            with self._changed:
                self._in_hand.discard(enclosure)
                self._changed.notify_all()
        return True

    def _next(self, idle_s: float, deadline: float | None) -> tuple[Enclosure | None, bool]:
        """Wait for an attachment, or for a time to look on the disk; neither when idle."""
        idle_until = time.monotonic() + idle_s
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                dues = []
                if not (self._is_failing and self._in_hand):  # one probe while the server fails
                    if self._waiting:
                        dues.append(self._resume_at)
                    if self._shelf is not None and self._stop_at is None and not self._is_looking:
                        dues.append(max(self._resume_at, self._shelf.next_at))
                due = min(dues, default=None)
                if due is not None and due <= now:
                    if self._waiting and self._resume_at <= now:
                        enclosure = self._waiting.popleft()
                        self._in_hand.add(enclosure)
                        return enclosure, False
                    self._is_looking = True
                    return None, True
                until = idle_until if due is None else due
                ends = [each for each in (self._stop_at, deadline) if each is not None]
                if now >= until or any(until > end for end in ends):
                    return None, False
                self._changed.wait(until - now)
            return None, False

    def _carry(self, api: AttachmentApi, enclosure: Enclosure, deadline: float | None) -> None:
        """Try one attachment once, and settle it if its fate is known."""
        try:
            if not self.is_uploaded(enclosure.key):
                upload(api, enclosure, max_bytes=self._max_bytes, deadline=deadline)
        except UnreadableFile as error:
            self._lose([enclosure], "unreadable", str(error))
        except RefusedUpload as error:
            self._refused(enclosure, error)
        except ApiError as error:
            self._failed(enclosure, error)
        except Exception as error:  # noqa: BLE001  (the thread must outlive whatever happens)
            self._lose([enclosure], "rejected", f"unexpected {type(error).__name__}")
        else:
            self._arrived(enclosure)

    def _arrived(self, enclosure: Enclosure) -> None:
        with self._changed:
            self._known[enclosure.key] = None
            if len(self._known) > MAX_KNOWN_KEYS:
                self._known.popitem(last=False)
            self._backoff.note_progress()
            was_failing, self._is_failing = self._is_failing, False
            self._resume_at = 0.0
        self._leave_shelf([enclosure])
        self.book.settle([enclosure], "uploaded")
        if was_failing:
            self._troubles.are_over("attachments outage", "uploads of attachments work again")
            self._ensure_threads()

    def _failed(self, enclosure: Enclosure, error: ApiError) -> None:
        """Plan the next attempt after a failure that time may heal."""
        if self._stopped:
            return
        now = time.monotonic()
        message = "attachments wait to be uploaded and are tried again: %s"
        self._troubles.tell("attachments outage", logging.WARNING, message, error)
        enclosure.first_failed_at = enclosure.first_failed_at or now
        enclosure.patience = enclosure.patience or self._new_patience()
        is_over = enclosure.patience.next_wait_s(error) is None
        with self._changed:
            self._is_failing = True
            self._resume_at = now + self._backoff.next_wait_s(error)
            self._may_hasten = not error.retry_after_s
        if self._shelf is not None and enclosure.column == "spooled":
            self._shelf.give_back(enclosure)
        elif self._shelf is not None and now - enclosure.first_failed_at > SPOOL_AFTER_S:
            self._to_disk(enclosure)
        elif is_over:
            self._close(REASON_BY_RETRYABLE_ERROR[type(error)], error, [enclosure])
        else:
            self._again(enclosure)

    def _again(self, enclosure: Enclosure) -> None:
        with self._changed:
            self._waiting.appendleft(enclosure)

    def _to_disk(self, enclosure: Enclosure) -> None:
        with self._changed:
            enclosures = [enclosure, *self._waiting]
            self._waiting.clear()
        if self._shelf is not None:
            self._shelf.spool(enclosures)
        with self._changed:
            self._waiting.extend(each for each in enclosures if each.column is None)

    def _refused(self, enclosure: Enclosure, error: RefusedUpload) -> None:
        if error.closes:
            self._close(error.reason, error, [enclosure])
        else:
            self._lose([enclosure], error.reason, str(error))

    def _close(self, reason: str, error: Exception, enclosures: list[Enclosure]) -> None:
        """Take no attachments for some time; what waits is lost, and base64 stays in its row."""
        with self._changed:
            self._closed_until = time.monotonic() + CLOSED_S
            self._closed_reason = reason
            enclosures = [*enclosures, *self._waiting]
            self._waiting.clear()
        self._lose(enclosures, reason, str(error))

    def _lose(self, enclosures: Sequence[Enclosure], reason: str, why: str) -> None:
        lost = self.book.settle(enclosures, "lost", reason)
        self._leave_shelf([each for each in enclosures if each.column == "lost"])
        if lost:
            message = "%d attachments lost (%s): %s"
            self._troubles.tell(
                f"attachments {reason}", logging.WARNING, message, lost, reason, why, count=lost
            )

    def _leave_shelf(self, enclosures: Sequence[Enclosure]) -> None:
        if self._shelf is not None:
            self._shelf.leave(enclosures)
