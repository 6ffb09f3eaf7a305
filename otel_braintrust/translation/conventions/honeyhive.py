"""HoneyHive's SDK: `honeyhive_*`, a function's arguments and results each in attributes of its own.

Source: honeyhive (Python) 1.x, `tracer/instrumentation/decorators.py`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import decode_container
from otel_braintrust.translation.reading import ENTITY, Candidate, Reading

TYPES: dict[str, str | None] = {"model": "llm", "tool": "tool", "chain": "task", "session": "task"}
_INPUTS, _OUTPUTS = "honeyhive_inputs", "honeyhive_outputs"
# The one result of a function, where it returned no object.
_RESULT = "result"


def _member(family: str) -> rules.PrefixRule:
    def read(reading: Reading, key: str, rest: str, value: Any) -> bool:
        held = reading.family(family)
        held.members.setdefault(0, {})[rest] = decode_container(value)
        held.raw[key] = value
        return True

    return marks.varying(read)


@marks.gathering(f"{_INPUTS}.", f"{_OUTPUTS}.")
def _offer(reading: Reading) -> None:
    for family, side in ((_INPUTS, "input"), (_OUTPUTS, "output")):
        members, raw = reading.take(family)
        if members:
            (shown,) = members
            value = shown[_RESULT] if shown.keys() == {_RESULT} else shown
            reading.offer(side, Candidate(ENTITY, "framework", value, raw))


CONVENTION = Convention(
    name="honeyhive",
    keys={
        "honeyhive_event_type": rules.kind(TYPES, 72),
        "honeyhive_config.model": rules.named("request_model", 62),
        "honeyhive_config.provider": rules.named("provider", 62),
        "honeyhive_error": rules.error(25),
    },
    prefixes={
        f"{_INPUTS}.": _member(_INPUTS),
        f"{_OUTPUTS}.": _member(_OUTPUTS),
        "honeyhive_metadata.": rules.entry(),
    },
    finish=(_offer,),
)
