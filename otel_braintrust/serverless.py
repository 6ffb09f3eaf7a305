"""Platforms that freeze a process between two calls, so that nothing is sent in the background."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Each platform sets its variable itself.
PLATFORM_BY_VARIABLE: Mapping[str, str] = {
    "AWS_LAMBDA_FUNCTION_NAME": "AWS Lambda",
    "FUNCTION_TARGET": "Google Cloud Functions",
    "K_SERVICE": "Google Cloud Run",
    "CLOUD_RUN_JOB": "Google Cloud Run jobs",
}


def platform_of(environment: Mapping[str, str]) -> str | None:
    """The platform whose variable is set, or None."""
    found = (name for name in PLATFORM_BY_VARIABLE if environment.get(name))
    variable = next(found, None)
    return PLATFORM_BY_VARIABLE[variable] if variable else None


def is_local_root(span: Any) -> bool:
    """Tell whether a span is the outermost of its trace in this process."""
    return span.parent is None or span.parent.is_remote
