"""Real spans, made once and shown to every processor: what on_start and on_end were called with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import (
    ReadableSpan,
    Span,
    SpanLimits,
    SpanProcessor,
    TracerProvider,
)

from benchmarks.kinds import Trace, Work

# The SDK's default, 128, cuts off what OpenInference writes of 60 messages.
MAX_ATTRIBUTES = 1000


@dataclass
class Recording:
    """The calls that a TracerProvider made, in their order.

    Attributes:
        calls: Whether a span started, the span, and the context that it started in.
        spans: The spans that ended.
    """

    calls: list[tuple[bool, Any, Context | None]] = field(default_factory=list)
    spans: list[ReadableSpan] = field(default_factory=list)

    def play(self, processor: SpanProcessor) -> None:
        """Show a processor all of it."""
        on_start, on_end = processor.on_start, processor.on_end
        for is_start, span, context in self.calls:
            if is_start:
                on_start(span, context)
            else:
                on_end(span)


class _Recorder(SpanProcessor):
    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._recording.calls.append((True, span, parent_context))

    def on_end(self, span: ReadableSpan) -> None:
        self._recording.calls.append((False, span, None))
        self._recording.spans.append(span)


def record(traces: Iterable[Trace]) -> Recording:
    """Make the spans of traces, by OpenTelemetry's SDK, and keep what a processor is told.

    Args:
        traces: What to make.
    """
    recording = Recording()
    provider = provider_with(_Recorder(recording))
    for each in traces:
        make(each, provider.get_tracer)
    return recording


def provider_with(processor: SpanProcessor) -> TracerProvider:
    """A TracerProvider with one processor, whose spans may have many attributes."""
    limits = SpanLimits(max_span_attributes=MAX_ATTRIBUTES)
    provider = TracerProvider(shutdown_on_exit=False, span_limits=limits)
    provider.add_span_processor(processor)
    return provider


def make(each: Trace, tracer_of: Callable[[str], trace.Tracer]) -> None:
    """Make the spans of one trace.

    Args:
        each: What to make.
        tracer_of: Gives the tracer of a scope.
    """
    with start(each.root, tracer_of, None) as root:
        context = trace.set_span_in_context(root)
        for child in each.children:
            start(child, tracer_of, context).end()


def start(work: Work, tracer_of: Callable[[str], trace.Tracer], context: Context | None) -> Any:
    """Start one span."""
    tracer = tracer_of(work.scope)
    return tracer.start_span(work.name, context=context, attributes=dict(work.attributes))
