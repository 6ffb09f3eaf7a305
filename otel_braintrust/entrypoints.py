"""What ``opentelemetry-instrument`` and ``OTEL_*`` variables find: exporter, distro, configurator.

Whatever stands in the environment, nothing here raises: a set-up that cannot be used is one ERROR
in the log, and the application runs without Braintrust.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_braintrust import exporter
from otel_braintrust.configuration import configure

_BaseDistro: Any = object
with suppress(ImportError):  # the exporter alone needs no opentelemetry-instrumentation
    _BaseDistro = import_module("opentelemetry.instrumentation.distro").BaseDistro

logger = logging.getLogger("otel_braintrust")

NAME = "braintrust"
TRACES_EXPORTER = "OTEL_TRACES_EXPORTER"
# What the distro chooses where the environment says nothing: only traces go anywhere.
DISTRO_DEFAULTS = {
    TRACES_EXPORTER: NAME,
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}


class BraintrustSpanExporter(SpanExporter):
    """What ``OTEL_TRACES_EXPORTER=braintrust`` loads.

    The SDK makes it after it has set its TracerProvider and puts it behind a BatchSpanProcessor,
    which has no ear for the start of a span, for log records or for a flush's deadline. So it
    configures that provider as ``configure()`` does, and the processor added then carries the
    spans. Where there is no such provider it exports by itself.

    Args:
        arguments: As for :class:`otel_braintrust.exporter.BraintrustSpanExporter`.
    """

    def __init__(self, **arguments: Any) -> None:
        self._own: exporter.BraintrustSpanExporter | None = None
        try:
            if isinstance(trace.get_tracer_provider(), TracerProvider):
                configure(**arguments)
            else:
                self._own = exporter.BraintrustSpanExporter(**arguments)
        except (ValueError, TypeError) as error:
            logger.error("no span is sent to Braintrust: %s", error)  # noqa: TRY400

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, unless the processor that was configured sends them already."""
        return self._own.export(spans) if self._own is not None else SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush what this exporter sent by itself."""
        return self._own.force_flush(timeout_millis) if self._own is not None else True

    def shutdown(self) -> None:
        """Shut down what this exporter started by itself."""
        if self._own is not None:
            self._own.shutdown()


# OpenTelemetry's module has no types, and need not be installed.
class BraintrustDistro(_BaseDistro):  # type: ignore[misc]
    """What ``OTEL_PYTHON_DISTRO=braintrust`` loads: traces go to Braintrust, nothing elsewhere.

    Unless it is asked for by name it steps aside, because OpenTelemetry takes the first distro it
    finds installed, and installing a package must not redirect an application's telemetry.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if os.environ.get("OTEL_PYTHON_DISTRO") != NAME:
            return _Aside()  # the loader skips what is no distro and takes the next
        return super().__new__(cls, *args, **kwargs)

    def _configure(self, **kwargs: Any) -> None:  # noqa: ARG002
        for variable, value in DISTRO_DEFAULTS.items():
            os.environ.setdefault(variable, value)


class _Aside:
    """Not a distro."""


class BraintrustConfigurator(_OTelSDKConfigurator):
    """OpenTelemetry's own configurator; it makes ``OTEL_TRACES_EXPORTER=braintrust`` work alone.

    Unless Braintrust is asked for it steps aside, for the same reason as the distro.
    """

    def _configure(self, **kwargs: Any) -> None:
        asked_by_name = os.environ.get("OTEL_PYTHON_CONFIGURATOR") == NAME
        exporters = [each.strip() for each in os.environ.get(TRACES_EXPORTER, "").split(",")]
        others = [
            each for each in entry_points(group="opentelemetry_configurator") if each.name != NAME
        ]
        if others and not asked_by_name:
            others[0].load()().configure(**kwargs)
        elif asked_by_name or NAME in exporters:
            super()._configure(**kwargs)  # type: ignore[no-untyped-call]  # OpenTelemetry's lacks types
