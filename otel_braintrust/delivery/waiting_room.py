"""Attachments that wait for their upload, those in hand, and whose turn it is."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum

from otel_braintrust.delivery.enclosures import Enclosure
from otel_braintrust.delivery.reception import Reception
from otel_braintrust.delivery.shelving import NoShelf


class Turn(Enum):
    """What there is to do besides an attachment that waits."""

    LOOK_ON_DISK = "look on disk"
    NOTHING = "nothing"


class WaitingRoom:
    """A queue whose takers wait for it, for the server, and for the disk.

    Args:
        changed: Notified with every change; its lock guards the room.
        reception: How the server receives attachments.
        shelf: The disk, if there is one.
        may_leave: Tells whether a taker that has waited for long may give up the look on the disk.
    """

    def __init__(
        self,
        changed: threading.Condition,
        reception: Reception,
        shelf: NoShelf,
        may_leave: Callable[[], bool],
    ) -> None:
        self._changed = changed
        self._reception = reception
        self._shelf = shelf
        self._may_leave = may_leave
        self._waiting: deque[Enclosure] = deque()
        self._in_hand: set[Enclosure] = set()
        self._is_looking = False
        self.stop_at: float | None = None
        self.is_closed = False

    def __len__(self) -> int:
        """How many wait or are in hand."""
        return len(self._waiting) + len(self._in_hand)

    @property
    def needs_takers(self) -> bool:
        """Whether there is an attachment that nobody has in hand, and time for it."""
        return bool(self._waiting) and self.stop_at is None

    def add(self, enclosures: Iterable[Enclosure], *, first: bool = False) -> None:
        """Let attachments wait that are not settled; at the front if they were there before."""
        with self._changed:
            fresh = [each for each in enclosures if each.column is None]
            if first:
                self._waiting.extendleft(reversed(fresh))
            else:
                self._waiting.extend(fresh)
            self._changed.notify_all()

    def forget_failures(self) -> None:
        """Let those that wait be tried from the beginning: the server works again."""
        with self._changed:
            for enclosure in self._waiting:
                enclosure.first_failed_at = None

    def clear(self) -> list[Enclosure]:
        """Send away those that wait; which they were."""
        with self._changed:
            waiting = list(self._waiting)
            self._waiting.clear()
            return waiting

    def close(self) -> list[Enclosure]:
        """Let nobody take anything any more; what was left."""
        with self._changed:
            self.is_closed = True
            left = [*self._in_hand, *self._waiting]
            self._waiting.clear()
            self._changed.notify_all()
            return left

    def take(self, idle_s: float, deadline: float | None) -> Enclosure | Turn:
        """Wait for an attachment whose turn it is, or for a time to look on the disk.

        Args:
            idle_s: How long to wait if there is nothing at all, in seconds.
            deadline: Moment on ``time.monotonic()`` until which to wait for anything, or None.
        """
        idle_until = time.monotonic() + idle_s
        with self._changed:
            while not self.is_closed:
                now = time.monotonic()
                due = self._due()
                if due is not None and due <= now:
                    return self._take(now)
                until = idle_until if due is None else due
                ends = [each for each in (self.stop_at, deadline) if each is not None]
                is_idle = now >= idle_until and not self._waiting and self._may_leave()
                if now >= until or is_idle or any(until > end for end in ends):
                    return Turn.NOTHING
                self._changed.wait(until - now)
            return Turn.NOTHING

    def note_found(self, enclosure: Enclosure | None) -> None:
        """Note what a look on the disk has found: it is in hand."""
        with self._changed:
            self._is_looking = False
            if enclosure is not None:
                self._in_hand.add(enclosure)
            self._changed.notify_all()

    def leave(self, enclosure: Enclosure) -> None:
        """Note that an attachment is out of hand."""
        with self._changed:
            self._in_hand.discard(enclosure)
            self._changed.notify_all()

    def wait_until_empty(self, deadline: float) -> None:
        """Wait until nothing waits or is in hand, or nothing can happen before the deadline."""
        with self._changed:
            while len(self):
                remaining_s = deadline - time.monotonic()
                is_vain = not self._in_hand and self._reception.resume_at > deadline
                if remaining_s <= 0 or is_vain:
                    return
                self._changed.wait(remaining_s)

    def _due(self) -> float | None:
        """When there is something to take, or None."""
        if self._reception.goes_ahead_alone and self._in_hand:
            return None
        dues = []
        if self._waiting:
            dues.append(self._reception.resume_at)
        is_open = self.stop_at is None and not self._reception.closed_reason
        if self._shelf.is_there and is_open and not self._is_looking:
            dues.append(max(self._reception.resume_at, self._shelf.next_at))
        return min(dues, default=None)

    def _take(self, now: float) -> Enclosure | Turn:
        if self._waiting and self._reception.resume_at <= now:
            enclosure = self._waiting.popleft()
            self._in_hand.add(enclosure)
            return enclosure
        self._is_looking = True
        return Turn.LOOK_ON_DISK
