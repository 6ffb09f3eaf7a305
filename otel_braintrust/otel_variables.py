"""Variables of OpenTelemetry's own that count here, too."""

from __future__ import annotations

import os

DEFAULT_QUEUE_SIZE = 10_000


def queue_size_from_environment() -> int:
    """``OTEL_BSP_MAX_QUEUE_SIZE`` when it is a positive number, else the default."""
    return positive_int_from_environment("OTEL_BSP_MAX_QUEUE_SIZE", DEFAULT_QUEUE_SIZE)


def positive_int_from_environment(variable: str, default: int) -> int:
    """A variable of OpenTelemetry's; the default when it is absent or no positive number."""
    try:
        number = int(os.environ.get(variable, default))
    except ValueError:
        return default
    return number if number > 0 else default
