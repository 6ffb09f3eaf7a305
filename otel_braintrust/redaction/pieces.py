"""Secrets that were taken apart: a key that became keys within keys, a stream kept as a list."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from itertools import accumulate, islice
from typing import Any

from otel_braintrust.redaction.detectors import Detectors
from otel_braintrust.redaction.texts import merged, spans

# How far a secret with dots in it is looked for where its parts have become keys.
CHAIN_DEPTH = 4
MAX_CHAINS = 16


def marker_of_chain(key: Any, inner: Any, detectors: Detectors) -> str | None:
    """The marker of a secret whose parts became keys, as `a.b` becomes `{a: {b: ...}}`.

    Args:
        key: The outermost key.
        inner: What stands under it.
        detectors: What to look for.
    """
    if not detectors or not isinstance(key, str) or not isinstance(inner, Mapping):
        return None
    for chain in islice(_chains(key, inner, CHAIN_DEPTH), MAX_CHAINS):
        for start, end, detector in spans(chain, detectors, Detectors()):
            if start < len(key) < end:
                return detector.marker
    return None


def _chains(key: str, inner: Mapping[str, Any], depth: int) -> Iterator[str]:
    """The names of what lies beneath a key, with dots in between."""
    for name in inner:
        beneath = inner[name]
        if depth > 1 and isinstance(beneath, Mapping) and beneath:
            yield from _chains(f"{key}.{name}", beneath, depth - 1)
        else:
            yield f"{key}.{name}"


def joined_up(pieces: list[str], detectors: Detectors) -> list[str]:
    """Pieces of a stream, masked each by itself, without secrets that several of them make up."""
    starts = [0, *accumulate(map(len, pieces))]
    result = list(pieces)
    # From the last to the first, so that the places before stay where they are.
    for start, end, detector in merged(spans("".join(pieces), detectors, Detectors()))[::-1]:
        first, last = bisect_right(starts, start) - 1, bisect_left(starts, end) - 1
        for index in range(first, last + 1):
            text, offset = result[index], starts[index]
            marker = detector.marker if index == first else ""
            result[index] = text[: max(0, start - offset)] + marker + text[max(0, end - offset) :]
    return result
