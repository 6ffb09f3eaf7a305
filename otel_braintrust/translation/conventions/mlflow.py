"""MLflow tracing exported over OpenTelemetry: `mlflow.*`, every value JSON text.

Source: mlflow 3 `tracing/constant.py`, `entities/span.py`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_mapping, decode
from otel_braintrust.translation.reading import MLFLOW, Reading
from otel_braintrust.translation.usage import of_payload

TYPES: dict[str, str | None] = {
    "llm": "llm",
    "chat_model": "llm",
    "embedding": "llm",
    "tool": "tool",
    "retriever": "function",
    "parser": "function",
    "reranker": "function",
    "memory": "function",
    "guardrail": "function",
    "evaluator": "score",
    "chain": "task",
    "agent": "task",
    "workflow": "task",
    "task": "task",
}


def _token_usage(reading: Reading, key: str, value: Any) -> bool:
    counts, _ = of_payload(as_mapping(value), includes_cache=True)
    for name, number in counts.items():
        reading.usage.add("mlflow", name, number, key)
    return bool(counts)


def _cost(reading: Reading, key: str, value: Any) -> bool:
    holder = as_mapping(value)
    if holder is None:
        return False
    reading.costs.append((60, key, holder.get("total_cost")))
    reading.leftovers[key] = dict(holder)
    return True


_PLAIN = frozenset({"task", "tool", "function", "score"})

CONVENTION = Convention(
    name="mlflow",
    keys={
        "mlflow.spanType": rules.kind(TYPES, 80),
        "mlflow.spanInputs": rules.content("input", MLFLOW, "framework", homes=_PLAIN),
        "mlflow.spanOutputs": rules.content("output", MLFLOW, "framework", homes=_PLAIN),
        "mlflow.chat.tokenUsage": _token_usage,
        "mlflow.chat.tools": rules.tools(50),
        "mlflow.llm.model": rules.named("request_model", 55, convert=decode),
        "mlflow.llm.provider": rules.named("provider", 60, convert=decode),
        "mlflow.llm.cost": _cost,
        "mlflow.trace.session": rules.named("session_id", 55, keep=True, convert=decode),
        "mlflow.trace.user": rules.named("user_id", 55, keep=True, convert=decode),
    },
)
