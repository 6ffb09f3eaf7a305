"""AgentScope: GenAI attributes, and `agentscope.function.*` for what these do not hold.

Source: agentscope 1.0, `tracing/_trace.py`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_mapping
from otel_braintrust.translation.reading import DUMP, Candidate, Reading

_HOMES = frozenset({"task"})


@marks.varying
def _input(reading: Reading, key: str, value: Any) -> bool:
    """Read a function's arguments: of a model's the first are the messages."""
    holder = as_mapping(value)
    shown: Any = holder if holder is not None else value
    if holder is not None and holder.keys() == {"args", "kwargs"}:
        positional = holder["args"]
        shown = positional[0] if isinstance(positional, list) and positional else holder["kwargs"]
    reading.offer("input", Candidate(DUMP, "framework", shown, {key: value}, _HOMES, order=9))
    return True


CONVENTION = Convention(
    name="agentscope",
    keys={
        "agentscope.function.input": _input,
        "agentscope.function.output": rules.content(
            "output", DUMP, "framework", homes=_HOMES, order=9
        ),
    },
)
