"""A pool of threads whose tasks run in the context of who submitted them."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


class TracedThreadPoolExecutor(ThreadPoolExecutor):
    """A :class:`concurrent.futures.ThreadPoolExecutor` that carries the context to its threads.

    Spans that start in a task hang on the span that was current where the task was submitted, and
    get its :func:`otel_braintrust.attributes`.

    Example::

        with TracedThreadPoolExecutor(max_workers=4) as pool:
            answers = list(pool.map(answer, questions))
    """

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Run a function in a thread, in a copy of the context of this call."""
        return super().submit(contextvars.copy_context().run, fn, *args, **kwargs)
