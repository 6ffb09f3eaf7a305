"""What all spans of one shape have in their rows, and how the rest of a row is filled in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

from otel_braintrust.translation import metrics, usage
from otel_braintrust.translation import row as translation
from otel_braintrust.translation.amending import Amender
from otel_braintrust.translation.blanks import Blanks, Draft, Varying
from otel_braintrust.translation.conventions import Dispatch
from otel_braintrust.translation.conventions.rules import Step
from otel_braintrust.translation.conversations import Conversations
from otel_braintrust.translation.outlines import Outline
from otel_braintrust.translation.settled import Settle, Settled
from otel_braintrust.translation.simple_content import Attributes, OddError
from otel_braintrust.translation.span import SpanView


class Form:
    """What the rows of all spans of one shape have in common.

    Args:
        span: one of them.
        span_type: their Braintrust type.
        settle: reads the attributes that do not vary.
        steps: what puts varying attributes together.
        dispatch: the compiled tables, for the events.
        varying: the span's varying attributes.
        conversations: reads messages.
    """

    def __init__(
        self,
        span: SpanView,
        span_type: str,
        settle: Settle,
        steps: list[Step],
        dispatch: Dispatch,
        varying: Varying,
        conversations: Conversations,
    ) -> None:
        self._conversations = conversations
        # Held, so that no other object gets its id while the shape is known.
        self._held = span.scope_attributes
        self._span_type = span_type
        self._settled = Settled(span, span_type, settle)
        self._common, settled = self._settled.common, self._settled.reading
        self._span_attributes = translation.span_attributes(span, span_type, settled)
        self._excludes_cache = metrics.excludes_cache(settled)
        self._steps = steps
        self._tags = list(settled.tags)
        self._reasons = settled.finish_reasons
        self.parent = settled.parent
        self.blanks: dict[Outline, Blanks] = {}
        self._has_events = bool(span.events)
        self._amender = Amender(
            span,
            self._settled,
            span_type=span_type,
            dispatch=dispatch,
            blanks=Blanks(varying, steps, has_events=self._has_events),
        )
        # A form outlives the span that it was made of, whose texts and files it must not hold.
        del settled.span

    @property
    def has_problems(self) -> bool:
        """Something of what is common could not be read."""
        return bool(self._settled.reading.problems)

    def no_blanks(self, outline: Outline) -> Blanks:
        """Leave all varying attributes of spans with some keys to their rules.

        Args:
            outline: the keys.
        """
        return Blanks(outline.varying, self._steps, has_events=self._has_events)

    def drafts(self, outline: Outline) -> Iterator[Blanks]:
        """Find who writes the varying attributes of spans of this form, by their keys.

        Args:
            outline: the keys.

        Yields:
            Ways to have them written, those first that leave least to the rules.
        """
        draft = Draft(
            outline.varying,
            span_type=self._span_type,
            taken=self._settled.names,
            reasons=self._reasons,
            steps=self._steps,
            has_events=self._has_events,
            conversations=self._conversations,
        )
        whole = (bool(draft.counts), [], False, False) == self._amender.signs
        return (each for each in draft.all_blanks() if whole or not each.is_whole)

    def fill(self, spans: Sequence[SpanView], blanks: Blanks) -> list[dict[str, Any]]:
        """Make the rows of spans of this form that have the same keys.

        Args:
            spans: the spans' views.
            blanks: who writes their varying attributes.

        Raises:
            Exception: one of the spans shows more than its shape tells.
        """
        attributes = [span.attributes for span in spans]
        rows = self._begun(spans, attributes, blanks)
        rest: Iterable[tuple[SpanView, dict[str, Any]]] = zip(spans, rows, strict=True)
        if blanks.is_whole:
            rest = self._completed(rest, attributes, blanks)
        for span, row in rest:
            self._amender.amend(row, span, blanks)
        copy = self._common.context.copy
        for row in rows:
            row["context"] = copy()
        return rows

    def _begun(
        self, spans: Sequence[SpanView], attributes: Sequence[Attributes], blanks: Blanks
    ) -> list[dict[str, Any]]:
        """The rows with all that stands before their metadata."""
        rows = list(map(translation.identity, spans))
        copy = self._span_attributes.copy
        for row in rows:
            row["span_attributes"] = copy()
        if blanks.asked is not None:
            for row, asked in zip(rows, blanks.asked(attributes), strict=True):
                row["input"] = asked
        if blanks.answered is not None:
            for row, answered in zip(rows, blanks.answered(attributes), strict=True):
                row["output"] = answered
        if self._tags:
            for row in rows:
                row["tags"] = self._tags.copy()
        return rows

    def _completed(
        self,
        begun: Iterable[tuple[SpanView, dict[str, Any]]],
        attributes: Sequence[Attributes],
        blanks: Blanks,
    ) -> Iterator[tuple[SpanView, dict[str, Any]]]:
        """Complete the rows, but for those whose token counts have to be decided about."""
        counted = self._counts(blanks, attributes)
        entries = blanks.fill_entries(self._common.entries, attributes)
        for (span, row), counts, own in zip(begun, counted, entries, strict=True):
            if counts is None:
                yield span, row
                continue
            row["metadata"] = own
            row["metrics"] = numbers = translation.times(span)
            if self._span_type == "llm":
                numbers |= counts
            elif counts:
                if "aggregated_usage" in own:
                    raise OddError
                own["aggregated_usage"] = counts
            self._amender.add_remainders(row)

    def _counts(
        self, blanks: Blanks, attributes: Sequence[Attributes]
    ) -> Iterable[dict[str, int] | None]:
        """The token counts; None where something has to be decided about them."""
        if not blanks.counts:
            return repeat({}, len(attributes))
        excludes = self._excludes_cache
        records = blanks.records(attributes)
        return [usage.simple(record, excludes_cache=excludes) for record in records]
