"""A thread that does its work from time to time, and sooner when it is woken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Clerk:
    """Works in a thread of its own, which :meth:`start` starts.

    Args:
        work: Called when its time has come or it was woken; must not raise.
        pause_s: From one time to the next, in seconds.
    """

    def __init__(self, work: Callable[[], object], *, pause_s: float) -> None:
        self._work = work
        self._pause_s = pause_s
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child, where the thread is not."""
        self._lock = threading.RLock()
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def start(self) -> bool:
        """Start the thread if need be; False where none can start (any more)."""
        with self._lock:
            if self._stopped:
                return False
            if self._thread is not None:
                return True
            # Noted first: a finalizer, or with gevent another greenlet, may come by meanwhile.
            self._thread = threading.Thread(
                target=self._run, name="otel-braintrust-clerk", daemon=True
            )
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is ending
                self._thread = None
                return False
            return True

    def wake(self) -> None:
        """Have it work soon."""
        self._awake.set()

    def stop(self) -> None:
        """Have it work no more."""
        self._stopped = True
        self._awake.set()

    def _run(self) -> None:
        due_at = time.monotonic() + self._pause_s
        while not self._stopped:
            self._awake.wait(max(0.0, due_at - time.monotonic()))
            self._awake.clear()
            was_due = time.monotonic() >= due_at
            if not self._stopped:
                self._work()
            if was_due:
                due_at = time.monotonic() + self._pause_s
