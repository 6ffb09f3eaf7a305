"""The ledger as OpenTelemetry metrics, under the names that the SDK uses for its own components."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.metrics import CallbackOptions, Observation

from otel_braintrust import __version__
from otel_braintrust.accounts import Ledger
from otel_braintrust.delivery.errors import ApiError

EXPORTER_TYPE = "braintrust_span_exporter"
PROCESSOR_TYPE = "braintrust_span_processor"
METER_NAME = "otel_braintrust"
# Losses before a span was handed to the exporter, by the words of the semantic conventions.
PROCESSOR_ERRORS = {"queue_full": "queue_full", "after_shutdown": "already_shutdown"}

_exporters = count()
_processors = count()

Attributes = dict[str, Any]


class Meters:
    """Instruments that read the ledger when they are asked, so that spans cost nothing more.

    Args:
        meter_provider: An OpenTelemetry MeterProvider.
        ledger: What is told.
        server_url: Address of the server, for the attributes.
    """

    def __init__(self, meter_provider: Any, ledger: Ledger, server_url: str) -> None:
        self._ledger = ledger
        self._update: Callable[[], object] = lambda: None
        self._meter = meter_provider.get_meter(METER_NAME, __version__)
        parts = urlsplit(server_url)
        self._server: Attributes = {"server.address": parts.hostname or ""}
        if parts.port:
            self._server["server.port"] = parts.port
        self._attributes = _component(EXPORTER_TYPE, next(_exporters)) | self._server
        self._add_exporter()

    def add_processor(self, queue_capacity: int, update: Callable[[], object]) -> None:
        """Tell of a processor in front of the exporter, too.

        Args:
            queue_capacity: How many spans may wait.
            update: Called before the ledger is read; enters the spans that ended by then.
        """
        self._update = update
        attributes = _component(PROCESSOR_TYPE, next(_processors))
        self._meter.create_observable_counter(
            "otel.sdk.processor.span.processed",
            callbacks=[self._observed(lambda: self._processed(attributes))],
            unit="{span}",
            description="Spans that the processor has passed on or dropped.",
        )
        self._meter.create_observable_up_down_counter(
            "otel.sdk.processor.span.queue.size",
            callbacks=[self._observed(lambda: [(self._ledger.counts.pending, attributes)])],
            unit="{span}",
            description="Spans that wait to be sent.",
        )
        self._meter.create_observable_up_down_counter(
            "otel.sdk.processor.span.queue.capacity",
            callbacks=[self._observed(lambda: [(queue_capacity, attributes)])],
            unit="{span}",
            description="How many spans may wait to be sent.",
        )

    def note_request(self, duration_s: float, error: ApiError | None) -> None:
        """Enter one request.

        Args:
            duration_s: How long it took, in seconds.
            error: How it failed, or None.
        """
        attributes = dict(self._attributes)
        if error is not None:
            attributes["error.type"] = type(error).__name__
            if error.status is not None:
                attributes["http.response.status_code"] = error.status
        self._duration.record(duration_s, attributes)

    def _add_exporter(self) -> None:
        self._duration = self._meter.create_histogram(
            "otel.sdk.exporter.operation.duration",
            unit="s",
            description="How long requests of the exporter took.",
        )
        self._meter.create_observable_counter(
            "otel.sdk.exporter.span.exported",
            callbacks=[self._observed(self._exported)],
            unit="{span}",
            description="Spans whose export has ended; error.type says why one was dropped.",
        )
        self._meter.create_observable_up_down_counter(
            "otel.sdk.exporter.span.inflight",
            callbacks=[self._observed(lambda: [(self._ledger.counts.pending, self._attributes)])],
            unit="{span}",
            description="Spans handed to the exporter whose export has not ended.",
        )
        self._meter.create_observable_up_down_counter(
            "otel_braintrust.exporter.span.spooled",
            callbacks=[self._observed(lambda: [(self._ledger.counts.spooled, self._attributes)])],
            unit="{span}",
            description="Spans whose row waits on disk.",
        )

    def _exported(self) -> Iterable[tuple[int, Attributes]]:
        counts = self._ledger.counts
        yield counts.sent, self._attributes
        for reason, lost in counts.dropped.items():
            if reason not in PROCESSOR_ERRORS:
                yield lost, {**self._attributes, "error.type": reason}

    def _processed(self, attributes: Attributes) -> Iterable[tuple[int, Attributes]]:
        counts = self._ledger.counts
        turned_away = {
            reason: lost for reason, lost in counts.dropped.items() if reason in PROCESSOR_ERRORS
        }
        yield counts.ended - counts.pending - sum(turned_away.values()), attributes
        for reason, lost in turned_away.items():
            yield lost, {**attributes, "error.type": PROCESSOR_ERRORS[reason]}

    def _observed(
        self, read: Callable[[], Iterable[tuple[int, Attributes]]]
    ) -> Callable[[CallbackOptions], list[Observation]]:
        def observe(_: CallbackOptions) -> list[Observation]:
            self._update()
            return [Observation(value, attributes) for value, attributes in read()]

        return observe


def _component(kind: str, number: int) -> Attributes:
    return {"otel.component.type": kind, "otel.component.name": f"{kind}/{number}"}
