"""Pydantic Evals: experiments, their cases and evaluators, all under bare keys.

Source: pydantic-evals 2 `dataset.py` and `evaluators/_run_evaluator.py`. The keys are so plain that
they are read only on spans of its own scope.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import marks
from otel_braintrust.translation.conventions.genai_events import add_evaluation
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_mapping, decode
from otel_braintrust.translation.reading import FRAMEWORK, Candidate, Reading

_SCOPE = "pydantic-evals"
_SIDES = {"inputs": "input", "output": "output"}
_RESULTS = ("assertions", "scores")


@marks.of_scope(_SCOPE)
def _read(reading: Reading) -> None:
    if not reading.span.scope_name.startswith(_SCOPE):
        return
    attributes = reading.span.attributes
    if "evaluator_name" in attributes:
        reading.kinds.append((30, "score", "evaluator_name"))
        reading.purpose = "scorer"
        return
    if "case_name" not in attributes:
        if "dataset_name" in attributes:
            reading.kinds.append((30, "eval", "dataset_name"))
        return
    reading.kinds.append((30, "eval", "case_name"))
    for key, side in _SIDES.items():
        if key in attributes:
            reading.leftovers.pop(key, None)
            value = attributes[key]
            reading.offer(side, Candidate(FRAMEWORK, "framework", value, {key: value}))
    if "expected_output" in attributes:
        expected = decode(reading.leftovers.pop("expected_output", None))
        reading.own.setdefault("expected", expected)
    for key in _RESULTS:
        for name, result in (as_mapping(attributes.get(key)) or {}).items():
            _add(reading, str(name), result)


def _add(reading: Reading, name: str, result: Any) -> None:
    if not isinstance(result, dict):
        result = {"value": result}
    details = {"explanation": result.get("reason"), "source": result.get("source")}
    add_evaluation(reading, name, result.get("value"), details)


CONVENTION = Convention(name="pydantic_evals", finish=(_read,))
