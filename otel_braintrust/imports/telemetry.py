"""OTLP files as rows: log records that carry content are found first, then spans are translated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from otel_braintrust.traces import TraceAssembler
from otel_braintrust.translation.otlp import Telemetry, decode
from otel_braintrust.translation.otlp_json import read_request

LOG_NAMES = ("resourceLogs", "resource_logs")
REQUEST_NAMES = (
    "resourceSpans",
    "resource_spans",
    *LOG_NAMES,
    "resourceMetrics",
    "resource_metrics",
)
# A file of lines is translated so many spans at a time; one request is never parted.
SPANS_AT_ONCE = 2000
# What is remembered of spans of which log records tell; about a kilobyte each.
MAX_SPANS = 1_000_000


def may_be_request(data: bytes) -> bool:
    """Tell whether JSON may be an OTLP request; a record that speaks of one may be, too."""
    return any(name.encode() in data for name in REQUEST_NAMES)


def may_hold_logs(data: bytes) -> bool:
    """Tell whether JSON may hold log records of OTLP."""
    return any(name.encode() in data for name in LOG_NAMES)


class Translator:
    """Gathers telemetry of all files and hands out rows, a bounded number of spans at a time."""

    def __init__(self) -> None:
        self._assembler = TraceAssembler(max_spans=MAX_SPANS, max_age_s=math.inf)
        self._spans: list[Any] = []

    def add_logs(self, telemetry: Telemetry) -> None:
        """Remember log records until their span comes."""
        for event in telemetry.logs:
            self._assembler.add_log_record(event)

    def add_spans(self, telemetry: Telemetry) -> Iterator[dict[str, Any]]:
        """Take spans; the rows of those that are translated now."""
        self._spans.extend(telemetry.spans)
        if len(self._spans) >= SPANS_AT_ONCE:
            yield from self.rest()

    def rest(self) -> Iterator[dict[str, Any]]:
        """The rows of the spans that were not translated yet."""
        spans, self._spans = self._spans, []
        for assembled in self._assembler.assemble(spans):
            if assembled.row is not None:
                yield assembled.row


def telemetry_of(value: Any) -> Telemetry | None:
    """What an OTLP request as JSON holds; None when it is no request.

    Raises:
        OtlpError: It is one, and a part of it has a wrong form.
    """
    if not isinstance(value, Mapping) or not any(name in value for name in REQUEST_NAMES):
        return None
    found = Telemetry()
    read_request(value, "", found)
    return found


def decode_binary(data: bytes) -> Telemetry:
    """What an OTLP request in protobuf holds.

    Raises:
        OtlpError: It is none.
    """
    return decode(data, content_type="application/x-protobuf")
