"""The application's own functions are asked about spans: what they raise is told, not passed on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import current_thread, main_thread
from typing import Any


class _Asking(threading.local):
    depth = 0


_asking = _Asking()


def is_asking() -> bool:
    """Tell whether this thread is inside such a function, whose own spans must not be asked for."""
    return _asking.depth > 0


def ask(
    function: Callable[[Any], Any],
    span: Any,
    on_failure: Callable[[BaseException], object] | None = None,
    *,
    otherwise: Any = None,
) -> Any:
    """Ask the application's function about a span.

    Args:
        function: The function.
        span: The span.
        on_failure: Called with what it raised; only an interrupt from the keyboard is passed on.
        otherwise: The answer in that case.
    """
    _asking.depth += 1
    try:
        return function(span)
    except BaseException as error:  # also one that asks the process to end
        if isinstance(error, KeyboardInterrupt) and current_thread() is main_thread():
            raise  # whoever pressed Ctrl-C means the process
        if on_failure is not None:
            on_failure(error)
        return otherwise
    finally:
        _asking.depth -= 1
