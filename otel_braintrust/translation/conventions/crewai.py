"""CrewAI: its own spans, and OpenLLMetry's of it: crews, tasks, flows, tools, memory, knowledge.

Source: crewai 1.15 `telemetry/tracing/semantic_conventions.py`; OpenLLMetry's crewai 0.62.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_mapping
from otel_braintrust.translation.payload_usage import of_payload
from otel_braintrust.translation.reading import DUMP, TOOL_FORM, Reading

_ALL = frozenset({"task", "tool", "function", "llm", "score", "eval"})
_TOOL = frozenset({"tool"})

# What a span was given and what came of it, by the thing that ran.
_INPUTS = (
    "crewai.task.description",
    "crewai.flow.inputs",
    "crewai.method.params",
    "crewai.memory.query",
    "crewai.memory.value",
    "crewai.knowledge.query",
    "crewai.knowledge.task_prompt",
    "crewai.human_feedback.message",
    "crewai.a2a.task_description",
)
_OUTPUTS = (
    "crewai.task.output",
    "crewai.crew.output",
    "crewai.crew.result",
    "crewai.flow.result",
    "crewai.method.result",
    "crewai.memory.results",
    "crewai.knowledge.retrieved_knowledge",
    "crewai.guardrail.result",
    "crewai.reasoning.plan",
    "crewai.human_feedback.feedback",
    "crewai.a2a.result",
    "crewai.a2a.final_result",
)


@marks.varying
def _usage(reading: Reading, key: str, value: Any) -> bool:
    """Read a crew's sums; they stay as they are too, since they tell more than tokens."""
    counts, _ = of_payload(as_mapping(value))
    for name, number in counts.items():
        reading.usage.add("payload", name, number, key)
    return False


def _model_call(reading: Reading) -> None:
    """OpenLLMetry's spans of CrewAI's model calls have a model and, before 0.50, nothing else."""
    if reading.span.name.endswith(".llm") and "gen_ai.request.model" in reading.span.attributes:
        reading.kinds.append((89, "llm", "span name"))


CONVENTION = Convention(
    name="crewai",
    scopes={"opentelemetry.instrumentation.crewai": _model_call},
    keys={
        **{
            key: rules.content("input", DUMP, homes=_ALL, order=place)
            for place, key in enumerate(_INPUTS)
        },
        **{
            key: rules.content("output", DUMP, homes=_ALL, order=place)
            for place, key in enumerate(_OUTPUTS)
        },
        # Last of all: the values for a crew's placeholders, often none.
        "crewai.crew.inputs": rules.content("input", DUMP + 1),
        "crewai.tool.input": rules.content("input", TOOL_FORM, homes=_TOOL, order=7),
        "crewai.tool.output": rules.content("output", TOOL_FORM, homes=_TOOL, order=7),
        "crewai.mcp.tool_args": rules.content("input", TOOL_FORM, homes=_TOOL, order=8),
        "crewai.mcp.tool_result": rules.content("output", TOOL_FORM, homes=_TOOL, order=8),
        "crewai.crew.usage_metrics": _usage,
        "crewai.flow.aggregated_crew_usage_metrics": _usage,
    },
)
