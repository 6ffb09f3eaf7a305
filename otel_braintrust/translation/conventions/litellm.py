"""LiteLLM's OpenTelemetry callback: GenAI attributes, costs, `metadata.*` and `llm.PROVIDER.*`.

Source: litellm `integrations/opentelemetry.py`.
"""

from __future__ import annotations

import ast
from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.parameters import is_set
from otel_braintrust.translation.payload_usage import of_payload
from otel_braintrust.translation.reading import Reading

MAX_REPR_LENGTH = 4_000


def _by_name(reading: Reading) -> None:
    if reading.span.name == "raw_gen_ai_request":
        reading.kinds.append((5, "function", "span name"))
    elif reading.span.name == "litellm_request":
        reading.kinds.append((85, "llm", "span name"))


def _read_repr(text: str) -> Any:
    """Read the `repr` of a plain dict: literals only, nothing is run."""
    if len(text) > MAX_REPR_LENGTH:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


@marks.varying
def _own_metadata(reading: Reading, key: str, rest: str, value: Any) -> bool:
    """Outside its proxy LiteLLM writes some 35 empty entries: they carry nothing."""
    if not reading.span.scope_name.startswith("litellm"):
        return False
    if rest == "usage_object" and isinstance(value, str):
        for name, number in of_payload(_read_repr(value))[0].items():
            reading.usage.add("payload", name, number, key)
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
