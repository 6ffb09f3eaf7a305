"""What a payload says beyond the row: its leaves that stand nowhere in the row, in their places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

import orjson

from otel_braintrust.translation.decoding import decode, starts_like_json

_NOTHING = object()
MAX_DEPTH = 64
# What a text begins with that may be JSON's.
_MAY_BE_JSON = frozenset("{[ \t\r\n\v\f")
_NUMBERS = frozenset({bool, int, float})

# Members of a request that define tools; sets of them that a form remembers.
_TOOLS = frozenset({"functions", "tools"})
MAX_KNOWN = 4
MAX_KNOWN_BYTES = 65_536


class Said:
    """The texts and the named numbers that a row holds.

    Args:
        values: parts of the row.
        base: what other parts of it are known to hold, the same for many rows.
    """

    def __init__(self, *values: Any, base: Said | None = None) -> None:
        self.texts: set[str] = set(base.texts) if base else set()
        self.numbers: set[tuple[str, Any]] = set(base.numbers) if base else set()
        self.counts: set[Any] = set(base.counts) if base else set()
        self.base = base
        self._known: dict[tuple[str, bytes], bool] = {}
        for value in values:
            self.add(value)

    def add(self, value: Any, name: str = "", depth: int = 0) -> None:
        """Take note of everything in a value of the row.

        Args:
            value: the value.
            name: what the row calls it.
            depth: how deep in the row it is.
        """
        if isinstance(value, dict):
            named: Iterable[tuple[Any, Any]] = value.items()
        elif isinstance(value, (list, tuple)):
            named = zip(repeat(name), value)
        else:
            named = ((name, value),)
        if depth >= MAX_DEPTH:
            return
        # Payloads have thousands of leaves: none costs a call.
        texts, numbers = self.texts, self.numbers
        for key, inner in named:
            kind = type(inner)
            if kind is str:
                if inner not in texts:
                    texts.add(inner)
                    if inner[:1] in _MAY_BE_JSON:
                        self._open(inner)
            elif kind is dict or kind is list or isinstance(inner, (dict, list, tuple)):
                self.add(inner, str(key), depth + 1)
            elif inner is not None:
                told = str(key)
                numbers.add((told, inner))
                if "tokens" in told:
                    self.counts.add(inner)

    def _open(self, text: str) -> None:
        """Take note of what JSON in a text holds."""
        if starts_like_json(text):
            opened = decode(text)
            if type(opened) is not str:
                self.add(opened)

    def says_tools(self, key: str, tools: list[Any]) -> bool:
        """Tell whether this says all that a request says of its tools.

        An application sends the same with all requests, and they are most of what it sends.

        Args:
            key: the member of the request.
            tools: its value.
        """
        try:
            mark = key, orjson.dumps(tools, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
        except TypeError:  # not JSON's own types alone
            return False
        found = self._known.get(mark)
        if found is None:
            found = _unsaid_items(tools, key, self, 0) is _NOTHING
            if len(mark[1]) <= MAX_KNOWN_BYTES:
                if len(self._known) >= MAX_KNOWN:
                    self._known.clear()
                self._known[mark] = found
        return found


def unsaid(value: Any, said: Said) -> Any:
    """Return the part of a value that the row does not hold; None if it holds all.

    Args:
        value: a payload, parsed or as JSON text.
        said: what the row holds.
    """
    rest = _unsaid(decode(value), "", said, 0)
    return None if rest is _NOTHING else rest


def _unsaid(value: Any, name: str, said: Said, depth: int) -> Any:
    if value is None or value == "" or depth > MAX_DEPTH:
        return _NOTHING
    kind = type(value)
    if kind is str:
        if value in said.texts:
            return _NOTHING
        if value[:1] in _MAY_BE_JSON and starts_like_json(value):
            parsed = decode(value)
            if not isinstance(parsed, str):
                return _unsaid(parsed, name, said, depth + 1)
        return value
    if kind is dict or isinstance(value, dict):
        return _unsaid_members(value, said, depth)
    if kind is list or isinstance(value, (list, tuple)):
        return _unsaid_items(value, name, said, depth)
    return _NOTHING if _is_said(name, value, said) else value


def _unsaid_members(value: Mapping[str, Any], said: Said, depth: int) -> Any:
    if depth == MAX_DEPTH:
        return _NOTHING
    texts, numbers = said.texts, said.numbers
    kept = {}
    for key, inner in value.items():
        kind = type(inner)
        # Leaves, which are most of what a payload has, cost no call for each.
        if kind is str:
            if inner in texts or not inner:
                continue
            if inner[0] not in _MAY_BE_JSON:
                kept[key] = inner
                continue
            rest = _unsaid(inner, str(key), said, depth + 1)
        elif inner is None:
            continue
        elif kind in _NUMBERS:
            if (key, inner) not in numbers and not _is_said(str(key), inner, said):
                kept[key] = inner
            continue
        elif kind is dict:
            rest = _unsaid_members(inner, said, depth + 1) if inner else _NOTHING
        elif kind is list:
            if not inner:
                continue
            if key in _TOOLS and said.base is not None and said.base.says_tools(key, inner):
                continue
            rest = _unsaid_items(inner, str(key), said, depth + 1)
        else:
            rest = _unsaid(inner, str(key), said, depth + 1)
        if rest is not _NOTHING:
            kept[key] = rest
    return kept or _NOTHING


def _unsaid_items(value: Sequence[Any], name: str, said: Said, depth: int) -> Any:
    if depth == MAX_DEPTH:
        return _NOTHING
    if _NUMBERS.issuperset(map(type, value)):  # a vector has thousands of them
        return [inner for inner in value if not _is_said(name, inner, said)] or _NOTHING
    kept = []
    for inner in value:
        if type(inner) is dict:
            rest = _unsaid_members(inner, said, depth + 1)
        else:
            rest = _unsaid(inner, name, said, depth + 1)
        if rest is not _NOTHING:
            kept.append(rest)
    return kept or _NOTHING


def _is_said(name: str, value: Any, said: Said) -> bool:
    """Tell whether the row holds a number: under its name, or as a count of tokens under any."""
    if name == "index" or (name, value) in said.numbers:
        return True
    lowered = name.lower()
    is_count = "token" in lowered or "count" in lowered
    return is_count and (value in said.counts or value == 0)
