"""@traced: each call of a function becomes a span with its arguments, its result and its error."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

from otel_braintrust.calls import Calls
from otel_braintrust.current import enter, leave, note_exception, tracer
from otel_braintrust.generators import of_async_generator_function, of_generator_function

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
    calls = Calls(function, name, span_type, notrace_io)
    for is_kind, wrap in _WRAPPERS:
        if is_kind(function):
            return functools.wraps(function)(wrap(function, calls))
    return functools.wraps(function)(_of_function(function, calls))


def _of_function(function: Any, calls: Calls) -> Any:
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


def _of_coroutine_function(function: Any, calls: Calls) -> Any:
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


_WRAPPERS = (
    (inspect.isasyncgenfunction, of_async_generator_function),
    (inspect.iscoroutinefunction, _of_coroutine_function),
    (inspect.isgeneratorfunction, of_generator_function),
)
