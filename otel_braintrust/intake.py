"""Spans that started and ended, noted by the application's threads and read by another."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any

from otel_braintrust.delivery.clerk import Clerk

# So few that reading them holds up the application's threads for less than a millisecond, and that
# their content, which is weighed only when they are read, cannot fill the memory.
READ_AT = 128
# A thread that finds so many unread reads some itself, so that fewer gather.
READ_AT_LAST = 4096
# Reading takes as long as this only where the application's own functions are asked and are slow.
PATIENCE_S = 1.0


# A span that started, what was written on it because of where, and what ``route`` said of it.
Start = tuple[Any, "Mapping[str, Any] | None", "str | bool | None"]


class Intake:
    """All that the application's threads do for a span's start or end is to note it here.

    That is one ``append`` to a deque, which CPython does at once, with and without its global lock;
    the order of events of one span, or of a span and its child, is that in which they are read.
    Whoever reads has the lock, and a thread of the application never waits for it. The lock is
    re-entrant, because a finalizer may end a span while its thread reads; such an event is read
    next.

    Args:
        enter: Takes the events, in order, by one thread at a time: the arguments of
            :meth:`note_start`, or a span that ended. It must not raise.
        refuse: Called with a span that ended for which there is no place.
        places: Most events that wait to be read, if reading itself is slow.
        has_thread: Whether a thread reads; else they are read as they come.
        pause_s: Longest time that events wait for that thread, in seconds.
        after: Called when that thread has read; without a thread, after each event.
    """

    def __init__(
        self,
        enter: Callable[[Sequence[Any]], object],
        *,
        refuse: Callable[[Any], object],
        places: int,
        has_thread: bool,
        pause_s: float,
        after: Callable[[], object],
    ) -> None:
        self._enter = enter
        self._after = after
        self._refuse = refuse
        self._places = max(READ_AT_LAST, places)
        self._has_thread = has_thread
        self._clerk = Clerk(self._work, pause_s=pause_s)
        self._begin()

    def _begin(self) -> None:
        self._events: deque[Any] = deque()
        self._reading = threading.RLock()
        self._is_reading = False
        # At the first event the thread is started, if there is to be one.
        self._look_at = 1

    def note_start(
        self, span: Any, stamp: Mapping[str, Any] | None, answer: str | bool | None
    ) -> None:
        """Note that a span started.

        Args:
            span: The running span.
            stamp: The attributes that were written on it because of where it started.
            answer: What the application's ``route`` said of it.
        """
        events = self._events
        events.append((span, stamp, answer))
        if len(events) >= READ_AT_LAST:  # spans that start and never end must not gather, either
            self._look(len(events))

    def note_end(self, span: Any) -> None:
        """Note that a span ended."""
        events = self._events
        events.append(span)
        if len(events) >= self._look_at:
            self._look(len(events))

    def read(self, timeout_s: float = PATIENCE_S) -> int:
        """Enter all that was noted before this call.

        Args:
            timeout_s: Longest time to wait for another thread that reads, in seconds.

        Returns:
            How many ends are still unread.
        """
        if not self._reading.acquire(timeout=timeout_s):
            return sum(type(event) is not tuple for event in self._events.copy())
        try:
            self._read(len(self._events))
        finally:
            self._reading.release()
        return 0

    def _read(self, count: int) -> None:
        if self._is_reading:
            return
        self._is_reading = True
        try:
            while count > 0:
                some = self._some(min(count, READ_AT))
                if not some:
                    break
                self._enter(some)
                count -= len(some)
        finally:
            self._is_reading = False
            self._look_at = READ_AT if self._has_thread else 1

    def _some(self, most: int) -> list[Any]:
        events: list[Any] = []
        with suppress(IndexError):  # what was there may have been refused since
            # What was taken before that stays in the list.
            events.extend(map(deque.popleft, repeat(self._events, most)))
        return events

    def stop(self) -> None:
        """Read what is there, and end the thread; what comes now is read as it comes."""
        self._has_thread = False
        self._clerk.stop()
        self.read()

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child: what is unread belongs to the parent."""
        self._clerk.reset_after_fork()
        self._begin()

    def _look(self, count: int) -> None:
        if not self._has_thread or not self._clerk.start():
            self._work()
        elif count >= READ_AT_LAST:
            self._help(count)
        elif count >= READ_AT:
            self._look_at = READ_AT_LAST  # before it wakes, for it is set back when it has read
            self._clerk.wake()
        else:
            self._look_at = READ_AT

    def _help(self, count: int) -> None:
        """Read some in the thread that ended a span, unless another one is at it."""
        if self._reading.acquire(blocking=False):
            try:
                self._read(READ_AT)
            finally:
                self._reading.release()
        elif count > self._places:
            event = self._events.pop()
            if type(event) is not tuple:
                self._refuse(event)

    def _work(self) -> None:
        self.read()
        self._after()
