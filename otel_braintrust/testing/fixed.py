"""Ids and times that are the same in every run, for tests that compare whole rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.sdk.trace.id_generator import IdGenerator

# 2026-01-01T00:00:00Z
START_NS = 1_767_225_600_000_000_000
MILLISECOND_NS = 1_000_000


class FixedIds(IdGenerator):
    """Trace ids and span ids that count up from 1.

    Example::

        TracerProvider(id_generator=FixedIds())
    """

    def __init__(self) -> None:
        self._trace_ids = itertools.count(1)
        self._span_ids = itertools.count(1)

    def generate_trace_id(self) -> int:
        """The next trace id."""
        return next(self._trace_ids)

    def generate_span_id(self) -> int:
        """The next span id."""
        return next(self._span_ids)


class FixedClock:
    """A clock that goes on by one step whenever it is asked.

    Args:
        start_ns: What it says first, in nanoseconds since 1970; default the start of 2026.
        step_ns: How far it goes each time, in nanoseconds; default a millisecond.
    """

    def __init__(self, start_ns: int = START_NS, step_ns: int = MILLISECOND_NS) -> None:
        self._moments_ns = itertools.count(start_ns, step_ns)

    def time_ns(self) -> int:
        """The next moment, in nanoseconds since 1970."""
        return next(self._moments_ns)


@contextmanager
def fixed_ids(tracer_provider: Any = None) -> Iterator[FixedIds]:
    """Let the spans of a provider have ids that count up from 1, also those of tracers made before.

    Args:
        tracer_provider: The provider; default the process's.

    Raises:
        TypeError: It is none of OpenTelemetry's SDK.
    """
    provider = tracer_provider if tracer_provider is not None else trace.get_tracer_provider()
    generator = getattr(provider, "id_generator", None)
    if generator is None:
        raise TypeError(f"a TracerProvider of OpenTelemetry's SDK is needed, not {provider!r:.80}")
    ids = FixedIds()
    # Its tracers have the generator itself, so that another one in the provider would not do.
    names = ("generate_trace_id", "generate_span_id")
    before = {name: vars(generator).get(name) for name in names}
    for name in names:
        setattr(generator, name, getattr(ids, name))
    try:
        yield ids
    finally:
        for name, method in before.items():
            delattr(generator, name)
            if method is not None:
                setattr(generator, name, method)


@contextmanager
def fixed_clock(clock: FixedClock | None = None) -> Iterator[FixedClock]:
    """Let all spans of this process start and end at times that are the same in every run.

    Args:
        clock: The clock; default one that starts in 2026 and goes by milliseconds.
    """
    used = clock if clock is not None else FixedClock()
    names = vars(sdk_trace)  # where its spans look for the time
    before = names["time_ns"]
    names["time_ns"] = used.time_ns
    try:
        yield used
    finally:
        names["time_ns"] = before
