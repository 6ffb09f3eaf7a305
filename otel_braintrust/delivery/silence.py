"""Our own requests and files, kept out of the application's traces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context as otel_context

# Instrumentations look for one of the three: the API's two keys, or the plain name of old releases.
_SUPPRESSION_KEYS = tuple(
    key
    for key in (
        getattr(otel_context, "_SUPPRESS_INSTRUMENTATION_KEY", None),
        getattr(otel_context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", None),
        "suppress_instrumentation",
    )
    if key is not None
)


@contextmanager
def suppressed_instrumentation() -> Iterator[None]:
    """Keep instrumentations of HTTP libraries silent about what happens inside."""
    context = otel_context.get_current()
    for key in _SUPPRESSION_KEYS:
        context = otel_context.set_value(key, True, context)
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)
