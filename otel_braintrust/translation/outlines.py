"""What spans with the same attribute keys have in common: which of their values vary."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from otel_braintrust.translation.conventions import Dispatch, Route

MAX_OUTLINES = 1024
# A longer text does not recur, or would fill the memory that forms may have.
MAX_SETTLED_CHARACTERS = 16_384

Values = Callable[[Mapping[str, Any]], tuple[Any, ...]]


def values_of(keys: Sequence[str]) -> Values:
    """What takes the values of some keys out of attributes, all at once and in order."""
    if len(keys) > 1:
        return itemgetter(*keys)
    if keys:
        (key,) = keys
        return lambda attributes: (attributes[key],)
    return lambda _attributes: ()


@dataclass(slots=True, eq=False)
class Outline:
    """The keys of a span.

    Attributes:
        kind: a number that outlines share whose settled keys and whose kinds of varying keys are
            the same, such as conversations of any length.
        settled_of: takes the values that decide how a span is read.
        varying: who reads each other attribute, and its key.
    """

    kind: int
    settled_of: Values
    varying: tuple[tuple[Route, str], ...]

    def shape_of(self, attributes: Mapping[str, Any]) -> Hashable:
        """What decides how a span with these keys is read, as far as its attributes do.

        Raises:
            TypeError: a value is a list or an object, and the shape cannot be looked up.
        """
        settled = self.settled_of(attributes)
        # 1, 1.0 and True are equal, and are not the same in a row.
        return self.kind, settled, tuple(map(type, settled))

    def may_recur(self, attributes: Mapping[str, Any]) -> bool:
        """Tell whether the settled values are such that other spans may have the same."""
        return all(map(_may_recur, self.settled_of(attributes)))


def _may_recur(value: Any) -> bool:
    if isinstance(value, tuple):  # of numbers the types would have to be told apart as well
        return all(isinstance(each, str) and len(each) <= MAX_SETTLED_CHARACTERS for each in value)
    return not isinstance(value, str) or len(value) <= MAX_SETTLED_CHARACTERS


class Outlines:
    """The outlines met so far.

    Args:
        dispatch: the compiled tables.
    """

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._settled: set[str] = set()  # keys without a rule whose values decide something
        self._by_keys: dict[tuple[str, ...], Outline] = {}
        self._kinds: dict[Hashable, int] = {}
        self._numbers = itertools.count()

    def of(self, attributes: Mapping[str, Any]) -> Outline:
        """The outline of a span with these attributes."""
        keys = tuple(attributes)
        return self._by_keys.get(keys) or self._new(keys)

    def settle(self, keys: frozenset[str]) -> None:
        """Take keys for settled from now on; all outlines are made anew.

        Args:
            keys: keys that no rule reads, and whose values decide something all the same.
        """
        self._settled |= keys
        self._by_keys.clear()

    def _new(self, keys: tuple[str, ...]) -> Outline:
        settled: list[str] = []
        varying: list[tuple[Route, str]] = []
        marks: dict[Any, None] = {}
        for key in keys:
            route = self._dispatch.route(key)
            if route.varies and key not in self._settled:
                varying.append((route, key))
                marks[route.mark] = None
            else:
                settled.append(key)
        if len(self._by_keys) >= MAX_OUTLINES:
            self._by_keys.clear()
        outline = Outline(self._kind((*settled, None, *marks)), values_of(settled), tuple(varying))
        self._by_keys[keys] = outline
        return outline

    def _kind(self, keys: Hashable) -> int:
        kind = self._kinds.get(keys)
        if kind is None:
            if len(self._kinds) >= MAX_OUTLINES:
                self._kinds.clear()
            kind = self._kinds[keys] = next(self._numbers)
        return kind
