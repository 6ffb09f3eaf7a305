"""TracerProviders that come after ours: their spans are followed, too.

Only one TracerProvider can be the process's. A vendor that brings its own after ``configure()`` has
made one (Logfire does) is refused by OpenTelemetry and goes on with it privately; its spans share
the context with all others, so that traces would have holes. Such a provider gets our processor.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

_lock = threading.Lock()
_followers: list[SpanProcessor] = []


class Guest(SpanProcessor):
    """Hands on what starts and ends; the provider that it visits does not shut its host down.

    Args:
        host: The processor that does the work.
    """

    def __init__(self, host: SpanProcessor) -> None:
        self.host = host

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Hand on."""
        self.host.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand on."""
        self.host.on_end(span)

    def shutdown(self) -> None:
        """Flush; the host goes on working for its own provider."""
        self.host.force_flush()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Hand on."""
        return self.host.force_flush(timeout_millis)


def follow(host: SpanProcessor) -> None:
    """Add a processor, as a guest, to each TracerProvider that is offered and refused from now on.

    Args:
        host: The processor on the provider that was made because there was none.
    """
    with _lock:
        _followers[:] = [host]
        if not hasattr(trace.set_tracer_provider, "follows_latecomers"):
            trace.set_tracer_provider = _listening(trace.set_tracer_provider)


def _listening(original: Any) -> Any:
    @functools.wraps(original)
    def set_tracer_provider(tracer_provider: Any) -> None:
        original(tracer_provider)
        is_refused = trace.get_tracer_provider() is not tracer_provider
        if is_refused and hasattr(tracer_provider, "add_span_processor"):
            for host in _followers:
                tracer_provider.add_span_processor(Guest(host))

    set_tracer_provider.follows_latecomers = True  # type: ignore[attr-defined]  # marks it as ours
    return set_tracer_provider
