"""What a payload says beyond the row: its leaves that stand nowhere in the row, in their places."""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.decoding import decode, starts_like_json

_NOTHING = object()
MAX_DEPTH = 64
# What a text begins with that may be JSON's.
_MAY_BE_JSON = frozenset("{[ \t\r\n\v\f")


class Said:
    """The texts and the named numbers that a row holds.

    Args:
        values: parts of the row.
        base: what other parts of it are known to hold.
    """

    def __init__(self, *values: Any, base: Said | None = None) -> None:
        self.texts: set[str] = set(base.texts) if base else set()
        self.numbers: set[tuple[str, Any]] = set(base.numbers) if base else set()
        self.counts: set[Any] = set(base.counts) if base else set()
        for value in values:
            self.add(value)

    def add(self, value: Any, name: str = "", depth: int = 0) -> None:
        """Take note of everything in a value of the row."""
        if isinstance(value, dict):
            if depth < MAX_DEPTH:
                for key, inner in value.items():
                    self._add_inner(inner, key, depth)
        elif isinstance(value, (list, tuple)):
            if depth < MAX_DEPTH:
                for inner in value:
                    self._add_inner(inner, name, depth)
        else:
            self._add_inner(value, name, depth)

    def _add_inner(self, value: Any, name: str, depth: int) -> None:
        kind = type(value)
        if kind is str:
            if value not in self.texts:
                self.texts.add(value)
                if value[:1] in _MAY_BE_JSON and starts_like_json(value):
                    inner = decode(value)
                    if type(inner) is not str:
                        self.add(inner)
        elif kind is dict or kind is list or isinstance(value, (dict, list, tuple)):
            self.add(value, str(name), depth + 1)
        elif value is not None:
            name = str(name)
            self.numbers.add((name, value))
            if "tokens" in name:
                self.counts.add(value)


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
        if starts_like_json(value):
            parsed = decode(value)
            if not isinstance(parsed, str):
                return _unsaid(parsed, name, said, depth + 1)
        return value
    if kind is dict or isinstance(value, dict):
        kept = {}
        for key, inner in value.items():
            rest = _unsaid(inner, str(key), said, depth + 1)
            if rest is not _NOTHING:
                kept[key] = rest
        return kept or _NOTHING
    if kind is list or isinstance(value, (list, tuple)):
        items = [_unsaid(inner, name, said, depth + 1) for inner in value]
        return [inner for inner in items if inner is not _NOTHING] or _NOTHING
    lowered = name.lower()
    is_count = "token" in lowered or "count" in lowered
    if (name, value) in said.numbers or (is_count and (value in said.counts or value == 0)):
        return _NOTHING
    return _NOTHING if name == "index" else value
