"""Which resources say the same: a process has one, and an object of it for each provider."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

MAX_RESOURCES = 256


class Resources:
    """Numbers resources, the same for those that say the same."""

    def __init__(self) -> None:
        # Each is held, so that no other object gets its id.
        self._by_id: dict[int, tuple[Mapping[str, Any], int]] = {}
        self._numbers: dict[str, int] = {}
        self._unused = itertools.count()

    def number(self, resource: Mapping[str, Any]) -> int:
        """The number of a resource.

        Args:
            resource: its attributes, which do not change.
        """
        known = self._by_id.get(id(resource))
        return known[1] if known is not None else self._new(resource)

    def _new(self, resource: Mapping[str, Any]) -> int:
        if len(self._by_id) >= MAX_RESOURCES:
            self._by_id.clear()
        if len(self._numbers) >= MAX_RESOURCES:
            self._numbers.clear()
        # As text, which tells 1 from True, and is hashable whatever the values are.
        told = repr(list(resource.items()))
        number = self._numbers.get(told)
        if number is None:
            number = self._numbers[told] = next(self._unused)
        self._by_id[id(resource)] = (resource, number)
        return number
