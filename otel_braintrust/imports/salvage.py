"""An OTLP request with a part of a wrong form: what is right in it, each span apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otel_braintrust.translation.otlp import OtlpError, Telemetry
from otel_braintrust.translation.otlp_json import read_request

# Where a request holds its spans and log records, level by level, in both spellings.
_SPANS = (
    ("resourceSpans", "resource_spans"),
    ("scopeSpans", "scope_spans", "instrumentationLibrarySpans"),
    ("spans",),
)
_LOGS = (
    ("resourceLogs", "resource_logs"),
    ("scopeLogs", "scope_logs", "instrumentationLibraryLogs"),
    ("logRecords", "log_records"),
)


def salvaged(request: Mapping[str, Any]) -> tuple[Telemetry, list[str]]:
    """Read each span and log record of a request by itself.

    Args:
        request: The request, as JSON.

    Returns:
        What could be read, and what was wrong with each part that could not.
    """
    found = Telemetry()
    problems: list[str] = []
    for levels in (_SPANS, _LOGS):
        for path, single in _singles(request, levels):
            problem = _read(single, found, path)
            if problem:
                problems.append(problem)
    return found, problems


def _read(single: Mapping[str, Any], found: Telemetry, path: str) -> str:
    """Read a request of one item; what is wrong with it, and where it stood among the others."""
    try:
        read_request(single, "", found)
    except OtlpError as error:
        problem = str(error).removesuffix(f" (at {error.place})")
        within = error.place.removeprefix(re.sub(r"\[\d+\]", "[0]", path))
        return f"{problem} (at {path}{within})"
    return ""


def _singles(
    holder: Any, levels: Sequence[Sequence[str]], path: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each item of the innermost level, with all that is around it and none of its neighbours."""
    if not isinstance(holder, Mapping):
        return
    for name in levels[0]:
        items = holder.get(name)
        here = f"{path}.{name}" if path else name
        if items is None:
            continue
        if not isinstance(items, list):
            yield path, {name: items}
            continue
        for index, item in enumerate(items):
            place = f"{here}[{index}]"
            if len(levels) == 1 or not isinstance(item, Mapping):
                yield place, {**holder, name: [item]}
                continue
            for deeper, single in _singles(item, levels[1:], place):
                yield deeper, {**holder, name: [single]}
