"""Attachments put on disk and taken back, for uploads that cannot happen now."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence

from otel_braintrust.delivery.attachment_store import AttachmentStore
from otel_braintrust.delivery.enclosures import Enclosure, EnclosureBook
from otel_braintrust.delivery.spool import SpoolError
from otel_braintrust.delivery.troubles import Troubles

# Other processes leave attachments too; so often it is looked whether there are any.
LOOK_EVERY_S = 10.0
# What a stop keeps of its time for writing to the disk.
SAVE_SHARE = 0.4
MAX_SAVE_S = 1.5


class NoShelf:
    """A shelf where there is no disk: nothing lies on it, and nothing can be put there."""

    is_there = False
    next_at = math.inf
    visits = 0

    def renew_after_fork(self) -> None:
        """There is nothing to begin anew."""

    def save_from(self, deadline: float) -> float:
        """When uploads must end, so that what is left can be saved by the deadline."""
        return deadline

    def has_any(self) -> bool:
        """Nothing waits."""
        return False

    def hasten(self) -> None:
        """There is nothing to look for."""

    def take(self) -> Enclosure | None:
        """There is nothing to take."""
        return None

    def give_back(self, enclosure: Enclosure) -> None:
        """Nothing was taken."""

    def store(self, enclosures: Sequence[Enclosure], *, owned: bool) -> None:
        """What should lie on disk stays in memory."""

    def spool(self, enclosures: Sequence[Enclosure]) -> None:
        """What should lie on disk stays in memory."""

    def leave(self, enclosures: Sequence[Enclosure]) -> None:
        """Nothing lies there."""


class Shelf(NoShelf):
    """The disk, as uploads use it; never raises.

    Args:
        store: Where attachments lie.
        book: Where they are counted.
        troubles: Where trouble is told.
    """

    is_there = True

    def __init__(self, store: AttachmentStore, book: EnclosureBook, troubles: Troubles) -> None:
        self._store = store
        self._book = book
        self._troubles = troubles
        self.renew_after_fork()

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child; the spool itself does so by its owner."""
        self.next_at = 0.0
        # How often it was looked and nothing taken, or something was given back.
        self.visits = 0

    def save_from(self, deadline: float) -> float:
        """When uploads must end, so that what is left can be saved by the deadline."""
        remaining_s = max(0.0, deadline - time.monotonic())
        return deadline - min(MAX_SAVE_S, SAVE_SHARE * remaining_s)

    def has_any(self) -> bool:
        """Tell whether anything waits on disk, from whichever process."""
        try:
            return self._store.count() > 0
        except SpoolError:
            return False

    def hasten(self) -> None:
        """Let the next look be due now."""
        self.next_at = 0.0

    def take(self) -> Enclosure | None:
        """The next attachment that waits; None when there is none, and none is due for a while."""
        try:
            own, others = self._store.remove_expired()
            if own or others:
                self._tell_expired(own, others)
            found = self._store.claim()
        except SpoolError as error:
            self._tell(error)
            found = None
        if found is None:
            self.visits += 1
            self.next_at = time.monotonic() + LOOK_EVERY_S
            return None
        return self._book.on_disk(found.attachment, is_own=found.writer == self._store.token)

    def give_back(self, enclosure: Enclosure) -> None:
        """Leave what was taken where it was."""
        self.visits += 1
        self._release([enclosure.key])

    def store(self, enclosures: Sequence[Enclosure], *, owned: bool) -> None:
        """Write attachments to disk; one that cannot be written stays in memory alone.

        Args:
            enclosures: Which.
            owned: Keep them for this process.
        """
        for enclosure in enclosures:
            if enclosure.is_stored or enclosure.column is not None:
                continue
            try:
                enclosure.is_stored = self._store.add(enclosure.attachment, owned=owned)
            except SpoolError as error:
                self._tell(error)
                return
            except OSError as error:
                message = "%d attachments lost (unreadable): a file cannot be read: %s"
                self._troubles.tell("attachments unreadable", logging.WARNING, message, 1, error)
                self._book.settle([enclosure], "lost", "unreadable")
            else:
                if not enclosure.is_stored:
                    self._tell_full()

    def spool(self, enclosures: Sequence[Enclosure]) -> None:
        """Leave attachments to the disk, for this or a later process; those without room wait."""
        already = [each.key for each in enclosures if each.is_stored]
        self.store(enclosures, owned=False)
        if already:
            self._release(already)
        self._book.settle([each for each in enclosures if each.is_stored], "spooled")

    def leave(self, enclosures: Sequence[Enclosure]) -> None:
        """Take attachments off the disk that are settled."""
        for enclosure in enclosures:
            if enclosure.is_stored:
                enclosure.is_stored = False
                try:
                    self._store.remove(enclosure.key)
                except SpoolError as error:
                    self._tell(error)  # it will be uploaded once more, as the same file

    def _release(self, keys: Sequence[str]) -> None:
        try:
            self._store.release(keys)
        except SpoolError as error:
            self._tell(error)

    def _tell_expired(self, own: int, others: int) -> None:
        self._book.expire(own)
        message = (
            "%d attachments lost that waited on disk for longer than OTEL_BRAINTRUST_SPOOL_MAX_AGE"
        )
        count = own + others
        self._troubles.tell("attachments expired", logging.ERROR, message, count, count=count)

    def _tell_full(self) -> None:
        message = "an attachment stays in memory: the spool holds OTEL_BRAINTRUST_SPOOL_MAX_BYTES"
        self._troubles.tell("attachments spool_full", logging.WARNING, message)

    def _tell(self, error: SpoolError) -> None:
        message = "the spool cannot be used, so attachments wait in memory: %s"
        self._troubles.tell("attachments spool", logging.ERROR, message, error)
