"""LiteLLM's OpenTelemetry callback: GenAI attributes, costs, `metadata.*` and `llm.PROVIDER.*`.

Source: litellm `integrations/opentelemetry.py`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.parameters import is_set
from otel_braintrust.translation.reading import Reading


def _by_name(reading: Reading) -> None:
    if reading.span.name == "raw_gen_ai_request":
        reading.kinds.append((5, "function", "span name"))
    elif reading.span.name == "litellm_request":
        reading.kinds.append((85, "llm", "span name"))


def _own_metadata(reading: Reading, key: str, rest: str, value: Any) -> bool:
    """Outside its proxy LiteLLM writes some 35 empty entries: they carry nothing."""
    if not reading.span.scope_name.startswith("litellm"):
        return False
    if rest == "user_api_key_user_id" and is_set(value):
        reading.suggest("user_id", 80, key, value)
    return not is_set(value)


CONVENTION = Convention(
    name="litellm",
    keys={
        "litellm.provider.model": rules.named("request_model", 65, keep=True),
        "gen_ai.request.custom_llm_provider": rules.named("provider", 35, keep=True),
        "litellm.cost.total": rules.cost(21),
        "litellm.cost.total_cost": rules.cost(22),
    },
    prefixes={"metadata.": _own_metadata},
    scopes={"litellm": _by_name},
)
