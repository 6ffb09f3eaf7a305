"""Variables of OpenTelemetry and of instrumentations that decide what becomes of spans."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from otel_braintrust.diagnosis.check import Check, Status
from otel_braintrust.instruments import CONTENT_SWITCHES

ON = ("true", "1", "yes", "on")


@dataclass(frozen=True)
class _Rule:
    """A variable, when its value is worth a word, and which."""

    variable: str
    matters: Callable[[str], bool]
    status: Status
    says: str
    remedy: str


def _is_on(value: str) -> bool:
    return value.lower() in ON


def _is_set(value: str) -> bool:
    return bool(value)


def _is_below(least: int) -> Callable[[str], bool]:
    return lambda value: value.isdigit() and int(value) < least


_LENGTH = "texts of spans are cut to {} characters, prompts and answers too"
_LENGTH_REMEDY = "unset it, or set it for the exporter that needs it"
_COUNT = "spans keep {} attributes only, and one conversation may have hundreds"

RULES = (
    _Rule(
        "OTEL_SDK_DISABLED",
        _is_on,
        "failed",
        "OpenTelemetry's SDK is switched off, so that no span is made",
        "unset it",
    ),
    _Rule(
        "OTEL_TRACES_SAMPLER",
        lambda value: value.endswith("always_off"),
        "failed",
        "the sampler {} leaves every trace out",
        "unset it, or set parentbased_always_on",
    ),
    _Rule(
        "OTEL_TRACES_SAMPLER",
        lambda value: "ratio" in value,
        "warning",
        "the sampler {} leaves traces out before anything is known of them",
        "to keep those with errors, use OTEL_BRAINTRUST_TAIL_RATIO instead",
    ),
    _Rule(
        "OTEL_TRACES_EXPORTER",
        lambda value: "braintrust" not in value,
        "warning",
        "under opentelemetry-instrument traces go to {} alone, unless the application configures",
        "add braintrust to it, or set OTEL_PYTHON_DISTRO=braintrust",
    ),
    _Rule(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        lambda value: "braintrust" in value,
        "warning",
        "an OTLP exporter sends to Braintrust, too, so that every span is there twice",
        "unset it, or leave this package out",
    ),
    _Rule(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        lambda value: "braintrust" in value,
        "warning",
        "an OTLP exporter sends to Braintrust, too, so that every span is there twice",
        "unset it, or leave this package out",
    ),
    _Rule("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", _is_set, "warning", _LENGTH, _LENGTH_REMEDY),
    _Rule("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", _is_set, "warning", _LENGTH, _LENGTH_REMEDY),
    _Rule("OTEL_ATTRIBUTE_COUNT_LIMIT", _is_below(1000), "warning", _COUNT, "raise it to 1000"),
    _Rule(
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", _is_below(1000), "warning", _COUNT, "raise it to 1000"
    ),
    _Rule(
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
        _is_set,
        "warning",
        "these instrumentations are switched off: {}",
        "take out what is meant to be recorded",
    ),
    _Rule(
        "OTEL_BSP_MAX_QUEUE_SIZE",
        _is_below(512),
        "warning",
        "only {} spans may wait to be sent",
        "unset it, or raise it to 10000",
    ),
    _Rule(
        "BRAINTRUST_DISABLE_ATEXIT_FLUSH",
        _is_on,
        "warning",
        "what still waits when the process ends is lost",
        "unset it, or call flush() before the end",
    ),
)


def check_environment(capture_content: bool | None) -> list[Check]:
    """Look at the environment.

    Args:
        capture_content: What the option of that name says.
    """
    return [*_variables(), _content(capture_content)]


def _variables() -> list[Check]:
    found = []
    for rule in RULES:
        value = os.environ.get(rule.variable, "").strip()
        if value and rule.matters(value):
            says = f"{rule.variable}={value}: {rule.says.format(value)}"
            details = {"variable": rule.variable, "value": value}
            found.append(Check("opentelemetry", rule.status, says, rule.remedy, details))
    if found:
        return found
    return [Check("opentelemetry", "ok", "no variable of OpenTelemetry's is in the way")]


def _content(capture_content: bool | None) -> Check:
    said = {name: os.environ[name] for name in CONTENT_SWITCHES if os.environ.get(name)}
    details: Mapping[str, object] = {"capture_content": capture_content, "switches": said}
    off = [
        name
        for name, value in said.items()
        if value.lower() == CONTENT_SWITCHES[name][1] or value == "NO_CONTENT"
    ]
    if capture_content is False:
        says = "OTEL_BRAINTRUST_CAPTURE_CONTENT is off: no prompt and no answer is sent"
        return Check("content", "warning", says, "nothing, if that is meant", details)
    if off:
        says = f"switched off: {', '.join(off)}; prompts and answers are not recorded there"
        return Check("content", "warning", says, "unset it, if content is wanted", details)
    if capture_content or said:
        return Check("content", "ok", "prompts and answers are recorded", details=details)
    says = (
        "no switch is set, each instrumentation does as it is made; "
        "OTEL_BRAINTRUST_CAPTURE_CONTENT=true has all of them record prompts and answers"
    )
    return Check("content", "ok", says, details=details)
