"""Captured rows, found by the name of their span, and shown as a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, overload

Row = dict[str, Any]


class CapturedRows(Sequence[Row]):
    """The rows of the spans that ended so far, in the order in which they started.

    Whoever looks at them gets all that was logged until then, feedback and updates included.

    Args:
        read: Has everything delivered, and hands out the rows.
        files: The attachments that were uploaded, by key.

    Example::

        rows["answer"]["output"]     # the one span of this name
        rows.named("search")         # all of a name
        print(rows.tree())
    """

    def __init__(
        self, read: Callable[[], Sequence[Row]], files: Mapping[str, bytes] | None = None
    ) -> None:
        self._read = read
        self.files = files if files is not None else {}

    @overload
    def __getitem__(self, key: int | str) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Row]: ...
    def __getitem__(self, key: int | str | slice) -> Row | Sequence[Row]:
        """The row of the one span of a name, or by its place.

        Raises:
            KeyError: There is no span of the name, or more than one; says which there are.
        """
        if not isinstance(key, str):
            return self._sorted()[key]
        found = self.named(key)
        if len(found) == 1:
            return found[0]
        number = "no" if not found else str(len(found))
        raise KeyError(f"there is {number} span named {key!r}, but: {self.tree() or 'none'}")

    def __len__(self) -> int:
        return len(self._read())

    def __iter__(self) -> Iterator[Row]:
        return iter(self._sorted())

    def __contains__(self, key: object) -> bool:
        """Tell whether there is a span of this name, or this very row."""
        if isinstance(key, str):
            return bool(self.named(key))
        return key in self._sorted()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}\n{self.tree()}>"

    @property
    def names(self) -> list[str]:
        """The names of the spans."""
        return [_name(row) for row in self]

    def named(self, name: str) -> list[Row]:
        """The rows of all spans of a name."""
        return [row for row in self if _name(row) == name]

    def children(self, of: str | Mapping[str, Any]) -> list[Row]:
        """The rows beneath a span.

        Args:
            of: The span's name, or its row.
        """
        span_id = (self[of] if isinstance(of, str) else of)["span_id"]
        return [row for row in self if span_id in (row.get("span_parents") or ())]

    def tree(self) -> str:
        """The names of the spans, one a line, each indented beneath its parent."""
        rows = self._sorted()
        known = {row["span_id"] for row in rows}
        beneath: dict[str | None, list[Row]] = {}
        for row in rows:
            parents = [each for each in row.get("span_parents") or () if each in known]
            beneath.setdefault(parents[0] if parents else None, []).append(row)
        lines: list[str] = []
        waiting = [(row, 0) for row in reversed(beneath.get(None, []))]
        while waiting:
            row, depth = waiting.pop()
            kind = (row.get("span_attributes") or {}).get("type")
            lines.append("  " * depth + _name(row) + (f" ({kind})" if kind else ""))
            below = beneath.get(row["span_id"], [])
            waiting += [(each, depth + 1) for each in reversed(below)]
        return "\n".join(lines)

    def _sorted(self) -> list[Row]:
        return sorted(self._read(), key=_start)


def _name(row: Mapping[str, Any]) -> str:
    name: str = (row.get("span_attributes") or {}).get("name") or row["id"]
    return name


def _start(row: Mapping[str, Any]) -> float:
    start = (row.get("metrics") or {}).get("start")
    return start if isinstance(start, (int, float)) else float("inf")
