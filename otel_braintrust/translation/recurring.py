"""Spans of one shape: what they have in common is worked out once, the rest is filled in.

An application makes the same few kinds of span over and over: the same keys, model and parameters,
with other texts, counts and ids. A *shape* is all of a span that decides how it is read: its scope,
name and resource, the keys of its attributes, and the values of those whose rule is not `varying`.
A `Form` holds what every span of a shape has in its row. Only the varying attributes are then read.

What a form gives is what the whole way gives (`row.make`): a form is kept only if it did so for the
span that it was made of, and hands a span back when something shows that its shape does not cover.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from otel_braintrust.translation import row as translation
from otel_braintrust.translation.blanks import Blanks
from otel_braintrust.translation.conventions import DISPATCH, Dispatch
from otel_braintrust.translation.conversations import Conversations
from otel_braintrust.translation.forming import UnsettledError, new_form
from otel_braintrust.translation.forms import Form
from otel_braintrust.translation.outlines import Outline, Outlines
from otel_braintrust.translation.resources import Resources
from otel_braintrust.translation.span import LogEvent, SpanView
from otel_braintrust.translation.strict import strict

MAX_FORMS = 256
# Conversations of one form have as many outlines as there are lengths of them.
MAX_BLANKS = 256
# Of so many spans in a row at least one in eight must find its form, else the search is given up
# for a while: it costs, and some applications never make the same kind of span twice.
WINDOW = 512
LEAST_HITS = WINDOW // 8
NO_EVENTS: frozenset[str] = frozenset()

# A row, None for a placeholder that is no span of its own, and the parent that its span names.
Made = tuple[dict[str, Any] | None, str | None]
NOTHING: Made = None, None


class Recurring:
    """Translates spans by the forms of their shapes; for one thread at a time.

    Spans of one shape also have events of the same names, any number of each, and the same of their
    attributes that steps look for.

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
        self._conversations = Conversations()
        self._forms: dict[Hashable, Form | None] = {}
        self._seen: set[int] = set()
        self._looked_up = self._pause = self._filled_before = 0
        self.filled = 0

    def make(self, span: SpanView) -> Made:
        """Translate a span that has no log events; see :meth:`make_all`."""
        return self.make_all([span])[0]

    def make_all(self, spans: Sequence[SpanView]) -> list[Made]:
        """Translate spans that have no log events; those of one form are filled in together.

        Args:
            spans: the spans' views.

        Returns:
            For each its row, as `row.make` makes it, and the parent that the span names. Never
            raises.
        """
        if self.dispatch.users or not self._is_searched(len(spans)):
            return [whole_way(span, self.dispatch) for span in spans]
        made: list[Made] = [NOTHING] * len(spans)
        alike: dict[Blanks, tuple[Form, list[int]]] = {}
        for place, span in enumerate(spans):
            outline, shape, form = self._find(span)
            blanks = form.blanks.get(outline) if form is not None else None
            if form is None or blanks is None or blanks.is_provisional:
                made[place] = self._first(span, outline, shape, form)
            elif not blanks.is_whole:
                made[place] = self._alone(form, blanks, span)
            elif blanks in alike:
                alike[blanks][1].append(place)
            else:
                alike[blanks] = form, [place]
        for blanks, (form, places) in alike.items():
            some = [spans[place] for place in places]
            for place, each in zip(places, self._filled(form, blanks, some), strict=True):
                made[place] = each
        return made

    def _is_searched(self, count: int) -> bool:
        if self._pause > 0:
            self._pause -= count
            return False
        self._looked_up += count
        if self._looked_up >= WINDOW:
            if self.filled - self._filled_before < LEAST_HITS:
                self._pause = 8 * WINDOW
            self._looked_up, self._filled_before = 0, self.filled
        return True

    def _find(self, span: SpanView) -> tuple[Outline, Hashable, Form | None]:
        """The outline of a span, its shape (None: it has none), and the form of that."""
        outline = self._outlines.of(span.attributes)
        events = NO_EVENTS if span.has_only_attributes else self._kinds_of_events(span)
        if events is None or span.status_code == "ERROR":
            return outline, None, None
        number = self._resources.number(span.resource)
        try:
            shape = outline.shape_of(span.attributes), span.frame, number, events
            return outline, shape, self._forms.get(shape)
        except TypeError:  # a list or an object as a value
            return outline, None, None

    def _kinds_of_events(self, span: SpanView) -> frozenset[str] | None:
        """The names of a span's events, and which of their attributes steps look for.

        None if the span has more than events and attributes.
        """
        if (
            span.links
            or span.trace_state
            or span.status_description
            or span.dropped_attributes
            or span.dropped_events
            or span.dropped_links
        ):
            return None
        kinds = {event.name for event in span.events}
        for event in span.events:
            kinds.update(filter(self.dispatch.cued.__contains__, event.attributes))
        return frozenset(kinds)

    def _first(self, span: SpanView, outline: Outline, shape: Hashable, form: Form | None) -> Made:
        """Translate a span that is the first of its kind, or the second, and learn from it."""
        if form is not None and outline not in form.blanks:  # the first with these keys
            if len(form.blanks) >= MAX_BLANKS:
                form.blanks.clear()
            blanks = form.blanks[outline] = form.no_blanks(outline)
            return self._alone(form, blanks, span)
        row, parent = whole_way(span, self.dispatch)
        if form is not None:
            self._find_blanks(span, form, outline, row)
        elif row is not None and shape is not None and shape not in self._forms:
            self._learn(span, outline, shape, row)
        return row, parent

    def _filled(self, form: Form, blanks: Blanks, spans: Sequence[SpanView]) -> list[Made]:
        """Fill in spans of a form that have the same keys; one that does not fit goes alone."""
        rows = _rows(form, blanks, spans)
        if rows is None:
            return [self._alone(form, blanks, span) for span in spans]
        self.filled += len(rows)
        return [(row, form.parent) for row in rows]

    def _alone(self, form: Form, blanks: Blanks, span: SpanView) -> Made:
        """Fill in one span of a form; if it does not fit it goes the whole way."""
        rows = _rows(form, blanks, [span])
        if rows is None and blanks.otherwise is not None:
            rows = _rows(form, blanks.otherwise, [span])
        if rows is None:
            return whole_way(span, self.dispatch)
        self.filled += 1
        return rows[0], form.parent

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
            form = new_form(span, outline, self.dispatch, self._conversations)
        except UnsettledError as found:
            self._outlines.settle(found.keys)
            self._forms.clear()
            return
        if form is not None and _fits(form, form.no_blanks(outline), span, row):
            self._find_blanks(span, form, outline, row)
            self._forms[shape] = form

    def _find_blanks(
        self, span: SpanView, form: Form, outline: Outline, row: dict[str, Any] | None
    ) -> None:
        """Find who writes the attributes with some keys into a form, and see that it does."""
        plain = form.no_blanks(outline)
        drafts = form.drafts(outline)
        blanks = next((each for each in drafts if _fits(form, each, span, row)), None)
        if blanks is not None:
            blanks.otherwise = plain
        form.blanks[outline] = found = blanks or plain
        found.is_provisional = False


