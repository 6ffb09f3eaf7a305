"""Threads that upload side by side, started as there is work and ended when there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from otel_braintrust.delivery.attaching import AttachmentApi
from otel_braintrust.delivery.silence import suppressed_instrumentation

# Each upload is three requests one after another, so several run side by side.
MAX_THREADS = 4
IDLE_S = 5.0

# Does the next thing there is to do, waiting for it so many seconds at most and until a deadline if
# there is one; False when there was nothing.
Step = Callable[[AttachmentApi, float, "float | None"], bool]


class Crew:
    """Calls ``step`` again and again, from threads or from a caller.

    Args:
        step: What is done.
        new_api: Makes the requests of one thread.
        has_threads: False: only callers of :meth:`work_inline` do anything.
        is_needed: Tells whether there is work; asked by a thread that is about to end.
    """

    def __init__(
        self,
        step: Step,
        new_api: Callable[[], AttachmentApi],
        *,
        has_threads: bool,
        is_needed: Callable[[], bool],
    ) -> None:
        self._step = step
        self._new_api = new_api
        self._has_threads = has_threads
        self._is_needed = is_needed
        self.renew_after_fork()

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child: the parent's threads are not here."""
        # Re-entrant: with gevent all greenlets are one thread to a lock that was made before it.
        self._lock = threading.RLock()
        self._is_starting = False
        self._inline = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._apis: list[AttachmentApi] = []
        # Of threads that have ended: they know the organization already.
        self._idle_apis: list[AttachmentApi] = []

    @property
    def size(self) -> int:
        """How many threads run."""
        return len(self._threads)

    def ensure(self, wanted: int) -> bool:
        """Tell whether a thread runs, after starting as many as are wanted and may be."""
        if not self._has_threads:
            return False
        with self._lock:
            if self._is_starting:  # another greenlet came by meanwhile
                return True
            self._threads = [each for each in self._threads if each.is_alive()]
            while len(self._threads) < max(1, min(wanted, MAX_THREADS)):
                thread = threading.Thread(
                    target=self._work, name="otel-braintrust-attachments", daemon=True
                )
                self._is_starting = True
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is ending
                    break
                finally:
                    self._is_starting = False
                self._threads.append(thread)
            return bool(self._threads)

    def work_inline(self, deadline: float) -> None:
        """Do the threads' work in the caller, until nothing is left or the deadline has come."""
        if not self._inline.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return
        with self._lock:
            api = self._take_api()
        try:
            with suppressed_instrumentation():
                while time.monotonic() < deadline and self._step(api, 0.0, deadline):
                    pass
        finally:
            api.connection.close()
            with self._lock:
                self._idle_apis.append(api)
            self._inline.release()

    def abort(self) -> None:
        """Break off every request under way."""
        with self._lock:
            apis = list(self._apis)
        for api in apis:
            api.connection.abort()

    def _take_api(self) -> AttachmentApi:
        return self._idle_apis.pop() if self._idle_apis else self._new_api()

    def _work(self) -> None:
        with self._lock:
            api = self._take_api()
            self._apis.append(api)
        try:
            with suppressed_instrumentation():
                while self._step(api, IDLE_S, None):
                    pass
        finally:
            api.connection.close()
            with self._lock:
                self._apis.remove(api)
                self._idle_apis.append(api)
                this = threading.current_thread()
                self._threads = [each for each in self._threads if each is not this]
            # What came while this one was ending saw a thread, and so started none.
            if self._is_needed():
                self.ensure(1)
