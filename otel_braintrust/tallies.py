"""The columns of an account in words, as the ledger's line in the log has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def in_words(
    first: Sequence[str], columns: Mapping[str, int], losses: Mapping[str, int], lost: str
) -> str:
    """What stands in some columns, on one line.

    Args:
        first: What is always said.
        columns: Counts by the column's name; those of nothing are left out.
        losses: Counts by reason.
        lost: The word for losses.

    Example::

        in_words(["3 sent"], {"pending": 1}, {"auth": 2}, "dropped")
        # 3 sent, 1 pending, 2 dropped (auth 2)
    """
    parts = [*first, *(f"{count} {column}" for column, count in columns.items() if count)]
    if losses:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(losses.items()))
        parts.append(f"{sum(losses.values())} {lost} ({reasons})")
    return ", ".join(parts)
