"""Where a span's row is, and where rows go that are written beneath it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span

from otel_braintrust.delivery.destinations import Destination, ParentError, parse_parent
from otel_braintrust.living import latest_processor, processor_of, processors_of
from otel_braintrust.routing import PARENT_KEY, baggage_parent

if TYPE_CHECKING:  # only a type
    from otel_braintrust.processor import BraintrustSpanProcessor

CONTAINER_KINDS = ("project_id", "project_name", "experiment_id")


def destination_of(span: Span, context: Context | None = None) -> Destination | None:
    """Where spans go that start in a context beneath a span, as far as it is known here."""
    processor = processor_of(span)
    candidates = (
        _own_parent(span),
        otel_context.get_value(PARENT_KEY, context),
        baggage_parent(context),
        processor.route_of(span) if processor is not None else None,
    )
    return _first_read(candidates) or _destination_by_default(processor)


def row_destination_of(span: Span, context: Context | None = None) -> Destination | None:
    """Where a span's row is, as far as it is known here; the context counts for remote spans."""
    if not processors_of(span):
        return destination_of(span, context)
    processor = processor_of(span)
    route = processor.route_of(span) if processor is not None else None
    return _first_read((_own_parent(span), route)) or _destination_by_default(processor)


def _own_parent(span: Span) -> Any:
    return (getattr(span, "attributes", None) or {}).get(PARENT_KEY)


def _first_read(candidates: Iterable[Any]) -> Destination | None:
    for text in candidates:
        if isinstance(text, str) and text.strip():
            try:
                return parse_parent(text)
            except ParentError:
                continue
    return None


def default_destination() -> Destination | None:
    """Where the spans go that say nothing themselves; None while nothing is configured."""
    return _destination_by_default(latest_processor())


def _destination_by_default(processor: BraintrustSpanProcessor | None) -> Destination | None:
    return processor.settings.destination if processor is not None else None


def container_of(span: Span, context: Context | None = None) -> str | None:
    """Where a span's row goes, as ``braintrust.parent`` says it between services."""
    destination = destination_of(span, context)
    if destination is None or destination.kind not in CONTAINER_KINDS:
        return None
    return str(destination)
