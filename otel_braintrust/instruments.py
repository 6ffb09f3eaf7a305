"""The instrumentations that are installed: switched on together, with content, none twice."""

from __future__ import annotations

import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

logger = logging.getLogger("otel_braintrust")

GROUP = "opentelemetry_instrumentor"
DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
STABILITY = "OTEL_SEMCONV_STABILITY_OPT_IN"
GENAI_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

# Content switches by variable: what turns content on, and what turns it off. Whose they are:
# OpenTelemetry's GenAI instrumentations, OpenLLMetry, OpenInference, Azure AI, Haystack,
# Semantic Kernel, Microsoft Agent Framework, Google ADK, Claude Code and LiteLLM.
CONTENT_SWITCHES: Mapping[str, tuple[str, str]] = {
    GENAI_CONTENT: ("true", "false"),
    "TRACELOOP_TRACE_CONTENT": ("true", "false"),
    "OPENINFERENCE_HIDE_INPUTS": ("false", "true"),
    "OPENINFERENCE_HIDE_OUTPUTS": ("false", "true"),
    "AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED": ("true", "false"),
    "HAYSTACK_CONTENT_TRACING_ENABLED": ("true", "false"),
    "SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE": ("true", "false"),
    "ENABLE_SENSITIVE_DATA": ("true", "false"),
    "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS": ("true", "false"),
    "OTEL_LOG_USER_PROMPTS": ("1", "0"),
}
# With the newer conventions the switch says where content goes, and `true` is refused.
NEWER_GENAI_CONTENT = ("SPAN_ONLY", "NO_CONTENT")


def set_content_switches(on: bool) -> list[str]:
    """Set the content switches of instrumentations in the environment, where they are not set.

    Args:
        on: Whether prompts and answers are recorded.

    Returns:
        The variables that were set.
    """
    is_newer = "gen_ai_latest_experimental" in os.environ.get(STABILITY, "")
    changed = []
    for variable, values in CONTENT_SWITCHES.items():
        if os.environ.get(variable):
            continue
        chosen = NEWER_GENAI_CONTENT if is_newer and variable == GENAI_CONTENT else values
        os.environ[variable] = chosen[0 if on else 1]
        changed.append(variable)
    return changed


def switch_on(tracer_provider: Any) -> list[str]:
    """Switch on every installed instrumentation whose library is installed, once.

    Those named in ``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`` stay off, and one that fails is told
    and left out.

    Args:
        tracer_provider: Where their spans go.

    Returns:
        The names of those switched on here.
    """
    disabled = {name.strip() for name in os.environ.get(DISABLED, "").split(",")}
    found = entry_points(group=GROUP) if "*" not in disabled else ()
    switched = [
        entry_point.name
        for entry_point in sorted(found, key=lambda each: (each.name, each.value))
        if entry_point.name not in disabled and _switch_on_one(entry_point, tracer_provider)
    ]
    if switched:
        logger.info("instrumentations switched on: %s", ", ".join(switched))
    else:
        logger.info("no instrumentation was switched on: none is installed, or all are on already")
    return switched


def _switch_on_one(entry_point: EntryPoint, tracer_provider: Any) -> bool:
    try:
        dependencies = import_module("opentelemetry.instrumentation.dependencies")
        if dependencies.get_dist_dependency_conflicts(entry_point.dist):
            return False
        instrumentor = entry_point.load()()
        if getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
            return False
        if dependencies.get_dependency_conflicts(instrumentor.instrumentation_dependencies()):
            return False
        instrumentor.instrument(tracer_provider=tracer_provider, skip_dep_check=True)
    except ModuleNotFoundError as error:
        logger.debug("instrumentation %s left out: %s", entry_point.name, error)
        return False
    except Exception as error:  # noqa: BLE001  (somebody else's code)
        logger.warning(
            "instrumentation %s (%s) could not be switched on (%s); it is left out",
            entry_point.name,
            entry_point.value,
            type(error).__name__,
        )
        return False
    return True


def tell_of_doubles() -> dict[str, list[str]]:
    """Warn, in one line, of libraries that more than one instrumentation records.

    Returns:
        The modules of their instrumentations, by library.
    """
    by_library: dict[str, set[str]] = defaultdict(set)
    for instrumentor in _active_instrumentors():
        module = type(instrumentor).__module__
        for library in _libraries_of(instrumentor):
            by_library[library].add(module)
    doubles = {
        library: sorted(modules)
        for library, modules in sorted(by_library.items())
        if len(modules) > 1
    }
    if doubles:
        logger.warning(
            "each call is recorded more than once: %s; switch all but one off, for instance with "
            "%s",
            "; ".join(f"{library} by {' and '.join(names)}" for library, names in doubles.items()),
            DISABLED,
        )
    return doubles


def _active_instrumentors() -> list[Any]:
    try:
        base = import_module("opentelemetry.instrumentation.instrumentor").BaseInstrumentor
    except ImportError:
        return []
    classes = list(_subclasses(base))
    # Instrumentors are singletons; asking for one that was never made would make it.
    made = [vars(each).get("_instance") for each in classes]
    return [
        each
        for each in made
        if each is not None and getattr(each, "is_instrumented_by_opentelemetry", False)
    ]


def _subclasses(of: type) -> Iterable[type]:
    each: type
    for each in of.__subclasses__():
        yield each
        yield from _subclasses(each)


def _libraries_of(instrumentor: Any) -> set[str]:
    try:
        requirements = instrumentor.instrumentation_dependencies()
    except Exception:  # noqa: BLE001  (somebody else's code)
        return set()
    names = (re.match(r"\s*([A-Za-z0-9._-]+)", text) for text in requirements)
    return {name[1].lower().replace("_", "-") for name in names if name}
