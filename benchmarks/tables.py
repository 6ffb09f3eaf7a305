"""Figures as tables of Markdown: ratios first, microseconds of one machine beside them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """One table of results.

    Attributes:
        title: Its heading.
        text: What is measured, and how.
        columns: The names of its columns.
        rows: Its cells.
    """

    title: str
    text: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The table with its heading."""
        lines = [f"## {self.title}", "", self.text, "", _line(self.columns)]
        lines.append(_line("---" for _ in self.columns))
        lines += map(_line, self.rows)
        return "\n".join(lines) + "\n"


def median(values: Iterable[float]) -> float:
    """The median of what several rounds found."""
    return statistics.median(values)


def ratio(value: float, to: float) -> str:
    """How many times as much, with three digits."""
    return f"{value / to:.3g}×" if to else "-"


def microseconds(value: float) -> str:
    """A figure of this machine."""
    return f"{value:.3g} µs"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
