"""Spans of one shape: what they have in common is worked out once, the rest is filled in.

An application makes the same few kinds of span over and over: the same keys, model and parameters,
with other texts, counts and ids. A *shape* is all of a span that decides how it is read: its scope,
name and resource, the keys of its attributes, and the values of those whose rule is not `varying`.
A `Form` holds what every span of a shape has in its row. Only the varying attributes are then read.

What a form gives is what the whole way gives (`row.make`): a form is kept only if it did so for the
span that it was made of, and hands a span back when something shows that its shape does not cover.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from otel_braintrust.translation import row as translation
from otel_braintrust.translation.conventions import DISPATCH, Dispatch
from otel_braintrust.translation.forming import UnsettledError, new_form
from otel_braintrust.translation.forms import Form
from otel_braintrust.translation.outlines import Outline, Outlines
from otel_braintrust.translation.resources import Resources
from otel_braintrust.translation.span import SpanView
from otel_braintrust.translation.strict import strict

MAX_FORMS = 256
# Conversations of one form have as many outlines as there are lengths of them.
MAX_BLANKS = 256
# Of so many spans in a row at least one in eight must find its form, else the search is given up
# for a while: it costs, and some applications never make the same kind of span twice.
WINDOW = 512
LEAST_HITS = WINDOW // 8
NO_EVENTS: frozenset[str] = frozenset()


class Recurring:
    """Translates spans by the forms of their shapes; for one thread at a time.

    Spans of one shape also have events of the same names, any number of each.

    Args:
        dispatch: the compiled tables; with users' conventions, which may do anything, every span
            goes the whole way.

    Attributes:
        filled: how many rows were filled into a form.
    """

    def __init__(self, dispatch: Dispatch = DISPATCH) -> None:
        self.dispatch = dispatch
        self._outlines = Outlines(dispatch)
        self._resources = Resources()
        self._forms: dict[Hashable, Form | None] = {}
        self._seen: set[int] = set()
        self._looked_up = self._pause = self._filled_before = 0
        self.filled = 0

    def make(self, span: SpanView) -> tuple[dict[str, Any] | None, str | None]:
        """Translate a span that has no log events.

        Args:
            span: the span's view.

        Returns:
            Its row, as `row.make` makes it, and the parent that the span names.
        """
        if span.status_code == "ERROR" or self.dispatch.users or not self._is_searched():
            return _whole_way(span, self.dispatch)
        events = NO_EVENTS if span.has_only_attributes else _kinds_of_events(span)
        if events is None:
            return _whole_way(span, self.dispatch)
        outline = self._outlines.of(span.attributes)
        try:
            resource = self._resources.number(span.resource)
            shape = (outline.shape_of(span.attributes), span.frame, resource, events)
            form = self._forms.get(shape)
        except TypeError:  # a list or an object as a value
            return _whole_way(span, self.dispatch)
        if form is None:
            row, parent = _whole_way(span, self.dispatch)
            if row is not None and shape not in self._forms:
                self._learn(span, outline, shape, row)
            return row, parent
        row = self._filled(span, form, outline)
        if row is None:
            return _whole_way(span, self.dispatch)
        self.filled += 1
        return row, form.parent

    def _is_searched(self) -> bool:
        if self._pause:
            self._pause -= 1
            return False
        self._looked_up += 1
        if self._looked_up >= WINDOW:
            if self.filled - self._filled_before < LEAST_HITS:
                self._pause = 8 * WINDOW
            self._looked_up, self._filled_before = 0, self.filled
        return True

    def _filled(self, span: SpanView, form: Form, outline: Outline) -> dict[str, Any] | None:
        blanks = form.blanks.get(outline)
        if blanks is None:  # the first span of this form with these keys: rules read it
            if len(form.blanks) >= MAX_BLANKS:
                form.blanks.clear()
            blanks = form.blanks[outline] = form.no_blanks(outline)
        elif blanks.is_provisional:
            row, _ = _whole_way(span, self.dispatch)
            self._find_blanks(span, form, outline, row)
            return row
        return form.fill(span, blanks)

    def _learn(
        self, span: SpanView, outline: Outline, shape: Hashable, row: dict[str, Any]
    ) -> None:
        """Make a form of a shape when it comes for the second time."""
        if not outline.may_recur(span.attributes):
            return
        mark = hash(shape)
        if mark not in self._seen:
            if len(self._seen) >= 16 * MAX_FORMS:
                self._seen.clear()
            self._seen.add(mark)
            return
        if len(self._forms) >= MAX_FORMS:
            self._forms.clear()
        self._forms[shape] = None
        try:
            form = new_form(span, outline, self.dispatch)
        except UnsettledError as found:
            self._outlines.settle(found.keys)
            self._forms.clear()
            return
        if form is not None and _is(row, form.fill(span, form.no_blanks(outline))):
            self._find_blanks(span, form, outline, row)
            self._forms[shape] = form

    def _find_blanks(
        self, span: SpanView, form: Form, outline: Outline, row: dict[str, Any] | None
    ) -> None:
        """Find who writes the attributes with some keys into a form, and see that it does."""
        plain = form.no_blanks(outline)
        drafts = form.drafts(outline)
        blanks = next((each for each in drafts if _is(row, form.fill(span, each))), None)
        if blanks is not None:
            blanks.otherwise = plain
        form.blanks[outline] = found = blanks or plain
        found.is_provisional = False


def _kinds_of_events(span: SpanView) -> frozenset[str] | None:
    """The names of a span's events; None if it has more than events and attributes."""
    if (
        span.links
        or span.trace_state
        or span.status_description
        or span.dropped_attributes
        or span.dropped_events
        or span.dropped_links
    ):
        return None
    return frozenset(event.name for event in span.events)


def _is(row: dict[str, Any] | None, filled: dict[str, Any] | None) -> bool:
    return filled is not None and strict(filled) == strict(row)


def _whole_way(span: SpanView, dispatch: Dispatch) -> tuple[dict[str, Any] | None, str | None]:
    reading, row = translation.make(span, (), dispatch)
    return row, reading.parent
