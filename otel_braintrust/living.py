"""The processors of this process that live, for functions that are given none."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # processors import this module
    from otel_braintrust.processor import BraintrustSpanProcessor

_processors: list[weakref.ref[BraintrustSpanProcessor]] = []


def note_processor(processor: BraintrustSpanProcessor) -> None:
    """Remember a processor, weakly."""
    _processors[:] = [each for each in _processors if each() is not None]
    _processors.append(weakref.ref(processor))


def living_processors() -> Iterator[BraintrustSpanProcessor]:
    """The processors that send, the latest first."""
    for reference in reversed(_processors):
        processor = reference()
        if processor is not None and processor.is_active and not processor.is_closed:
            yield processor


def latest_processor() -> BraintrustSpanProcessor | None:
    """The processor that was made last, of those that send; None when there is none."""
    return next(living_processors(), None)


def processors_of(span: Any) -> list[BraintrustSpanProcessor]:
    """The processors that hear of a span of this process, the latest first.

    Args:
        span: A span, running or ended; for one of another process there are none.
    """
    made = getattr(span, "wrapped", span)
    # OpenTelemetry's SDK gives each span the processors of its provider.
    listeners = getattr(getattr(made, "_span_processor", None), "_span_processors", ())
    told = {id(getattr(each, "host", each)) for each in listeners}
    return [each for each in living_processors() if id(each) in told] if told else []


def processor_of(span: Any) -> BraintrustSpanProcessor | None:
    """The processor that sends a span: the latest that hears of it and does not leave it to others.

    Args:
        span: A span, running or ended; for one that no processor hears of it is the latest of all.
    """
    takers = (each for each in processors_of(span) if each.route_of(span) is not False)
    return next(takers, None) or latest_processor()
