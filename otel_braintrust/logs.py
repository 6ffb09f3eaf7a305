"""Log records that carry a span's content: taken where they are emitted, joined to their span."""

from __future__ import annotations

import importlib
import logging
from typing import Any

from opentelemetry._logs import get_logger_provider, set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span

from otel_braintrust.exporter import BraintrustSpanExporter, living_assemblers
from otel_braintrust.processor import BraintrustSpanProcessor
from otel_braintrust.sizes import attribute_values

logger = logging.getLogger("otel_braintrust")

# One of these is on every span of a model call, from its start: the conventions demand it.
MODEL_CALL_KEYS = frozenset({"gen_ai.operation.name", "gen_ai.system", "gen_ai.provider.name"})


class BraintrustLogRecordProcessor(LogRecordProcessor):
    """Hands log records that carry prompts and answers (``gen_ai.*`` events) to their spans.

    It sends nothing by itself and keeps no other log record.

    Args:
        spans_to: The processor or exporter whose spans the records belong to; default every one
            of this process.

    Example::

        logger_provider.add_log_record_processor(BraintrustLogRecordProcessor())
    """

    def __init__(
        self, spans_to: BraintrustSpanProcessor | BraintrustSpanExporter | None = None
    ) -> None:
        self._spans_to = spans_to

    def on_emit(self, log_record: Any) -> None:
        """Keep the record if it is content of a span; never raises."""
        try:
            spans_to = self._spans_to
            assemblers = living_assemblers() if spans_to is None else [spans_to.assembler]
            for assembler in assemblers:
                assembler.add_log_record(log_record)
        except Exception as error:  # noqa: BLE001  (nothing may reach the application)
            logger.debug("a log record could not be joined to its span: %s", type(error).__name__)

    def emit(self, log_data: Any) -> None:
        """As :meth:`on_emit`, which older releases of the SDK call by this name."""
        self.on_emit(log_data)

    def shutdown(self) -> None:
        """Nothing to end: records wait for their span, not for the network."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002
        """Nothing to send: a record goes with its span."""
        return True


class LogJoin:
    """Puts the log record processor on the LoggerProvider that is there, or comes later.

    Only one LoggerProvider can be set for a process, and an application that sets its own after us
    would lose its logs. So one is made at once only where the TracerProvider was missing, too; else
    the join waits for the application's own, and makes one when the first model call starts.

    Args:
        log_processor: What to add.
        resource: The resource of a LoggerProvider that is made here.
    """

    def __init__(self, log_processor: LogRecordProcessor, resource: Resource | None) -> None:
        self._log_processor = log_processor
        self._resource = resource

    def attach(self, provider: Any = None, *, make: bool = False) -> bool:
        """Add the processor; tell whether there was somewhere to add it.

        Args:
            provider: A LoggerProvider; default the process's.
            make: Make one and set it for the process if there is none.
        """
        provider = get_logger_provider() if provider is None else provider
        if not hasattr(provider, "add_log_record_processor"):
            if not make or type(provider).__name__ != "ProxyLoggerProvider":
                return False
            provider = LoggerProvider(resource=self._resource)
            set_logger_provider(provider)
            _set_event_logger_provider(provider)
        provider.add_log_record_processor(self._log_processor)
        return True

    def on_span_start(self, span: Span) -> bool:
        """Try again as a model call starts; True when there is nothing more to do."""
        if attribute_values(span).keys().isdisjoint(MODEL_CALL_KEYS):
            return False
        self.attach(make=True)
        return True


def _set_event_logger_provider(provider: LoggerProvider) -> None:
    """Serve instrumentations that emit by the events API, which SDKs before 1.39 have as well."""
    try:
        events = importlib.import_module("opentelemetry._events")
        sdk_events = importlib.import_module("opentelemetry.sdk._events")
    except ImportError:
        return
    events.set_event_logger_provider(sdk_events.EventLoggerProvider(logger_provider=provider))
