"""Transaction ids: one a request, growing, and shaped as Braintrust's.

The number is 64 bits wide: a constant, the Unix time in seconds and a counter (production gave out
`1000196487721888886` at 2026-01-14 21:01:53).
"""

from __future__ import annotations

import sqlite3

_MARK = 0x0DE1 << 48
_COUNTER_BITS = 16
_KEY = "last_xact_id"


def next_xact_id(connection: sqlite3.Connection, *, now_s: float) -> int:
    """Give out the next transaction id; it grows even if the clock is set back.

    Args:
        connection: inside a write transaction.
        now_s: Unix time in seconds.
    """
    wanted = _MARK | (int(now_s) << _COUNTER_BITS)
    xact_id = max(wanted, last_xact_id(connection) + 1)
    connection.execute(
        "INSERT INTO settings (key, value) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_KEY, xact_id),
    )
    return xact_id


def last_xact_id(connection: sqlite3.Connection) -> int:
    """The id of the newest transaction; 0 before the first."""
    found = connection.execute("SELECT value FROM settings WHERE key = ?", (_KEY,)).fetchone()
    return int(found[0]) if found else 0
