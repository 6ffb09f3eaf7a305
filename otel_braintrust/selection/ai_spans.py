"""How a span of artificial intelligence is told from others: by the names of its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The prefixes of Braintrust's specification for BRAINTRUST_FILTER_AI_SPANS.
AI_PREFIXES = ("gen_ai.", "braintrust.", "llm.", "ai.", "traceloop.")
# Written by exporters and propagation on any span, so they say nothing of what the span is.
SYSTEM_ATTRIBUTES = frozenset({"braintrust.parent", "braintrust.org", "braintrust.app_url"})
# What else marks a model call or an agent among the spans of an infrastructure scope.
OTHER_AI_PREFIXES = ("openinference.", "langfuse.", "mlflow.span", "mcp.")
ANY_AI_PREFIXES = AI_PREFIXES + OTHER_AI_PREFIXES
# Calls of these are recorded as any other call of the cloud, by the service's name alone.
MODEL_SERVICES = frozenset(
    {"Bedrock AgentCore", "Bedrock Agent Runtime", "Bedrock Runtime", "SageMaker Runtime"}
)


def is_ai_span(
    attributes: Mapping[str, Any] | None, prefixes: tuple[str, ...] = AI_PREFIXES
) -> bool:
    """Tell whether any attribute says that the span belongs to artificial intelligence.

    Args:
        attributes: The span's attributes.
        prefixes: What the name of such an attribute begins with.

    Example:
        >>> is_ai_span({"gen_ai.operation.name": "chat"}), is_ai_span({"braintrust.parent": "x"})
        (True, False)
    """
    if not attributes:
        return False
    return any(key.startswith(prefixes) and key not in SYSTEM_ATTRIBUTES for key in attributes)


def calls_model(attributes: Mapping[str, Any] | None) -> bool:
    """Tell whether a span of an infrastructure scope is a call of a model or an agent after all.

    Args:
        attributes: The span's attributes.

    Example:
        >>> calls_model({"rpc.service": "Bedrock Runtime"}), calls_model({"rpc.service": "S3"})
        (True, False)
    """
    if is_ai_span(attributes, ANY_AI_PREFIXES):
        return True
    return bool(attributes) and (attributes or {}).get("rpc.service") in MODEL_SERVICES
