"""The application's own ears: what it wants to hear of losses and failed requests."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from otel_braintrust.accounts import Loss
from otel_braintrust.delivery.troubles import Troubles

MAX_WAITING = 1000
# How long a thread waits for another that is calling the application.
TURN_TIMEOUT_S = 0.2

Listener = Callable[[Any], object]


class Notices:
    """Calls ``on_drop`` and ``on_error``, never in a thread that ends a span, never twice at once.

    What there is to hear waits here until the thread that delivers, or one that flushes, has done
    what it can; losses of one reason that wait together become one call.

    Args:
        on_drop: Called with each :class:`otel_braintrust.accounts.Loss`.
        on_error: Called with each error of a request.
        troubles: Where it is told that a callback failed.
    """

    def __init__(
        self,
        on_drop: Callable[[Loss], object] | None = None,
        on_error: Callable[[Exception], object] | None = None,
        *,
        troubles: Troubles,
    ) -> None:
        self._troubles = troubles
        self._on_drop = on_drop
        self._on_error = on_error
        self.reset_after_fork()

    def note_loss(self, loss: Loss) -> None:
        """Keep a loss for the next :meth:`deliver`."""
        if self._on_drop is None:
            return
        with self._lock:
            last = self._waiting[-1][1] if self._waiting else None
            if isinstance(last, Loss) and last.reason == loss.reason:
                ids = (*last.span_ids, *loss.span_ids)[:MAX_WAITING]
                loss = Loss(loss.reason, last.count + loss.count, ids)
                self._waiting.pop()
            self._waiting.append((self._on_drop, loss))

    def note_error(self, error: Exception) -> None:
        """Keep the error of a request for the next :meth:`deliver`."""
        if self._on_error is not None:
            self._waiting.append((self._on_error, error))

    def deliver(self) -> None:
        """Pass on what waits, unless another thread is about to."""
        if not self._waiting or not self._turn.acquire(timeout=TURN_TIMEOUT_S):
            return
        try:
            # Only what waits now: a callback whose own spans are lost must not keep us here.
            for _ in range(len(self._waiting)):
                with self._lock:
                    notice = self._waiting.popleft() if self._waiting else None
                if notice is not None:
                    self._call(*notice)
        finally:
            self._turn.release()

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child: what waited is the parent's."""
        # Re-entrant: a finalizer may lose a span while its thread is in here.
        self._lock = threading.RLock()
        self._turn = threading.RLock()
        self._waiting: deque[tuple[Listener, Loss | Exception]] = deque(maxlen=MAX_WAITING)

    def _call(self, listener: Listener, what: Loss | Exception) -> None:
        try:
            listener(what)
        except BaseException as error:  # the application's own code, and what ends threads
            if isinstance(error, KeyboardInterrupt):
                raise
            self._troubles.tell(
                "callback",
                logging.WARNING,
                "%s failed (%s)",
                getattr(listener, "__qualname__", "a callback"),
                type(error).__name__,
            )
