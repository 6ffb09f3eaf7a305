"""How a span of artificial intelligence is told from others: by the names of its attributes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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


# Spans with more keys than this name them by something that changes.
MAX_REMEMBERED = 1000


class Beginnings:
    """Tells keys of attributes by how they begin; those that don't begin so are remembered.

    Args:
        prefixes: What a key begins with; but none of :data:`SYSTEM_ATTRIBUTES` is meant.
    """

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._prefixes = prefixes
        self._others: set[str] = set()

    def is_any_of(self, keys: Collection[str]) -> bool:
        """Tell whether any of the keys begins so."""
        if self._others.issuperset(keys):
            return False
        if any(key.startswith(self._prefixes) and key not in SYSTEM_ATTRIBUTES for key in keys):
            return True
        if len(self._others) >= MAX_REMEMBERED:
            self._others = set()
        self._others.update(keys)
        return False


_AI = Beginnings(AI_PREFIXES)
_ANY_AI = Beginnings(ANY_AI_PREFIXES)


def is_ai_span(keys: Collection[str]) -> bool:
    """Tell whether any attribute says that the span belongs to artificial intelligence.

    Args:
        keys: The names of the span's attributes.

    Example:
        >>> is_ai_span({"gen_ai.operation.name": "chat"}), is_ai_span({"braintrust.parent": "x"})
        (True, False)
    """
    return _AI.is_any_of(keys)


def calls_model(attributes: Mapping[str, Any]) -> bool:
    """Tell whether a span of an infrastructure scope is a call of a model or an agent after all.

    Args:
        attributes: The span's attributes.

    Example:
        >>> calls_model({"rpc.service": "Bedrock Runtime"}), calls_model({"rpc.service": "S3"})
        (True, False)
    """
    return _ANY_AI.is_any_of(attributes) or attributes.get("rpc.service") in MODEL_SERVICES
