"""A thread that is there only while something waits for its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Alarm:
    """Rings when something is due; its thread starts with :meth:`wake` and ends when nothing is.

    Args:
        next_at: When something is due, on ``time.monotonic()``; None: nothing is.
        ring: Called then, in the alarm's thread; must not raise.
    """

    def __init__(self, next_at: Callable[[], float | None], ring: Callable[[], object]) -> None:
        self._next_at = next_at
        self._ring = ring
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child, where the thread is not."""
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """See that it rings; where no thread can start any more, what waits goes with a flush."""
        if self._is_awake() or self._stopping.is_set():
            return
        with self._lock:
            if self._is_awake():  # another thread was faster
                return
            # Noted first: a finalizer, or with gevent another greenlet, may come by meanwhile.
            self._thread = thread = threading.Thread(
                target=self._work, name="otel-braintrust-alarm", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending
                self._thread = None

    def stop(self) -> None:
        """Ring no more."""
        self._stopping.set()

    def _is_awake(self) -> bool:
        return self._thread is not None

    def _work(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                due_at = self._next_at()
                if due_at is None:
                    self._thread = None
                    return
            if not self._stopping.wait(max(0.0, due_at - time.monotonic())):
                self._ring()
