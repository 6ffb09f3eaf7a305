"""Functions that google-genai calls by itself, as OpenTelemetry's instrumentation records them.

Source: opentelemetry-instrumentation-google-genai 0.2b0 and later, `tool_call_wrapper.py`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.reading import TOOL_FORM, Reading

_TOOL = frozenset({"tool"})


def _argument(reading: Reading, key: str, rest: str, value: Any) -> bool:
    """`code.function.parameters.NAME.value` is an argument; its `type` beside it stays."""
    name, _, what = rest.rpartition(".")
    if what != "value" or not name:
        return False
    return rules.member("input", name, TOOL_FORM, homes=_TOOL)(reading, key, value)


CONVENTION = Convention(
    name="google_genai",
    keys={"code.function.return.value": rules.content("output", TOOL_FORM, homes=_TOOL)},
    prefixes={"code.function.parameters.": _argument},
)
