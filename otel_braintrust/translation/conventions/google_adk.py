"""Google Agent Development Kit: `gcp.vertex.agent.*`.

Source: google-adk `telemetry/tracing.py`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_mapping, is_placeholder
from otel_braintrust.translation.providers import PROVIDERS
from otel_braintrust.translation.reading import (
    FRAMEWORK,
    KEPT_ELSEWHERE,
    TOOL_FORM,
    Candidate,
    Reading,
)

_TOOL = frozenset({"tool"})
_TASKS = ("invocation", "invoke_agent", "agent_run", "send_data", "execute_tool (merged)")


@marks.varying
def _model_request(reading: Reading, key: str, value: Any) -> bool:
    if is_placeholder(value):
        return True
    reading.offer("input", Candidate(FRAMEWORK, "request", value, {key: value}))
    reading.kinds.append((90, "llm", key))
    return True


@marks.varying
def _model_response(reading: Reading, key: str, value: Any) -> bool:
    if is_placeholder(value):
        return True
    holder = as_mapping(value)
    if holder is None:
        reading.offer("output", Candidate(FRAMEWORK, "text", value, {key: value}))
        return True
    reading.offer("output", Candidate(FRAMEWORK, "payload", holder, {key: value}))
    return True


def _name_tells_type(reading: Reading) -> None:
    name = reading.span.name
    if name.startswith(_TASKS):
        rank = 55 if name.startswith("execute_tool (merged)") else 91
        reading.kinds.append((rank, "task", "span name"))
    elif name == "call_llm":
        reading.kinds.append((91, "llm", "span name"))


@marks.settling()
def _other_provider(reading: Reading) -> None:
    """ADK names Gemini whatever model it asks; one of LiteLLM has its provider in its id."""
    if not reading.span.scope_name.startswith("gcp.vertex.agent"):
        return
    model = reading.best("request_model")
    if not isinstance(model, str):
        return
    provider = PROVIDERS.get(model.partition("/")[0]) if "/" in model else None
    if provider is not None:
        reading.suggest("provider", 5, "model name", provider, KEPT_ELSEWHERE)


CONVENTION = Convention(
    name="google_adk",
    keys={
        "gcp.vertex.agent.llm_request": _model_request,
        "gcp.vertex.agent.llm_response": _model_response,
        "gcp.vertex.agent.tool_call_args": rules.content("input", TOOL_FORM, homes=_TOOL, order=5),
        "gcp.vertex.agent.tool_response": rules.content("output", TOOL_FORM, homes=_TOOL, order=5),
        "gcp.vertex.agent.data": rules.content("input", FRAMEWORK, homes=frozenset({"task"})),
        "gcp.vertex.agent.session_id": rules.named("session_id", 70, keep=True),
        "gen_ai.usage.experimental.reasoning_tokens": rules.count(
            "details", "completion_reasoning_tokens"
        ),
    },
    scopes={"gcp.vertex.agent": _name_tells_type},
    finish=(_other_provider,),
)
