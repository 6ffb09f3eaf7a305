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
