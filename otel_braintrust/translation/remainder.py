"""What a payload says beyond the row: its leaves that stand nowhere in the row, in their places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otel_braintrust.translation.decoding import decode, starts_like_json

_NOTHING = object()
MAX_DEPTH = 64


class Said:
    """The texts and the named numbers that a row holds."""

    def __init__(self, *values: Any) -> None:
        self.texts: set[str] = set()
        self.numbers: set[tuple[str, Any]] = set()
        self.counts: set[Any] = set()
        for value in values:
            self.add(value)

    def add(self, value: Any, name: str = "") -> None:
        """Take note of everything in a value of the row."""
        for key, leaf in _leaves(value, name):
            if isinstance(leaf, str):
                self.texts.add(leaf)
                if starts_like_json(leaf):
                    inner = decode(leaf)
                    if not isinstance(inner, str):
                        self.add(inner)
            elif leaf is not None:
                self.numbers.add((key, leaf))
                if "tokens" in key:
                    self.counts.add(leaf)


def _leaves(value: Any, name: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, str(key), depth + 1)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner, name, depth + 1)
    else:
        yield name, value


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
    if isinstance(value, str):
        if value in said.texts:
            return _NOTHING
        if starts_like_json(value):
            parsed = decode(value)
            if not isinstance(parsed, str):
                return _unsaid(parsed, name, said, depth + 1)
        return value
    if isinstance(value, Mapping):
        kept = {key: _unsaid(inner, str(key), said, depth + 1) for key, inner in value.items()}
        kept = {key: inner for key, inner in kept.items() if inner is not _NOTHING}
        return kept or _NOTHING
    if isinstance(value, (list, tuple)):
        items = [_unsaid(inner, name, said, depth + 1) for inner in value]
        return [inner for inner in items if inner is not _NOTHING] or _NOTHING
    is_count = "token" in name.lower() or "count" in name.lower()
    if (name, value) in said.numbers or (is_count and (value in said.counts or value == 0)):
        return _NOTHING
    return _NOTHING if name == "index" else value
