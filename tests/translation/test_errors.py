"""What a failed span's row says, whatever its exception event holds."""

from __future__ import annotations

from typing import Any

import pytest

from otel_braintrust.translation import OtlpSpan, translate
from otel_braintrust.translation.span import SpanEvent


@pytest.mark.parametrize("message", [5, 0.5, True, ("a", "b")])
def test_an_exception_whose_message_is_no_text_costs_nothing_else(message: Any) -> None:
    told = {"exception.type": "OddError", "exception.message": message}
    span = OtlpSpan(
        "1" * 32,
        "2" * 16,
        "call",
        start_ns=5,
        end_ns=9,
        status_code="ERROR",
        attributes={"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"},
        events=[SpanEvent("exception", told, 7)],
    )
    row = translate(span)
    assert row["span_attributes"]["type"] == "llm"
    assert "OddError" in row["error"]
    assert "mapping_error" not in row["metadata"]
