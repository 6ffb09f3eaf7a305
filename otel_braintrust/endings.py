"""How a process ends, and that its processors hear of it: exit, SIGTERM, a child's own end."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, Protocol

# These end the children they fork by os._exit, after their own list of finalizers, not atexit's.
PROCESS_LIBRARIES = ("multiprocessing", "billiard")
# What each but the first of several still gets when the first has used up the time.
LEAST_TIME_S = 0.5
# What a SIGTERM waits for beyond the processors' own time, which they keep by themselves.
GRACE_S = 1.0
# How long an application's own end may be held up for what waits.
FLUSH_ON_SIGTERM_S = 1.5
# Python 3.12 starts no thread once atexit's functions are called; those before and after it do.
NO_THREAD_AT_EXIT = sys.version_info[:2] == (3, 12)


class Leaver(Protocol):
    """What hears of the end."""

    @property
    def exit_timeout_s(self) -> float:
        """How long leaving may take, in seconds."""

    def leave(self) -> None:
        """Do what must be done before the process ends."""

    def flush_quickly(self, timeout_s: float) -> None:
        """Send what waits, in less time than given while the server fails."""


class _Anchor:
    """Lives as long as the module, as the lists of callbacks of PROCESS_LIBRARIES ask."""


_anchor = _Anchor()
_leavers: weakref.WeakSet[Any] = weakref.WeakSet()
_known_libraries: set[str] = set()
_is_registered = False
_has_sigterm_come = False
_began_to_end_at: float | None = None


def hear_of_end(leaver: Leaver) -> None:
    """Have ``leave()`` called when the process ends in any way that lets Python code run.

    Args:
        leaver: Held weakly: one that nobody else holds hears of nothing.
    """
    global _is_registered
    _leavers.add(leaver)
    if not _is_registered:
        _is_registered = True
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_begin_anew)
    reference = weakref.ref(leaver)

    def leave() -> None:
        living = reference()
        if living is not None:
            _look_up_names_without_threads()
            living.leave()

    atexit.register(leave)
    _prepare_child()
    _finalize_spawned()


def leave_on_sigterm() -> None:
    """Let SIGTERM do what it did before, but not end the process before what waits is sent.

    Where nothing handles it, it ends the process after every processor has left. A handler of the
    application's is called first; uvicorn's, for one, lets the process be killed in the end, after
    no time for anything, so what waits is sent as soon as the signal comes. Outside the main thread
    and where SIGTERM is ignored this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    handler = signal.getsignal(signal.SIGTERM)
    if handler is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    elif callable(handler) and handler is not _terminate and not isinstance(handler, _Relay):
        signal.signal(signal.SIGTERM, _Relay(handler))


def time_to_leave_s(timeout_s: float) -> float:
    """What is left of the time to leave, which all in this process share.

    Args:
        timeout_s: The caller's own time, in seconds.
    """
    global _began_to_end_at
    now = time.monotonic()
    if _began_to_end_at is None:
        _began_to_end_at = now
    return max(min(timeout_s, LEAST_TIME_S), timeout_s - (now - _began_to_end_at))


def is_ending() -> bool:
    """Tell whether SIGTERM has come, so that nothing should wait for a better moment."""
    return _has_sigterm_come


class _Relay:
    """A handler that calls the one before it, and then has what waits sent."""

    def __init__(self, handler: Callable[[int, Any], Any]) -> None:
        self._handler = handler

    def __call__(self, number: int, frame: Any) -> None:
        global _has_sigterm_come
        _has_sigterm_come = True
        self._handler(number, frame)
        _in_thread(_send_all, FLUSH_ON_SIGTERM_S)


def _terminate(number: int, frame: Any) -> None:  # noqa: ARG001
    longest_s = max((each.exit_timeout_s for each in list(_leavers)), default=0.0)
    _in_thread(_leave_all, longest_s + GRACE_S)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    time.sleep(GRACE_S)  # a signal may reach the process a moment later


def _in_thread(target: Callable[[], None], timeout_s: float) -> None:
    """Call a function in a thread of its own, and wait for its end for some time.

    Whatever lock the interrupted code holds can then delay the end, and not prevent it.
    """
    thread = threading.Thread(target=target, name="otel-braintrust-end", daemon=True)
    # The interpreter is ending already; or, with gevent, nothing may block in a signal's handler.
    with suppress(RuntimeError, AssertionError):
        thread.start()
        thread.join(timeout_s)


def _look_up_names_without_threads() -> None:
    """Let requests at the exit find their hosts under gevent, which looks names up in threads."""
    monkey = sys.modules.get("gevent.monkey")
    if NO_THREAD_AT_EXIT and monkey is not None and monkey.is_module_patched("socket"):
        blocking = import_module("gevent.resolver.blocking")
        import_module("gevent").get_hub().resolver = blocking.Resolver()


def _send_all() -> None:
    for leaver in list(_leavers):
        leaver.flush_quickly(FLUSH_ON_SIGTERM_S)


def _leave_all() -> None:
    for leaver in list(_leavers):
        leaver.leave()


def _begin_anew() -> None:
    global _began_to_end_at
    _began_to_end_at = None
    _prepare_child()


def _prepare_child() -> None:
    """Have children that a library forks from here leave before they end."""
    for name in PROCESS_LIBRARIES:
        utilities = sys.modules.get(f"{name}.util")
        if utilities is not None and name not in _known_libraries:
            _known_libraries.add(name)
            utilities.register_after_fork(_anchor, _finalizer_of(utilities))
    # Celery's workers end by os._exit after a signal of Celery's own.
    signals = sys.modules.get("celery.signals")
    if signals is not None and "celery" not in _known_libraries:
        _known_libraries.add("celery")
        signals.worker_process_shutdown.connect(_leave_with_worker, weak=False)


def _leave_with_worker(**kwargs: Any) -> None:  # noqa: ARG001
    _leave_all()


def _finalizer_of(utilities: Any) -> Any:
    def register(anchor: _Anchor) -> None:  # noqa: ARG001
        utilities.Finalize(None, _leave_all, exitpriority=0)

    return register


def _finalize_spawned() -> None:
    """In a child that a library has spawned: leave before it ends."""
    for name in PROCESS_LIBRARIES:
        process = sys.modules.get(f"{name}.process")
        utilities = sys.modules.get(f"{name}.util")
        parent = getattr(process, "parent_process", None)
        if utilities is not None and parent is not None and parent() is not None:
            utilities.Finalize(None, _leave_all, exitpriority=0)
