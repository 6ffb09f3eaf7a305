"""The rows of one trace as a tree on the terminal, with times, tokens and cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]

TYPE_STYLES = {"llm": "cyan", "tool": "yellow", "function": "magenta", "task": "green"}
MIN_COLUMNS = 100
MAX_ERROR_CHARACTERS = 60


def print_trace(rows: Sequence[Row], console: Console) -> None:
    """Print the rows of a trace as a tree.

    Args:
        rows: the rows as the API hands them out, in any order.
        console: where to.
    """
    # Only the last column gives way where the terminal is narrow.
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0), expand=True)
    table.add_column("span", no_wrap=True)
    table.add_column("type", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("tokens in+out", justify="right", no_wrap=True)
    table.add_column("cost", justify="right", no_wrap=True)
    table.add_column("what it was about", overflow="ellipsis", no_wrap=True, ratio=1)
    for prefix, row in tree_lines(rows):
        table.add_row(*_cells(prefix, row))
    table.add_section()
    table.add_row("", "", "", _token_total(rows), _cost_total(rows), "", style="bold")
    console.print(table)


def tree_lines(rows: Sequence[Row]) -> Iterator[tuple[str, Row]]:
    """Yield each row with the lines that show where it hangs, parents first, siblings by start.

    Args:
        rows: the rows of one trace; one whose parent is not among them stands at the top.
    """
    ids = {row["span_id"] for row in rows}
    children: dict[str | None, list[Row]] = {}
    for row in sorted(rows, key=_start):
        parents = [parent for parent in row.get("span_parents") or [] if parent in ids]
        children.setdefault(parents[0] if parents else None, []).append(row)

    def lines(parent: str | None, indent: str) -> Iterator[tuple[str, Row]]:
        found = children.get(parent, [])
        for row in found:
            last = row is found[-1]
            if parent is None:
                yield "", row
                yield from lines(row["span_id"], "")
            else:
                yield indent + ("└─ " if last else "├─ "), row
                yield from lines(row["span_id"], indent + ("   " if last else "│  "))

    yield from lines(None, "")


def wide_console() -> Console:
    """Make a console that does not fold the tree where the output is no terminal."""
    console = Console(highlight=False)
    return console if console.width >= MIN_COLUMNS else Console(width=MIN_COLUMNS, highlight=False)


def _cells(prefix: str, row: Row) -> list[Text]:
    attributes = row.get("span_attributes") or {}
    metrics = row.get("metrics") or {}
    kind = str(attributes.get("type") or "")
    failed = row.get("error") is not None
    name = Text(prefix, style="dim").append(
        str(attributes.get("name") or row["span_id"]), style="bold red" if failed else "bold"
    )
    return [
        name,
        Text(kind, style=TYPE_STYLES.get(kind, "")),
        Text(_duration(metrics)),
        Text(_tokens(metrics)),
        Text(_cost(metrics.get("estimated_cost"))),
        _about(row, failed),
    ]


def _about(row: Row, failed: bool) -> Text:
    if failed:
        first_line = next(iter(str(row["error"]).strip().splitlines()[-1:]), "")
        return Text(f"✗ {first_line}"[:MAX_ERROR_CHARACTERS], style="red")
    scores = {name: score for name, score in (row.get("scores") or {}).items() if score is not None}
    said = [f"{name} {score:.2f}" for name, score in scores.items()]
    model = (row.get("metadata") or {}).get("model")
    parts = [*([str(model)] if model else []), *said]
    comments = [str(each.get("comment", {}).get("text")) for each in row.get("comments") or []]
    return Text(" · ".join([*parts, *(f"“{text}”" for text in comments)]))


def _start(row: Row) -> float:
    return float((row.get("metrics") or {}).get("start") or 0.0)


def _duration(metrics: Mapping[str, Any]) -> str:
    start, end = metrics.get("start"), metrics.get("end")
    return f"{(end - start) * 1000:,.1f} ms" if start is not None and end is not None else ""


def _tokens(metrics: Mapping[str, Any]) -> str:
    if metrics.get("tokens") is None:
        return ""
    return f"{metrics.get('prompt_tokens') or 0:,} + {metrics.get('completion_tokens') or 0:,}"


def _cost(cost: float | None) -> str:
    return "" if cost is None else f"${cost:.6f}"


def _metrics(rows: Sequence[Row]) -> list[Mapping[str, Any]]:
    return [row.get("metrics") or {} for row in rows]


def _token_total(rows: Sequence[Row]) -> str:
    names = ("prompt_tokens", "completion_tokens")
    return _tokens(
        {"tokens": 0, **{name: sum(m.get(name) or 0 for m in _metrics(rows)) for name in names}}
    )


def _cost_total(rows: Sequence[Row]) -> str:
    return _cost(sum(metrics.get("estimated_cost") or 0.0 for metrics in _metrics(rows)))
