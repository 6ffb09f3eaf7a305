"""The process's tracer, and which span is the current one."""

from __future__ import annotations

import contextvars
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Tracer

from otel_braintrust.annotations import mark_failed

TRACER_NAME = "otel_braintrust"
# Exceptions that stop a piece of work without its having failed.
_STOPS = (GeneratorExit, StopIteration, StopAsyncIteration)

_tracer: tuple[Any, Tracer] | None = None


def tracer() -> Tracer | None:
    """The tracer of the process's TracerProvider; None when nothing is configured."""
    global _tracer
    # get_tracer_provider() reads an environment variable each time while there is no provider,
    # which takes longer than all else that a no-op does.
    provider = getattr(trace, "_TRACER_PROVIDER", None)
    if provider is None:
        return None
    known = _tracer
    if known is None or known[0] is not provider:
        known = _tracer = (provider, provider.get_tracer(TRACER_NAME))
    return known[1]


def enter(span: Span, context: Context | None = None) -> contextvars.Token[Context]:
    """Make a span current, in a context or the current one; undone by :func:`leave`."""
    return otel_context.attach(trace.set_span_in_context(span, context))


def leave(token: Any) -> None:
    """Undo an attach; in silence where another context runs by now.

    A generator that is closed early, by the garbage collector or the event loop, ends where the
    token is not known; OpenTelemetry's own detach would log a traceback there.
    """
    if not isinstance(token, contextvars.Token):
        otel_context.detach(token)
        return
    try:
        token.var.reset(token)
    except (ValueError, RuntimeError):
        return


def note_exception(span: Span, error: BaseException) -> None:
    """Note the exception that ended a span; one that merely stops it is no error."""
    if isinstance(error, _STOPS) or not span.is_recording():
        return
    span.record_exception(error, escaped=True)
    if isinstance(error, Exception):
        mark_failed(span, f"{error.__class__.__name__}: {_text(error)}")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  (a user's exception may fail in any way when it is printed)
        return "<unprintable>"