def _rows(form: Form, blanks: Blanks, spans: Sequence[SpanView]) -> list[dict[str, Any]] | None:
    """The rows of spans of a form; None if one of them shows more than its shape tells."""
    try:
        return form.fill(spans, blanks)
    except Exception:  # noqa: BLE001 - the whole way tells what failed, and keeps the rest
        return None


def _fits(form: Form, blanks: Blanks, span: SpanView, row: dict[str, Any] | None) -> bool:
    """Tell whether a span's row comes out of a form as it came the whole way."""
    rows = _rows(form, blanks, [span])
    return rows is not None and strict(rows[0]) == strict(row)


def whole_way(
    span: SpanView,
    dispatch: Dispatch,
    log_events: Sequence[LogEvent] = (),
    run: translation.Run | None = None,
) -> Made:
    """Translate a span by itself; at worst its row holds what it held.

    Args:
        span: the span's view.
        dispatch: the compiled tables.
        log_events: log records of the span that carry its content.
        run: what runs the rules; None: they are called.
    """
    try:
        reading, row = translation.make(span, log_events, dispatch, run)
    except Exception as problem:  # noqa: BLE001 - one span's content must not harm the others
        return translation.bare(span, problem), _own_parent(span)
    return row, reading.parent


def _own_parent(span: SpanView) -> str | None:
    value = span.attributes.get("braintrust.parent")
    return value if isinstance(value, str) and value.strip() else None
