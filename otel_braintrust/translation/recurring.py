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
from otel_braintrust.translation.forms import Form, UnsettledError, Varying, new_form
from otel_braintrust.translation.span import SpanView
from otel_braintrust.translation.strict import strict

MAX_FORMS = 256
# A longer text does not recur, or would fill the memory that forms may have.
MAX_SETTLED_CHARACTERS = 16_384
# Of so many spans in a row at least one in eight must find its form, else the search is given up
# for a while: it costs, and some applications never make the same kind of span twice.
WINDOW = 512
LEAST_HITS = WINDOW // 8


class Recurring:
    """Translates spans by the forms of their shapes; for one thread at a time.

    Args:
        dispatch: the compiled tables; with users' conventions, which may do anything, every span
            goes the whole way.

    Attributes:
        filled: how many rows were filled into a form.
    """

    def __init__(self, dispatch: Dispatch = DISPATCH) -> None:
        self.dispatch = dispatch
        self._forms: dict[Hashable, Form | None] = {}
        self._seen: set[int] = set()
        self._settled: set[str] = set()  # keys without a rule whose values decide something
        self._looked_up = self._pause = self._filled_before = 0
        self.filled = 0

    def make(self, span: SpanView) -> tuple[dict[str, Any] | None, str | None]:
        """Translate a span that has no log events.

        Args:
            span: the span's view.

        Returns:
            Its row, as `row.make` makes it, and the parent that the span names.
        """
        sketch = None if self.dispatch.users or not self._is_searched() else self._sketch(span)
        if sketch is None:
            return _whole_way(span, self.dispatch)
        shape, varying = sketch
        try:
            form = self._forms.get(shape)
        except TypeError:  # a list or an object as a value
            return _whole_way(span, self.dispatch)
        row = form.fill(span, varying) if form is not None else None
        if form is None or row is None:
            row, parent = _whole_way(span, self.dispatch)
            if form is None and shape not in self._forms:
                self._learn(span, shape, varying, row)
            return row, parent
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

    def _sketch(self, span: SpanView) -> tuple[Hashable, Varying] | None:
        """The shape of a span and what varies in it; None for a span that is read whole."""
        if span.status_code == "ERROR" or not span.has_only_attributes:
            return None
        routes, settled = self.dispatch.routes, self._settled
        shape: list[Any] = [
            span.name,
            span.scope_name,
            span.kind,
            span.status_code,
            span.parent_span_id is None,
            span.scope_version,
            id(span.scope_attributes),  # the same object where there are none
            id(span.resource),
        ]
        varying: Varying = []
        mark = None
        for key, value in span.attributes.items():
            route = routes.get(key) or self.dispatch.route(key)
            if route.varies and key not in settled:
                varying.append((route, key, value))
                if route.mark is not mark:
                    mark = route.mark
                    shape.append(mark)
                continue
            shape.append(key)
            kind = type(value)
            if kind is str:
                if len(value) > MAX_SETTLED_CHARACTERS:
                    return None
                shape.append(value)
            else:  # 1, 1.0 and True are equal, and are not the same in a row
                shape.append((kind, value))
                if kind is tuple:
                    shape.extend(map(type, value))
        return tuple(shape), varying

    def _learn(
        self, span: SpanView, shape: Hashable, varying: Varying, row: dict[str, Any] | None
    ) -> None:
        """Make a form of a shape when it comes for the second time."""
        mark = hash(shape)
        if mark not in self._seen:
            if len(self._seen) >= 16 * MAX_FORMS:
                self._seen.clear()
            self._seen.add(mark)
            return
        if len(self._forms) >= MAX_FORMS:
            self._forms.clear()
        self._forms[shape] = None
        if row is None:
            return
        try:
            form = new_form(span, varying, self.dispatch)
        except UnsettledError as found:
            self._settled |= found.keys
            self._forms.clear()
            return
        if form is not None and strict(form.fill(span, varying)) == strict(row):
            self._forms[shape] = form


def _whole_way(span: SpanView, dispatch: Dispatch) -> tuple[dict[str, Any] | None, str | None]:
    reading, row = translation.make(span, (), dispatch)
    return row, reading.parent
