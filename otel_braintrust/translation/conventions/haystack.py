"""Haystack's own tracing: pipelines, components and agents, as JSON text.

Source: haystack-ai `core/pipeline`, `components/agents`.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions import rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.reading import DUMP, FRAMEWORK, Reading

_ALL = frozenset({"task", "tool", "function", "llm"})

# How the class names of Haystack's components end, and what such a component does.
COMPONENTS: tuple[tuple[str, str], ...] = (
    ("Generator", "llm"),
    ("Embedder", "llm"),
    ("Retriever", "function"),
    ("ToolInvoker", "tool"),
    ("Agent", "task"),
)


def _component_type(reading: Reading, key: str, value: Any) -> bool:
    if isinstance(value, str):
        reading.is_embedding = value.endswith("Embedder")
        found = next((kind for ending, kind in COMPONENTS if value.endswith(ending)), "task")
        reading.kinds.append((80, found, key))
    return False


def _by_name(reading: Reading) -> None:
    name = reading.span.name
    if name.startswith(
        (
            "haystack.pipeline",
            "haystack.async_pipeline",
            "haystack.agent.run",
            "haystack.agent.step",
        )
    ):
        found = {"haystack.agent.step.llm": "llm", "haystack.agent.step.tool": "tool"}.get(
            name, "task"
        )
        reading.kinds.append((81, found, "span name"))


CONVENTION = Convention(
    name="haystack",
    keys={
        "haystack.component.type": _component_type,
        "haystack.tool.name": rules.named("tool_name", keep=True),
        "haystack.component.input": rules.content("input", FRAMEWORK, "framework", homes=_ALL),
        "haystack.component.output": rules.content("output", FRAMEWORK, "framework", homes=_ALL),
        "haystack.pipeline.input_data": rules.content("input", DUMP, homes=_ALL),
        "haystack.pipeline.output_data": rules.content("output", DUMP, homes=_ALL),
        "haystack.agent.input": rules.content("input", FRAMEWORK, homes=_ALL),
        "haystack.agent.output": rules.content("output", FRAMEWORK, homes=_ALL),
        "haystack.agent.step.llm.input": rules.content("input", FRAMEWORK, "framework", homes=_ALL),
        "haystack.agent.step.llm.output": rules.content(
            "output", FRAMEWORK, "framework", homes=_ALL
        ),
        "haystack.agent.step.tool.input": rules.content("input", FRAMEWORK, homes=_ALL),
        "haystack.agent.step.tool.output": rules.content("output", FRAMEWORK, homes=_ALL),
    },
    scopes={"haystack": _by_name},
)
