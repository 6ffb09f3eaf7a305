"""@traced: each call of a function becomes a span with its arguments, its result and its error."""

from __future__ import annotations

import functools
import inspect
import logging
import os
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, TypeVar, cast, overload

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Tracer

from otel_braintrust.annotate import enter, leave, note_exception, tracer
from otel_braintrust.annotations import ATTRIBUTE_BY_FIELD, TYPE_ATTRIBUTE, json_text

logger = logging.getLogger("otel_braintrust")

MAX_ITEMS_VARIABLE = "BRAINTRUST_MAX_GENERATOR_ITEMS"
DEFAULT_MAX_ITEMS = 1000
_INPUT = ATTRIBUTE_BY_FIELD["input"]
_OUTPUT = ATTRIBUTE_BY_FIELD["output"]

F = TypeVar("F", bound=Callable[..., Any])


@overload
def traced(function: F, /) -> F: ...
@overload
def traced(
    *,
    name: str | None = None,
    type: str | None = "function",
    notrace_io: bool = False,
) -> Callable[[F], F]: ...
def traced(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    type: str | None = "function",  # noqa: A002  (Braintrust's own word)
    notrace_io: bool = False,
) -> Any:
    """Make each call of a function a span: arguments by name, result, and exception.

    For functions, coroutine functions, generators, asynchronous generators, methods, class methods
    and static methods. A generator's span lasts until it is exhausted or closed; its output is the
    list of what it yielded, up to ``BRAINTRUST_MAX_GENERATOR_ITEMS`` items (default 1000, -1: all,
    0: none). Where nothing is configured the function is merely called.

    Args:
        function: The function, when used as ``@traced``.
        name: The span's name; default the function's.
        type: Braintrust's type, ``task``, ``tool``, ``llm``, ...; default ``function``.
        notrace_io: Leave arguments and result out of the span.

    Example::

        @traced(type="tool")
        def search(query: str, limit: int = 10) -> list[str]:
            return index.search(query, limit)
    """
    if function is None:
        return lambda each: _wrapped(each, name, type, notrace_io)
    return _wrapped(function, name, type, notrace_io)


def _wrapped(function: Any, name: str | None, span_type: str | None, notrace_io: bool) -> Any:
    if isinstance(function, (staticmethod, classmethod)):
        inner = _wrapped(function.__func__, name, span_type, notrace_io)
        return function.__class__(inner)
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"traced() needs a function or a method, found {function!r:.80}")
    calls = _Calls(function, name, span_type, notrace_io)
    for is_kind, wrap in _WRAPPERS:
        if is_kind(function):
            return functools.wraps(function)(wrap(function, calls))
    return functools.wraps(function)(_of_function(function, calls))


class _Calls:
    """How the calls of one function become spans; worked out once, when it is decorated."""

    def __init__(
        self, function: Any, name: str | None, span_type: str | None, notrace_io: bool
    ) -> None:
        self.name = name or getattr(function, "__name__", None) or type(function).__name__
        self.traces_io = not notrace_io
        self._attributes: dict[str, Any] = {TYPE_ATTRIBUTE: span_type} if span_type else {}
        self._without_arguments = {**self._attributes, **({_INPUT: "{}"} if self.traces_io else {})}
        self._signature: inspect.Signature | None = None
        self._names: tuple[str, ...] = ()
        self._skipped: str | None = None
        try:
            self._signature = inspect.signature(function)
        except (TypeError, ValueError):  # a function in C that does not tell
            return
        parameters = list(self._signature.parameters.values())
        if not any(each.kind in _COLLECTING for each in parameters):
            self._names = tuple(p.name for p in parameters if p.kind in _POSITIONAL)
        if parameters and _is_method(function) and parameters[0].name in ("self", "cls"):
            self._skipped = parameters[0].name

    def start(self, maker: Tracer, arguments: tuple[Any, ...], named: dict[str, Any]) -> Span:
        """Start the span of one call."""
        if not arguments and not named:
            return maker.start_span(self.name, attributes=self._without_arguments)
        if not self.traces_io:
            return maker.start_span(self.name, attributes=self._attributes)
        text = json_text(self._by_name(arguments, named))
        return maker.start_span(self.name, attributes={**self._attributes, _INPUT: text})

    def note_output(self, span: Span, output: Any) -> None:
        """Write what a call returned, if it returned anything."""
        if output is not None and self.traces_io and span.is_recording():
            span.set_attribute(_OUTPUT, json_text(output))

    def _by_name(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        if self._names and len(arguments) <= len(self._names):
            bound = dict(zip(self._names, arguments, strict=False))
            bound.update(named)
        else:
            bound = self._bound(arguments, named)
        bound.pop(self._skipped, None)  # type: ignore[arg-type]  # None is no name of an argument
        return bound

    def _bound(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        try:
            if self._signature is not None:
                return dict(self._signature.bind(*arguments, **named).arguments)
        except TypeError:  # the call itself will say what is wrong
            pass
        return {"args": arguments, "kwargs": named}


_COLLECTING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _is_method(function: Any) -> bool:
    outer, _, _ = getattr(function, "__qualname__", "").rpartition(".")
    return bool(outer) and not outer.endswith("<locals>")


def _of_function(function: Any, calls: _Calls) -> Any:
    def call(*arguments: Any, **named: Any) -> Any:
        maker = tracer()
        if maker is None:
            return function(*arguments, **named)
        span = calls.start(maker, arguments, named)
        token = enter(span)
        try:
            output = function(*arguments, **named)
        except BaseException as error:
            note_exception(span, error)
            raise
        else:
            calls.note_output(span, output)
            return output
        finally:
            leave(token)
            span.end()

    return call


def _of_coroutine_function(function: Any, calls: _Calls) -> Any:
    async def call(*arguments: Any, **named: Any) -> Any:
        maker = tracer()
        if maker is None:
            return await function(*arguments, **named)
        span = calls.start(maker, arguments, named)
        token = enter(span)
        try:
            output = await function(*arguments, **named)
        except BaseException as error:
            note_exception(span, error)
            raise
        else:
            calls.note_output(span, output)
            return output
        finally:
            leave(token)
            span.end()

    return call


class _Run:
    """A generator under way: its span is current while it runs, and not while it waits."""

    def __init__(self, calls: _Calls, span: Span) -> None:
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


def _of_generator_function(function: Any, calls: _Calls) -> Any:
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


def _of_async_generator_function(function: Any, calls: _Calls) -> Any:
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


_WRAPPERS = (
    (inspect.isasyncgenfunction, _of_async_generator_function),
    (inspect.iscoroutinefunction, _of_coroutine_function),
    (inspect.isgeneratorfunction, _of_generator_function),
)
