"""Attachments uploaded beside the rows, by threads of their own that no row waits for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence

from otel_braintrust.attachment_counts import AttachmentCounts
from otel_braintrust.attachments import Attachment
from otel_braintrust.delivery.attaching import AttachmentApi
from otel_braintrust.delivery.crew import Crew
from otel_braintrust.delivery.enclosures import Enclosure, EnclosureBook
from otel_braintrust.delivery.errors import ApiError
from otel_braintrust.delivery.reception import Reception
from otel_braintrust.delivery.retrying import REASON_BY_RETRYABLE_ERROR, RowPatience
from otel_braintrust.delivery.shelving import NoShelf
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.delivery.uploading import RefusedUpload, UnreadableFile, upload
from otel_braintrust.delivery.waiting_room import Turn, WaitingRoom

# An outage of this length sends attachments to the disk, if there is a spool.
SPOOL_AFTER_S = 2.0


class Uploads:
    """Takes attachments whose row has arrived, and uploads them in the background.

    Callers only ever wait on a condition, never on the network. The threads start with the first
    attachment, and end when there is nothing to do.

    Args:
        new_api: Makes the requests of one thread.
        patience: How long an attachment is tried.
        troubles: Where trouble is told.
        max_bytes: Most bytes in memory of attachments that wait.
        new_shelf: Makes the place where attachments wait on disk; default: there is none.
        has_threads: Upload from threads; else only from the callers of ``flush`` and ``stop``.
        after_each: Called in between, with nothing held; the application may be told then.
    """

    def __init__(
        self,
        new_api: Callable[[], AttachmentApi],
        *,
        patience: RowPatience,
        troubles: Troubles,
        max_bytes: int,
        new_shelf: Callable[[EnclosureBook], NoShelf] | None = None,
        has_threads: bool = True,
        after_each: Callable[[], object] = lambda: None,
    ) -> None:
        self.book = EnclosureBook()
        self._shelf = new_shelf(self.book) if new_shelf is not None else NoShelf()
        self._patience = patience
        self._troubles = troubles
        self._max_bytes = max_bytes
        self._after_each = after_each
        self._crew = Crew(
            self._step, new_api, has_threads=has_threads, is_needed=lambda: self._room.needs_takers
        )
        self._begin()

    def _begin(self) -> None:
        self._changed = self.book.changed
        self._reception = Reception()
        self._room = WaitingRoom(
            self._changed, self._reception, self._shelf, lambda: self._crew.size > 1
        )

    @property
    def counts(self) -> AttachmentCounts:
        """What became of the attachments so far."""
        return self.book.counts

    def accepts(self, size_bytes: int) -> bool:
        """Tell whether attachments of so many bytes may come, and the server takes any."""
        if self._room.is_closed or not self._reception.is_trusted:
            return False
        return self.book.pending_bytes + size_bytes <= self._max_bytes

    def is_uploaded(self, key: str) -> bool:
        """Tell whether the server has an attachment from this process already."""
        return self._reception.has(key)

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
        reason = "after_shutdown" if self._room.is_closed else self._reception.closed_reason
        if reason:
            self._lose(enclosures, reason, "the server takes none at the moment")
            return
        self._room.add(enclosures)
        if self._room.stop_at is None:
            self._ensure_threads()

    def let_go(self, enclosures: Sequence[Enclosure]) -> None:
        """Forget attachments whose row is lost."""
        if enclosures:
            self.book.settle(enclosures, "lost", "row_lost")
            self._shelf.leave(enclosures)

    def store(self, enclosures: Sequence[Enclosure]) -> None:
        """Write attachments to disk for this process, which uploads them itself."""
        self._shelf.store(enclosures, owned=True)

    def spool(self, enclosures: Sequence[Enclosure]) -> None:
        """Leave attachments to the disk, with their row; those without room are tried from here."""
        if enclosures:
            self._shelf.spool(enclosures)
            self.send([each for each in enclosures if each.column is None])

    def begin(self) -> None:
        """Upload in the background what earlier processes left on disk."""
        if self._shelf.has_any():
            self._shelf.hasten()
            self._ensure_threads()

    def flush(self, deadline: float) -> int:
        """Have everything uploaded whose row has arrived.

        Args:
            deadline: Moment on ``time.monotonic()`` at which to return, finished or not.

        Returns:
            How many of those that there were still wait.
        """
        last = self.book.sequence
        visits = self._hasten() if self._has_work(last) else 0
        if self._has_work(last) and not self._ensure_threads():
            self._crew.work_inline(deadline)
        with self._changed:
            while self._has_work(last):
                is_idle = not self.book.pending(last) and not len(self._room)
                if is_idle and self._shelf.visits != visits:
                    break  # what is on disk cannot go now
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
        if self._room.is_closed:
            return
        self._room.stop_at = end = self._shelf.save_from(deadline)
        if len(self._room):
            self._hasten()
            if not self._ensure_threads():
                self._crew.work_inline(end)
        self._room.wait_until_empty(end)
        left = self._room.close()
        self._crew.abort()
        for enclosure in left:
            if time.monotonic() < deadline:
                self._shelf.spool([enclosure])
        # Told with what else is missing by whoever stops the process.
        self.book.settle([each for each in left if each.column is None], "lost", "shutdown")

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child: what waits belongs to the parent, which uploads it."""
        was_closed = self._room.is_closed
        self.book.reset_after_fork()
        self._crew.renew_after_fork()
        self._shelf.renew_after_fork()
        self._begin()
        self._room.is_closed = was_closed

    def _has_work(self, last: int) -> bool:
        if self._room.is_closed:
            return False
        return self.book.pending(last) > 0 or self.book.spooled > 0

    def _hasten(self) -> int:
        """Have everything tried soon; how often the disk had been visited by then."""
        with self._changed:
            self._reception.hasten()
            self._shelf.hasten()
            self._changed.notify_all()
            return self._shelf.visits

    def _ensure_threads(self) -> bool:
        """Tell whether a thread runs, after starting as many as there is work for."""
        return self._crew.ensure(1 if self._reception.goes_ahead_alone else len(self._room))

    def _step(self, api: AttachmentApi, idle_s: float, deadline: float | None) -> bool:
        """Do the next thing there is to do; False when there is nothing for some time."""
        turn = self._room.take(idle_s, deadline)
        if turn is Turn.NOTHING:
            return False
        enclosure = turn if isinstance(turn, Enclosure) else self._look()
        if enclosure is not None:
            try:
                end = self._room.stop_at if deadline is None else deadline
                self._carry(api, enclosure, end)
            finally:
                self._room.leave(enclosure)
            self._after_each()
        return True

    def _look(self) -> Enclosure | None:
        enclosure = None
        try:
            enclosure = self._shelf.take()
        finally:
            self._room.note_found(enclosure)
        return enclosure

    def _carry(self, api: AttachmentApi, enclosure: Enclosure, deadline: float | None) -> None:
        """Try one attachment once, and settle it if its fate is known."""
        try:
            if not self.is_uploaded(enclosure.key):
                upload(api, enclosure, max_bytes=self._max_bytes, deadline=deadline)
        except UnreadableFile as error:
            self._lose([enclosure], "unreadable", str(error))
        except RefusedUpload as error:
            if error.closes:
                self._close(enclosure, error.reason, error)
            else:
                self._lose([enclosure], error.reason, str(error))
        except ApiError as error:
            self._wait_out(enclosure, error)
        except Exception as error:  # noqa: BLE001  (the thread must outlive whatever happens)
            self._lose([enclosure], "rejected", f"unexpected {type(error).__name__}")
        else:
            self._note_arrival(enclosure)

    def _note_arrival(self, enclosure: Enclosure) -> None:
        with self._changed:
            was_alone = self._reception.note_arrival(enclosure.key)
            if was_alone:
                self._room.forget_failures()
        self._shelf.leave([enclosure])
        self.book.settle([enclosure], "uploaded")
        if was_alone:
            self._troubles.are_over("attachments outage", "uploads of attachments work again")
            self._ensure_threads()

    def _wait_out(self, enclosure: Enclosure, error: ApiError) -> None:
        """Plan the next attempt after a failure that time may heal."""
        if self._room.is_closed:
            return
        message = "attachments wait to be uploaded and are tried again: %s"
        self._troubles.tell("attachments outage", logging.WARNING, message, error)
        with self._changed:
            self._reception.note_failure(error)
        if enclosure.column == "spooled":
            self._shelf.give_back(enclosure)
            return
        now = time.monotonic()
        self._patience.note_failure(enclosure)
        # Those behind it wait for the same server.
        waiting = [enclosure, *self._room.clear()]
        for each in waiting:
            each.first_failed_at = each.first_failed_at or now
        if self._shelf.is_there and now - (enclosure.first_failed_at or now) > SPOOL_AFTER_S:
            self._shelf.spool(waiting)
        over = [each for each in waiting if each.column is None and self._patience.is_over(each)]
        if over:
            self._reception.note_given_up()
            self._lose(over, REASON_BY_RETRYABLE_ERROR[type(error)], str(error))
        self._room.add(waiting, first=True)

    def _close(self, enclosure: Enclosure, reason: str, error: Exception) -> None:
        """Send nothing for some time; what waits is lost, and base64 stays in its row."""
        with self._changed:
            self._reception.close(reason)
        waiting = self._room.clear()
        if enclosure.column == "spooled":
            self._shelf.give_back(enclosure)  # the key or the address may be set right
        else:
            waiting.append(enclosure)
        self._lose(waiting, reason, str(error))

    def _lose(self, enclosures: Sequence[Enclosure], reason: str, why: str) -> None:
        lost = [each for each in enclosures if each.column in (None, "spooled")]
        if lost:
            # Told first: whoever waits for the count may look into the log.
            message = "%d attachments lost (%s): %s"
            kind, count = f"attachments {reason}", len(lost)
            self._troubles.tell(kind, logging.WARNING, message, count, reason, why, count=count)
        self._shelf.leave(lost)
        self.book.settle(lost, "lost", reason)
