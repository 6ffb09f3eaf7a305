"""What @traced costs, beside OpenTelemetry's start_as_current_span and where nothing is set up.

Run: python benchmarks/traced.py
"""

from __future__ import annotations

import timeit
from collections.abc import Callable

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust import traced

CALLS = 20_000
ROUNDS = 9


@traced
def nothing() -> None:
    """Do nothing."""


def fastest_s(function: Callable[[], None]) -> float:
    """Seconds for one call, in the fastest of several rounds."""
    return min(timeit.timeit(function, number=CALLS) for _ in range(ROUNDS)) / CALLS


def main() -> None:
    """Measure and print."""
    print(f"@traced, nothing configured: {fastest_s(nothing) * 1e9:.0f} ns a call")
    trace.set_tracer_provider(TracerProvider())
    tracer = trace.get_tracer("bare")

    def bare_span() -> None:
        with tracer.start_as_current_span("bare"):
            pass

    bare_s, traced_s = fastest_s(bare_span), fastest_s(nothing)
    print(f"start_as_current_span: {bare_s * 1e6:.2f} us a call")
    print(f"@traced: {traced_s * 1e6:.2f} us a call, {traced_s / bare_s:.2f} times as much")


if __name__ == "__main__":
    main()
