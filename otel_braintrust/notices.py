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


class Notices:
    """Calls ``on_drop`` and ``on_error``, never in a thread that ends a span, never twice at once.

    Losses wait here until the thread that delivers, or one that flushes, passes them on; those of
    one reason that wait together become one call.

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
            last = self._waiting[-1] if self._waiting else None
            if last is not None and last.reason == loss.reason:
                ids = (*last.span_ids, *loss.span_ids)[:MAX_WAITING]
                self._waiting[-1] = Loss(loss.reason, last.count + loss.count, ids)
            else:
                self._waiting.append(loss)

    def note_error(self, error: Exception) -> None:
        """Pass on the error of a request."""
        if self._on_error is not None:
            self._call(self._on_error, error)

    def deliver(self) -> None:
        """Pass on the losses that wait."""
        # Only what waits now: a callback whose own spans are lost must not keep us here for ever.
        for _ in range(len(self._waiting)):
            with self._lock:
                loss = self._waiting.popleft() if self._waiting else None
            if loss is not None and self._on_drop is not None:
                self._call(self._on_drop, loss)

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child: what waited is the parent's."""
        # Re-entrant: a finalizer may lose a span while its thread is in here.
        self._lock = threading.RLock()
        self._waiting: deque[Loss] = deque(maxlen=MAX_WAITING)

    def _call(self, listener: Callable[[Any], object], what: object) -> None:
        try:
            listener(what)
        except Exception as error:  # noqa: BLE001  (the application's own code)
            self._troubles.tell(
                "callback",
                logging.WARNING,
                "%s failed (%s)",
                getattr(listener, "__qualname__", "a callback"),
                type(error).__name__,
            )
