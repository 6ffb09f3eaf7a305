"""@traced for generators: a span that is current while they run, and not while they wait."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator, Generator
from typing import Any, cast

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from otel_braintrust.calls import Calls
from otel_braintrust.current import leave, note_exception, tracer

logger = logging.getLogger("otel_braintrust")

MAX_ITEMS_VARIABLE = "BRAINTRUST_MAX_GENERATOR_ITEMS"
DEFAULT_MAX_ITEMS = 1000


class _Run:
    """A generator under way: its span is current while it runs, and not while it waits."""

    def __init__(self, calls: Calls, span: Span) -> None:
        self._calls = calls
        self.span = span
        self._context: Context = trace.set_span_in_context(span)
        self._items: list[Any] | None = []
        self._limit = max_generator_items()
        if not calls.traces_io or self._limit == 0:
            self._items = None

    def enter(self) -> Any:
        """Let the generator go on, in the context in which it stopped."""
        return otel_context.attach(self._context)

    def leave(self, token: Any) -> None:
        """Let its caller go on."""
        self._context = otel_context.get_current()
        leave(token)

    def note_item(self, item: Any) -> None:
        """Keep what was yielded, as long as that is not too much."""
        if self._items is None:
            return
        self._items.append(item)
        if 0 < self._limit < len(self._items):
            self._items = None
            logger.warning(
                "%s: a generator yielded more than %d items, so its span has no output; "
                "raise %s, or set it to -1 to keep all",
                self._calls.name,
                self._limit,
                MAX_ITEMS_VARIABLE,
            )

    def end(self) -> None:
        """Write what was yielded, and end the span."""
        if self._items is not None:
            self._calls.note_output(self.span, self._items)
        self.span.end()


def of_generator_function(function: Any, calls: Calls) -> Any:
    """A generator function whose runs are spans."""

    def call(*arguments: Any, **named: Any) -> Generator[Any, Any, Any]:
        maker = tracer()
        if maker is None:
            return (yield from function(*arguments, **named))
        run = _Run(calls, calls.start(maker, arguments, named))
        generator = function(*arguments, **named)
        try:
            step, value = generator.send, None
            while True:
                token = run.enter()
                try:
                    item = step(value)
                except StopIteration as stop:
                    return stop.value
                finally:
                    run.leave(token)
                run.note_item(item)
                try:
                    step, value = generator.send, (yield item)
                except GeneratorExit:
                    token = run.enter()
                    try:
                        generator.close()
                    finally:
                        run.leave(token)
                    raise
                except BaseException as thrown:  # noqa: BLE001  (handed on to the generator)
                    step, value = generator.throw, cast("Any", thrown)
        except BaseException as error:
            note_exception(run.span, error)
            raise
        finally:
            run.end()

    return call


def of_async_generator_function(function: Any, calls: Calls) -> Any:
    """An asynchronous generator function whose runs are spans."""

    async def call(*arguments: Any, **named: Any) -> AsyncGenerator[Any, Any]:
        maker = tracer()
        run = None if maker is None else _Run(calls, calls.start(maker, arguments, named))
        generator = function(*arguments, **named)
        try:
            step, value = generator.asend, None
            while True:
                token = run.enter() if run is not None else None
                try:
                    item = await step(value)
                except StopAsyncIteration:
                    return
                finally:
                    if run is not None:
                        run.leave(token)
                if run is not None:
                    run.note_item(item)
                try:
                    step, value = generator.asend, (yield item)
                except GeneratorExit:
                    token = run.enter() if run is not None else None
                    try:
                        await generator.aclose()
                    finally:
                        if run is not None:
                            run.leave(token)
                    raise
                except BaseException as thrown:  # noqa: BLE001  (handed on to the generator)
                    step, value = generator.athrow, cast("Any", thrown)
        except BaseException as error:
            if run is not None:
                note_exception(run.span, error)
            raise
        finally:
            if run is not None:
                run.end()

    return call


def max_generator_items() -> int:
    """How many items of a generator are kept as its span's output; -1: all."""
    text = os.environ.get(MAX_ITEMS_VARIABLE, "").strip()
    try:
        return int(text) if text else DEFAULT_MAX_ITEMS
    except ValueError:
        return DEFAULT_MAX_ITEMS
