"""One log line for each kind of trouble, not one for each span or request."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger("otel_braintrust")

REPEAT_AFTER_S = 300.0
MAX_KINDS = 200


@dataclass
class _Kind:
    told_at: float
    untold: int = 0


class Troubles:
    """Tells of each kind of trouble when it begins, then at most every five minutes with a count.

    Args:
        clock: Seconds that only go forward; default ``time.monotonic``.
        is_quiet: Tell nothing, for work whose failures harm nobody.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, is_quiet: bool = False
    ) -> None:
        self._clock = clock
        self._is_quiet = is_quiet
        self._lock = threading.RLock()
        self._kinds: dict[str, _Kind] = {}

    def tell(self, kind: str, level: int, message: str, *args: object, count: int = 1) -> None:
        """Log the message, unless this kind of trouble was told a short time ago.

        Args:
            kind: What the message is about; messages of one kind follow each other rarely.
            level: Level of the ``logging`` module.
            message: What happened, where, and what to do; with ``args`` as in ``logging``.
            count: How many spans or requests it concerns.
        """
        if self._is_quiet:
            return
        now = self._clock()
        with self._lock:
            known = self._kinds.get(kind)
            if known is not None and now - known.told_at < REPEAT_AFTER_S:
                known.untold += count
                return
            self._kinds.pop(kind, None)
            self._kinds[kind] = _Kind(now)
            while len(self._kinds) > MAX_KINDS:
                del self._kinds[next(iter(self._kinds))]  # the one told longest ago
        if known is not None and known.untold:
            message += " (and %d more like this since it was last told)"
            args = (*args, known.untold)
        logger.log(level, message, *args)

    def are_over(self, prefix: str, message: str) -> None:
        """Log that the kinds of trouble whose name begins so are over, if any of them was told."""
        with self._lock:
            over = [kind for kind in self._kinds if kind.startswith(prefix)]
            for kind in over:
                del self._kinds[kind]
        if over:
            logger.info(message)

    def reset_after_fork(self) -> None:
        """Take a new lock in a forked child: another thread may have held the old one."""
        self._lock = threading.RLock()
