"""The Braintrust type of a span: what its attributes say, else what its structure shows."""

from __future__ import annotations

from otel_braintrust.translation.reading import Reading

# The attribute families of infrastructure: a span with these and no model is a function.
INFRASTRUCTURE_PREFIXES = ("http.", "db.", "rpc.", "messaging.", "faas.", "url.", "aws.")


def decide(reading: Reading) -> str:
    """Return the type of highest rank among those suggested, or the one that the structure shows.

    Args:
        reading: a span, read.
    """
    if reading.kinds:
        rank, found, key = min(reading.kinds)
        if rank <= 90 or not _shows_model_call(reading):
            reading.origins["type"] = key
            return _mended(reading, found, rank)
    return _by_structure(reading)


def _mended(reading: Reading, found: str, rank: int) -> str:
    """Correct kinds that producers are known to give to the wrong spans."""
    if rank < 30:
        return found
    operation = reading.span.attributes.get("gen_ai.operation.name")
    if operation == "fetch_response" and not reading.usage:
        return "function"
    if (
        found == "llm"
        and reading.span.attributes.get("openinference.span.kind") == "RERANKER"
        and "response_model" not in reading.named
    ):
        return "function"
    return found


def _shows_model_call(reading: Reading) -> bool:
    model = reading.best("response_model") or reading.best("request_model")
    return bool(model and (reading.usage or "response_model" in reading.named))


def _by_structure(reading: Reading) -> str:
    attributes = reading.span.attributes
    has_model = "response_model" in reading.named or "request_model" in reading.named
    if ("gen_ai.tool.name" in attributes or "gen_ai.tool.call.id" in attributes) and not has_model:
        return "tool"
    if "response_model" in reading.named or (has_model and reading.usage):
        return "llm"
    if (
        any(
            candidate.form == "messages" and candidate.order in (2, 3, 5)
            for candidate in reading.outputs
        )
        and has_model
    ):
        return "llm"
    if any(key.startswith(INFRASTRUCTURE_PREFIXES) for key in attributes):
        return "function"
    return "task" if reading.span.parent_span_id is None or _is_application(reading) else "function"


def _is_application(reading: Reading) -> bool:
    """Tell whether somebody wrote this span by hand rather than instrumenting a library."""
    scope = reading.span.scope_name
    return not scope.startswith(("opentelemetry.instrumentation", "@opentelemetry/instrumentation"))
