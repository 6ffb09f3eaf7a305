"""MLflow tracing exported over OpenTelemetry: `mlflow.*`, every value JSON text.

Source: mlflow 3 `tracing/constant.py`, `entities/span.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_list, as_mapping, decode
from otel_braintrust.translation.payload_usage import of_payload
from otel_braintrust.translation.reading import FIRST_CHOICE, MLFLOW, Candidate, Reading

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


@marks.varying
def _token_usage(reading: Reading, key: str, value: Any) -> bool:
    counts, _ = of_payload(as_mapping(value), includes_cache=True)
    for name, number in counts.items():
        reading.usage.add("mlflow", name, number, key)
    return bool(counts)


@marks.varying
def _cost(reading: Reading, key: str, value: Any) -> bool:
    holder = as_mapping(value)
    if holder is None:
        return False
    reading.costs.append((60, key, holder.get("total_cost")))
    reading.leftovers[key] = dict(holder)
    return True


@marks.gathering(marks.EVENTS)
def _of_chunks(reading: Reading) -> None:
    """Read what only the chunks of a stream tell: the usage, and the calls that they spell out."""
    if "mlflow.spanType" not in reading.span.attributes:
        return
    chunks = [
        chunk
        for event in reading.span.events
        if event.name.startswith("mlflow.chunk.item.")
        and (chunk := as_mapping(event.attributes.get("mlflow.chunk.value"))) is not None
    ]
    if not chunks:
        return
    for name, number in of_payload(as_mapping(chunks[-1].get("usage")))[0].items():
        reading.usage.add("payload", name, number, "event mlflow.chunk.item")
    calls = _spelled_calls(chunks)
    if calls:
        said = "".join(_deltas(chunks, "content")) or None
        answer = [{"role": "assistant", "content": said, "tool_calls": calls}]
        homes = frozenset({"llm"})
        reading.offer("output", Candidate(FIRST_CHOICE, "messages", answer, {}, homes, order=9))


def _deltas(chunks: list[Mapping[str, Any]], name: str) -> Iterator[Any]:
    """Yield what the chunks of the first choice add: texts, or pieces of tool calls."""
    for chunk in chunks:
        for choice in as_list(chunk.get("choices")) or ():
            delta = choice.get("delta") if isinstance(choice, dict) else None
            found = delta.get(name) if isinstance(delta, dict) else None
            if isinstance(found, str):
                yield found
            elif isinstance(found, list):
                yield from found


def _spelled_calls(chunks: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put OpenAI's tool calls together, whose arguments come in pieces."""
    found: dict[Any, dict[str, Any]] = {}
    for piece in _deltas(chunks, "tool_calls"):
        function = piece.get("function") if isinstance(piece, dict) else None
        if not isinstance(function, dict):
            continue
        call = found.setdefault(piece.get("index"), {"id": None, "name": "", "text": ""})
        call["id"] = call["id"] or piece.get("id")
        call["name"] = call["name"] or function.get("name")
        call["text"] += str(function.get("arguments") or "")
    return [
        {"id": call["id"], "function": {"name": call["name"], "arguments": call["text"]}}
        for call in found.values()
    ]


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
    finish=(_of_chunks,),
)
