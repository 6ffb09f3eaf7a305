"""The processors of this process that live, for functions that are given none."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING

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
