"""The instrumentations that are installed: switched on together, with content, none twice."""

from __future__ import annotations

import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any

logger = logging.getLogger("otel_braintrust")

# The libraries with more than one instrumentation that were told of.
_told: dict[str, list[str]] = {}
# The instrumentations that were told of because they could not be switched on.
_told_of_failure: set[str] = set()

GROUP = "opentelemetry_instrumentor"
DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
STABILITY = "OTEL_SEMCONV_STABILITY_OPT_IN"
GENAI_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
AZURE_CONTENT = "AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED"

# Content switches by variable: what turns content on, and what turns it off. Whose they are:
# OpenTelemetry's GenAI instrumentations, OpenLLMetry, OpenInference, Azure AI, Haystack,
# Semantic Kernel, Microsoft Agent Framework, Google ADK, Claude Code and LiteLLM.
CONTENT_SWITCHES: Mapping[str, tuple[str, str]] = {
    GENAI_CONTENT: ("true", "false"),
    "TRACELOOP_TRACE_CONTENT": ("true", "false"),
    "OPENINFERENCE_HIDE_INPUTS": ("false", "true"),
    "OPENINFERENCE_HIDE_OUTPUTS": ("false", "true"),
    AZURE_CONTENT: ("true", "false"),
    "HAYSTACK_CONTENT_TRACING_ENABLED": ("true", "false"),
    "SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE": ("true", "false"),
    "ENABLE_SENSITIVE_DATA": ("true", "false"),
    "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS": ("true", "false"),
    "OTEL_LOG_USER_PROMPTS": ("1", "0"),
}
# With the newer conventions the switch says where content goes, and `true` is refused; from this
# release on OpenTelemetry's instrumentations know nothing else.
NEWER_GENAI_CONTENT = ("SPAN_ONLY", "NO_CONTENT")
NEWER_GENAI_PACKAGE, NEWER_GENAI_RELEASE = "opentelemetry-util-genai", 1
# A module of these that is missing is part of a broken installation, not a library that is absent.
OWN_PACKAGES = ("opentelemetry", "openinference")


def set_content_switches(on: bool) -> list[str]:
    """Set the content switches of instrumentations in the environment, where they are not set.

    Args:
        on: Whether prompts and answers are recorded.

    Returns:
        The variables that were set.
    """
    changed = []
    for variable, values in CONTENT_SWITCHES.items():
        if os.environ.get(variable):
            continue
        is_place = variable == GENAI_CONTENT and _names_places()
        value = (NEWER_GENAI_CONTENT if is_place else values)[0 if on else 1]
        # Azure's instrumentation records nothing where the two say something different.
        if variable == AZURE_CONTENT and os.environ[GENAI_CONTENT] != value:
            continue
        os.environ[variable] = value
        changed.append(variable)
    return changed


def _names_places() -> bool:
    """Whether the switch of OpenTelemetry's GenAI instrumentations says where content goes."""
    if "gen_ai_latest_experimental" in os.environ.get(STABILITY, ""):
        return True
    try:
        return int(version(NEWER_GENAI_PACKAGE).partition(".")[0]) >= NEWER_GENAI_RELEASE
    except (PackageNotFoundError, ValueError):
        return False


def switch_on(tracer_provider: Any) -> list[str]:
    """Switch on every installed instrumentation whose library is installed, once.

    Those named in ``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`` stay off: by their names, or, where
    several have one name, by their modules or packages. One that fails is told and left out.

    Args:
        tracer_provider: Where their spans go.

    Returns:
        The names of those switched on here.
    """
    disabled = {name.strip() for name in os.environ.get(DISABLED, "").split(",")} - {""}
    found = entry_points(group=GROUP) if "*" not in disabled else ()
    switched = [
        entry_point.name
        for entry_point in sorted(found, key=lambda each: (each.name, each.value))
        if not _is_meant(entry_point, disabled) and _switch_on_one(entry_point, tracer_provider)
    ]
    if switched:
        logger.info("instrumentations switched on: %s", ", ".join(switched))
    else:
        logger.info("no instrumentation was switched on: none is installed, or all are on already")
    return switched


def _is_meant(entry_point: EntryPoint, names: set[str]) -> bool:
    """Whether an instrumentation is named by its own name, its package or its module."""
    package = entry_point.dist.name if entry_point.dist is not None else ""
    if {entry_point.name, package.lower().replace("_", "-")} & names:
        return True
    return any(f"{name}.".startswith(f"{entry_point.module}.") for name in names)


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
    except Exception as error:  # noqa: BLE001  (somebody else's code)
        _tell_of_failure(entry_point, error)
        return False
    return True


def _tell_of_failure(entry_point: EntryPoint, error: Exception) -> None:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and missing.partition(".")[0] not in OWN_PACKAGES:
        logger.debug("instrumentation %s left out: %s", entry_point.name, error)
        return
    if entry_point.value in _told_of_failure:
        return
    _told_of_failure.add(entry_point.value)
    logger.warning(
        "instrumentation %s (%s) could not be switched on (%s); it is left out",
        entry_point.name,
        entry_point.value,
        f"there is no module {missing}" if missing else type(error).__name__,
    )


def tell_of_doubles() -> dict[str, list[str]]:
    """Warn, in one line, of libraries that more than one instrumentation records; each once.

    Returns:
        The modules of their instrumentations, by library.
    """
    by_library: dict[str, set[str]] = defaultdict(set)
    for instrumentor in _active_instrumentors():
        module = type(instrumentor).__module__
        for library in _libraries_of(instrumentor):
            by_library[library].add(module)
    families = {library: _families(modules) for library, modules in sorted(by_library.items())}
    doubles = {library: modules for library, modules in families.items() if len(modules) > 1}
    new = {library: names for library, names in doubles.items() if _told.get(library) != names}
    if new:
        _told.update(new)
        logger.warning(
            "each call is recorded more than once: %s; uninstall all but one, or with "
            "configure(instrument=True) name the others in %s, as written here",
            "; ".join(f"{library} by {' and '.join(names)}" for library, names in new.items()),
            DISABLED,
        )
    return doubles


def _families(modules: Iterable[str]) -> list[str]:
    """Modules without those beneath another: an instrumentation may be made of several."""
    found: list[str] = []
    for module in sorted(modules):
        if not any(module.startswith(f"{above}.") for above in found):
            found.append(module)
    return found


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
