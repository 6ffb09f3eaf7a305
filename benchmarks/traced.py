"""What @traced costs, beside OpenTelemetry's start_as_current_span and where nothing is set up.

Run: python -m benchmarks.traced [CALLS]
"""

from __future__ import annotations

import json
import subprocess
import sys
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


def measured(calls: int) -> dict[str, float]:
    """Microseconds for one call of each kind, measured in a process of its own.

    Args:
        calls: How many calls are timed together.
    """
    command = [sys.executable, "-m", "benchmarks.traced", str(calls)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(ended.stdout)
    return found


def _fastest_us(function: Callable[[], None], calls: int) -> float:
    """Microseconds for one call, in the fastest of several rounds."""
    return min(timeit.timeit(function, number=calls) for _ in range(ROUNDS)) / calls * 1e6


def main() -> None:
    """Measure and print."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    unconfigured_us = _fastest_us(nothing, calls)
    trace.set_tracer_provider(TracerProvider())
    tracer = trace.get_tracer("bare")

    def bare_span() -> None:
        with tracer.start_as_current_span("bare"):
            pass

    found = {
        "start_as_current_span": _fastest_us(bare_span, calls),
        "@traced": _fastest_us(nothing, calls),
        "@traced, nothing configured": unconfigured_us,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
