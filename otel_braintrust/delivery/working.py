"""The thread that delivers, and the callers that do its work where there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from otel_braintrust.delivery.silence import suppressed_instrumentation

# What a stop keeps of its time for writing to the disk.
SAVE_SHARE = 0.4
MAX_SAVE_S = 1.5


def before_saving(deadline: float) -> float:
    """When the network's time is over, so that some is left for the disk.

    Args:
        deadline: When all of the time is over, on ``time.monotonic()``.
    """
    remaining_s = max(0.0, deadline - time.monotonic())
    return deadline - min(MAX_SAVE_S, SAVE_SHARE * remaining_s)


class Worker:
    """One thread, started when there is work, and started anew in a forked child.

    Args:
        work: All there is to do; called in the thread, and ends when there will be no more of it.
        may_start: False: there is never a thread.
        name: The thread's name.
    """

    def __init__(
        self, work: Callable[[], object], *, may_start: bool, name: str = "otel-braintrust"
    ) -> None:
        self._work = work
        self._name = name
        self._may_start = may_start
        self.begin()

    def begin(self) -> None:
        """Begin anew, without a thread."""
        self._lock = threading.RLock()
        self._is_starting = False
        self._inline = threading.Lock()
        self._caller: int | None = None
        self.thread: threading.Thread | None = None

    def ensure_thread(self) -> bool:
        """Tell whether the thread runs, after starting it if need be."""
        if not self._may_start:
            return False
        with self._lock:
            # A finalizer, or with gevent another greenlet, may come by while the thread starts.
            if self._is_starting or (self.thread is not None and self.thread.is_alive()):
                return True
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._is_starting = True
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending
                return False
            finally:
                self._is_starting = False
            self.thread = thread
            return True

    @property
    def is_here(self) -> bool:
        """Whether the caller is called by the work itself, for instance by way of a callback."""
        me = threading.get_ident()
        return me == self._caller or (self.thread is not None and me == self.thread.ident)

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread."""
        thread = self.thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, timeout_s))

    def inline(self, work: Callable[[], object], timeout_s: float) -> None:
        """Do work in the caller, when no other caller does any more.

        Args:
            work: What to do.
            timeout_s: Longest time to wait for another caller, in seconds.
        """
        if not self._inline.acquire(timeout=max(0.0, timeout_s)):
            return
        try:
            self._caller = threading.get_ident()
            with suppressed_instrumentation():
                work()
        finally:
            self._caller = None
            self._inline.release()

    def _run(self) -> None:
        with suppressed_instrumentation():
            self._work()
