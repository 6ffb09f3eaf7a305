"""What the rest of the package asks a processor of its spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otel_braintrust.desk import Desk
from otel_braintrust.intake import Intake
from otel_braintrust.undelivered import Undelivered


class Inquiries:
    """Answers by what is known of spans; what nobody has read yet is read first.

    Args:
        intake: Where spans are noted.
        desk: Where they are entered.
        undelivered: Which of them have no row yet.
    """

    def __init__(self, intake: Intake, desk: Desk, undelivered: Undelivered) -> None:
        self._intake = intake
        self._desk = desk
        self._passage = desk.passage
        self._surroundings = desk.passage.surroundings
        self._undelivered = undelivered

    def raise_tags(self, span_id: int, tags: Sequence[str], also_itself: bool) -> bool:
        """Let tags rise from an open span to the outermost span of this process above it.

        Args:
            span_id: The span's id, as in its context.
            tags: The tags.
            also_itself: Whether the span itself may be that one.

        Returns:
            False when there is none that is open and known.
        """
        self._intake.read()
        return self._desk.roots.add_tags(span_id, tags, also_itself=also_itself)

    def route_of(self, span: Any) -> str | bool | None:
        """What the option ``route`` said of a span or those above it; None: nothing.

        Args:
            span: A span that this processor heard of.
        """
        return self._surroundings.route_of(span)

    def awaits(self, row_id: str) -> bool:
        """Tell whether a row of a span of this process is still to come.

        Args:
            row_id: The row's id.
        """
        self._intake.read()
        return self._undelivered.is_waiting(row_id)

    def keep_trace(self, trace_id: int) -> None:
        """Have tail sampling keep a trace, for instance because there is feedback to it.

        Args:
            trace_id: The trace's id, as in a span's context.
        """
        self._intake.read()
        self._passage.keep_trace(trace_id)

    def keep_span(self, span_id: int) -> None:
        """As :meth:`keep_trace`, where only a span of the trace is known.

        Args:
            span_id: The span's id, as in its context.
        """
        self._intake.read()
        self._passage.keep_span(span_id)

    def is_left_out(self, trace_id: int) -> bool:
        """Tell whether tail sampling left a trace out, so that feedback to it goes nowhere.

        Args:
            trace_id: The trace's id, as in a span's context.
        """
        self._intake.read()
        return self._passage.is_left_out(trace_id)
