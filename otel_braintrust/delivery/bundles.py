"""Rows encoded together, as the body of the request that will carry them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

BODY_START = b'{"rows":['
BODY_END = b'],"api_version":2}'
# The end of each row of a bundle. orjson itself writes no line break: it escapes those in texts.
END_OF_ROW = b"\n}"


def marked(container: Mapping[str, str]) -> dict[str, Any]:
    """The keys of a container, to be the last ones of a row in a bundle.

    Args:
        container: What places a row, with one key at least.
    """
    *others, (name, value) = container.items()
    return {**dict(others), name: orjson.Fragment(orjson.dumps(value) + b"\n")}


def remove_container(row: dict[str, Any], container: bytes) -> None:
    """Take the keys of a container out of a row again.

    Args:
        row: The row.
        container: The container's keys as JSON members with a comma.
    """
    for key in orjson.loads(b"{" + container[:-1] + b"}"):
        row.pop(key, None)


class Bundle:
    """Rows with their containers, encoded at once; single rows are cut out when asked for.

    Beginning a text, growing it and copying it into a body costs several times as much as writing
    it, so rows that go out together are written together.

    Args:
        rows: The rows; each ends with the keys of a container that :func:`marked` gave.

    Raises:
        TypeError: A row holds what orjson does not write.
    """

    __slots__ = ("_pieces", "body", "size", "size_bytes")

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        body = orjson.dumps({"rows": rows, "api_version": 2})
        # None once rows were cut out: they are sent in other company, or not at all.
        self.body: bytes | None = body
        self.size = len(rows)
        self.size_bytes = len(body)
        self._pieces: list[bytes] = []

    def row(self, number: int, container: bytes) -> bytes:
        """One row without its container; two threads may ask at once.

        Args:
            number: Which, from 0.
            container: The container's keys as JSON members with a comma.
        """
        body = self.body
        if body is not None:
            rows = body[len(BODY_START) : -len(BODY_END) - len(END_OF_ROW)]
            self._pieces = rows.split(END_OF_ROW + b",")
            self.body = None
        return self._pieces[number][: -len(container)] + b"}"
