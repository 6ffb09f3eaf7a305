"""The JSON schema that goes with a query's result."""

from __future__ import annotations

from typing import Any

from otel_braintrust.local.query.plan import Plan

_TEXT: dict[str, Any] = {"type": "string"}
_OBJECT: dict[str, Any] = {"type": ["object", "null"]}
_NUMBERS: dict[str, Any] = {
    "type": ["object", "null"],
    "additionalProperties": {"type": ["number", "null"]},
}
_TEXTS: dict[str, Any] = {"type": ["array", "null"], "items": {"type": "string"}}

PROPERTIES: dict[str, dict[str, Any]] = {
    "id": _TEXT,
    "_xact_id": _TEXT,
    "_pagination_key": {"type": ["string", "null"]},
    "created": {"type": "string", "format": "date-time"},
    "org_id": _TEXT,
    "project_id": _TEXT,
    "experiment_id": _TEXT,
    "log_id": _TEXT,
    "span_id": _TEXT,
    "root_span_id": _TEXT,
    "is_root": {"type": ["boolean", "null"]},
    "span_parents": _TEXTS,
    "span_attributes": _OBJECT,
    "input": {},
    "output": {},
    "expected": {},
    "error": {},
    "scores": _NUMBERS,
    "metrics": _NUMBERS,
    "metadata": _OBJECT,
    "tags": _TEXTS,
    "context": _OBJECT,
    "origin": _OBJECT,
    "comments": {"type": ["array", "null"]},
    "audit_data": {"type": ["array", "null"]},
}


def schema_of(plan: Plan) -> dict[str, Any]:
    """Describe the rows of a plan's result."""
    if plan.outputs is None:
        properties = PROPERTIES
    else:
        properties = {
            output.name: PROPERTIES.get(str(output.path[0]), {}) if len(output.path) == 1 else {}
            for output in plan.outputs
        }
    return {"type": "array", "items": {"type": "object", "properties": properties}}
