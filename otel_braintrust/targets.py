"""The row that feedback or an update is about: by a span, a slug, or its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import Span

from otel_braintrust.delivery.destinations import Destination, parse_parent
from otel_braintrust.links import destination_named, slug_of
from otel_braintrust.living import latest_processor, living_processors, processor_of
from otel_braintrust.places import default_destination
from otel_braintrust.settings import Settings
from otel_braintrust.slugs import Slug, decode_slug

if TYPE_CHECKING:  # only a type
    from otel_braintrust.processor import BraintrustSpanProcessor

SPAN_ID_DIGITS = 16
HEX_DIGITS = frozenset("0123456789abcdef")


class Target:
    """The row that something is said of.

    Args:
        target: A span, a slug, or a row's id; None: the current span.
        parent: Where the row is, for an id.

    Attributes:
        row_id: Its id; empty where there is none.
        slug: What its slug says; None for a mere id.
        destination: Where it is.
        processor: Who sends what is said of it; None where nothing is configured.

    Raises:
        ValueError: The slug names no span.
        ParentError: The parent has none of the forms that can be read.
    """

    def __init__(self, target: Span | str | None, parent: str | None) -> None:
        self.slug: Slug | None = None
        self.processor: BraintrustSpanProcessor | None = None
        if isinstance(target, str):
            self._read(target)
        else:
            span = trace.get_current_span() if target is None else target
            # A span that the sampler left out has no row, and shall not get one by feedback.
            is_sampled = span.get_span_context().trace_flags.sampled
            self.slug = slug_of(target) if is_sampled else None
            self.row_id = (self.slug.row_id or "") if self.slug is not None else ""
            if not self.row_id:
                return
        self.destination = self._destination(parent)
        if isinstance(target, str):
            self.processor = _processor_for(self.row_id, self.destination)
        else:
            self.processor = processor_of(trace.get_current_span() if target is None else target)

    def _read(self, text: str) -> None:
        if not text.strip():
            self.row_id = ""
            return
        try:
            self.slug = decode_slug(text)
        except ValueError:
            self.row_id = text
            return
        if not self.slug.row_id:
            raise ValueError("the slug names a project or an experiment, but no span in it")
        self.row_id = self.slug.row_id

    def _destination(self, parent: str | None) -> Destination:
        if parent is not None:
            return parse_parent(parent, origin="parent")
        if self.slug is not None:
            found = destination_named(self.slug)
            return Destination(found.kind, found.value)
        return default_destination() or Settings.resolve().destination

    @property
    def trace_id(self) -> int | None:
        """The id of its trace in OpenTelemetry, where that is known."""
        ids = self.slug.hex_ids if self.slug is not None else None
        return int(ids[0], 16) if ids is not None else None

    def keep_trace(self) -> None:
        """Have tail sampling keep its trace, if that is of this process."""
        trace_id = self.trace_id
        for processor in living_processors():
            if trace_id is not None:
                processor.keep_trace(trace_id)
            elif len(self.row_id) == SPAN_ID_DIGITS and not set(self.row_id) - HEX_DIGITS:
                processor.keep_span(int(self.row_id, 16))


def _processor_for(row_id: str, destination: Destination) -> BraintrustSpanProcessor | None:
    """The processor that has the row still to send, else one that sends there, else the latest."""
    living = list(living_processors())
    awaiting = (each for each in living if each.awaits(row_id))
    sending_there = (each for each in living if each.settings.destination == destination)
    return next(awaiting, None) or next(sending_there, None) or latest_processor()
