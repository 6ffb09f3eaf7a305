"""The processes that share a spool: which of them live, and so keep what they have in hand."""

from __future__ import annotations

import os
import socket
import sqlite3
import sys

# A process that says nothing for so long has lost its rows to the others; one that ended on this
# machine is found out at once.
LEASE_S = 150.0

# The tokens of this process: a row that any of them owns is in hands that live.
living_tokens: set[str] = set()


def tell_life(connection: sqlite3.Connection, token: str, now: float) -> None:
    """Write down that an owner lives.

    Args:
        connection: A transaction in the spool.
        token: By what the owner is known there.
        now: Unix time in seconds.
    """
    connection.execute(
        "INSERT OR REPLACE INTO owners (token, host, pid, until) VALUES (?, ?, ?, ?)",
        (token, socket.gethostname(), os.getpid(), now + LEASE_S),
    )


def forget_the_dead(connection: sqlite3.Connection, token: str, now: float) -> None:
    """Strike out owners that have ended, or have said nothing for too long.

    Args:
        connection: A transaction in the spool.
        token: Who asks, and so lives.
        now: Unix time in seconds.
    """
    known = connection.execute("SELECT token, host, pid, until FROM owners").fetchall()
    for each, host, pid, until in known:
        if each != token and (until < now or not _is_alive(each, host, pid)):
            connection.execute("DELETE FROM owners WHERE token = ?", (each,))


def _is_alive(token: str, host: str, pid: int) -> bool:
    """Tell whether an owner lives, as far as this machine can; its lease tells the rest."""
    if host != socket.gethostname() or sys.platform == "win32":
        return True
    if pid == os.getpid():
        return token in living_tokens  # else it is one before us that had the same number
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
