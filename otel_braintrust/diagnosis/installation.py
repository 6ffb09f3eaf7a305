"""Packages: their versions, and the instrumentations among them."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Mapping
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version

from otel_braintrust import __version__
from otel_braintrust.diagnosis.check import Check
from otel_braintrust.instruments import GROUP

PACKAGES = (
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation",
    "opentelemetry-semantic-conventions",
    "requests",
    "orjson",
    "python-dotenv",
    "braintrust",
)


def check_installation() -> list[Check]:
    """Look at what is installed."""
    return [_versions(), _instrumentations()]


def _versions() -> Check:
    found = {name: _version(name) for name in PACKAGES}
    details = {
        "python": platform.python_version(),
        "otel-braintrust": __version__,
        **{name: each for name, each in found.items() if each is not None},
    }
    api, sdk = found["opentelemetry-api"], found["opentelemetry-sdk"]
    says = f"otel-braintrust {__version__}, OpenTelemetry {sdk}, Python {details['python']}"
    if api != sdk:
        problem = f"opentelemetry-api {api} and opentelemetry-sdk {sdk} do not belong together"
        remedy = "pip install --upgrade opentelemetry-api opentelemetry-sdk"
        return Check("packages", "warning", problem, remedy, details)
    return Check("packages", "ok", says, details=details)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _instrumentations() -> Check:
    found = sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value))
    by_name: Mapping[str, list[EntryPoint]] = defaultdict(list)
    for each in found:
        by_name[each.name].append(each)
    details = {"instrumentations": {name: [e.value for e in by_name[name]] for name in by_name}}
    if not found:
        return Check(
            "instrumentations",
            "warning",
            "no instrumentation is installed, so that only spans of your own are made",
            "install the one of what you use, for instance openinference-instrumentation-openai",
            details,
        )
    doubles = [name for name, each in by_name.items() if len({e.value for e in each}) > 1]
    if doubles:
        return Check(
            "instrumentations",
            "warning",
            f"installed twice: {', '.join(doubles)}; switched on together, each call is recorded "
            "twice",
            "uninstall all but one, or name it in OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
            details,
        )
    return Check("instrumentations", "ok", f"installed: {', '.join(by_name)}", details=details)
