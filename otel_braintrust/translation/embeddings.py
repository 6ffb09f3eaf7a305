"""Requests and answers of embedding models: the texts, and their vectors."""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.decoding import decode

# Where the APIs have the texts and the vectors: OpenAI, Cohere, Bedrock, Ollama, Gemini.
_TEXTS = ("input", "texts", "inputText", "inputs", "contents")
_VECTORS = ("embeddings", "data")


def read(side: str, value: Any) -> Any:
    """Return the texts of a request, or the vectors of an answer; None if the value is neither.

    Args:
        side: `input` or `output`.
        value: a payload, parsed or as JSON text.
    """
    holder = decode(value)
    if not isinstance(holder, dict):
        return None
    keys = _TEXTS if side == "input" else _VECTORS
    found = next((holder[key] for key in keys if holder.get(key)), None)
    return found if side == "input" or found is None else _vectors(found)


def _vectors(found: Any) -> Any:
    if isinstance(found, dict):  # Cohere has one list a type, Gemini has `values`
        found = next((inner for inner in found.values() if isinstance(inner, (list, tuple))), None)
    if not isinstance(found, (list, tuple)):
        return None
    return [_vector(item) for item in found]


def _vector(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return next((item[key] for key in ("embedding", "values", "vector") if key in item), item)
