"""Methods that are called when the process forks, as long as their objects live."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable


def before_fork(method: Callable[[], None]) -> None:
    """Call a bound method before the process forks, as long as its object lives."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_as_long_as_it_lives(method))


def after_fork(method: Callable[[], None]) -> None:
    """Call a bound method in every forked child, as long as its object lives."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_as_long_as_it_lives(method))


def _as_long_as_it_lives(method: Callable[[], None]) -> Callable[[], None]:
    reference = weakref.WeakMethod(method)

    def call() -> None:
        bound = reference()
        if bound is not None:
            bound()

    return call
