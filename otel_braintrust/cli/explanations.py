"""Explanations as tables: coloured on a terminal, plain text of 100 columns elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD, Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from otel_braintrust.translation.explanation import (
    DROPPED,
    GAVE,
    KEPT,
    LOST,
    MERGED,
    Explanation,
    Fate,
    Origin,
)

WIDTH = 100
# A line of dashes below the names of the columns, and nothing else: for files and pipes.
PLAIN = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
# Sources of one field that are named; flattened messages come from dozens.
MAX_SOURCES = 4

_STYLES = {GAVE: "green", MERGED: "green", LOST: "yellow", KEPT: "", DROPPED: "red"}


def print_explanations(explanations: Sequence[Explanation]) -> None:
    """Print explanations on stdout, one span after the other.

    Args:
        explanations: those of the spans, in the order in which they are shown.
    """
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")  # names may have letters that the terminal has not
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console = Console(file=sys.stdout, width=WIDTH, no_color=True, highlight=False)
    for explanation in explanations:
        _print(console, explanation)


def _print(console: Console, explanation: Explanation) -> None:
    title = Text(explanation.name or "(no name)", style="bold")
    title.append(f"  span {explanation.span_id} of trace {explanation.trace_id}", style="dim")
    console.print(title)
    for note in explanation.notes:
        console.print(Text(f"  {note}", style="yellow"))
    if explanation.fields:
        rows = (_origin(origin) for origin in explanation.fields)
        console.print(_table(console, ("field", "given by", "convention"), rows))
    told = [*explanation.attributes, *explanation.events]
    if told:
        rows = (_fate(fate) for fate in told)
        console.print(_table(console, ("attribute", "what became of it", "convention"), rows))
    console.print()


def _table(console: Console, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    table = Table(
        box=SIMPLE_HEAD if console.is_terminal else PLAIN,
        header_style="bold",
        pad_edge=False,
        width=min(console.width, WIDTH),
    )
    for name, ratio in zip(names, (5, 6, 2), strict=True):
        table.add_column(name, ratio=ratio, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _origin(origin: Origin) -> tuple[Text, Text, Text]:
    named = origin.sources[:MAX_SOURCES]
    more = len(origin.sources) - len(named)
    source = ", ".join(named) + (f" and {more} more" if more else "")
    if origin.note:
        source = f"{source} ({origin.note})"
    return Text(origin.field), Text(source), Text(", ".join(origin.conventions), style="dim")


def _fate(fate: Fate) -> tuple[Text, Text, Text]:
    name = Text(fate.name)
    if fate.kind != "attribute":
        name = Text(f"{fate.kind} {fate.name}")
    return name, Text(_sentence(fate), style=_STYLES[fate.fate]), Text(fate.convention, style="dim")


def _sentence(fate: Fate) -> str:
    """Say what became of an attribute in a few words."""
    fields = ", ".join(fate.fields)
    under_its_name = not fate.kept_as.startswith("metadata.attributes")
    place = "the metadata" if under_its_name else "metadata.attributes"
    if fate.fate == GAVE:
        return f"gave {fields}" + (f"; kept in {place}" if fate.kept_as else "")
    if fate.fate == MERGED:
        return f"merged into {fields}" + (f"; kept in {place}" if fate.kept_as else "")
    if fate.fate == LOST:
        return f"lost {fields} to {fate.to}; kept in {place}"
    if fate.fate == KEPT:
        return "kept in metadata.events" if fate.kind != "attribute" else f"kept in {place}"
    return f"dropped: {fate.because}"
