"""Rows that wait on disk, in their order, for this or a later process to send."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from otel_braintrust.delivery.spool_file import FILE_NAME, SpoolError, SpoolFile

__all__ = ["FILE_NAME", "Spool", "SpoolError", "SpooledRow", "identity_of"]

COLUMNS = "number, writer, destination, row"


@dataclass(frozen=True)
class SpooledRow:
    """A row on disk: its number there, who wrote it, where it goes, and its JSON."""

    number: int
    writer: str
    destination: str
    row: bytes


class Spool(SpoolFile):
    """A queue of rows on disk, in the order in which they were written.

    Args:
        directory: Where the file is; made, for the owner only, if it is not there.
        identity: Whose rows these are: only a process with the same one sends them; see
            :func:`identity_of`. None: everyone's, for a replay by hand.
        max_bytes: Most bytes in the file; rows beyond it are refused.
        max_age_s: Longest time that a row is kept, in seconds.
        clock: Unix time in seconds.

    Raises:
        SpoolError: The directory or the file cannot be used.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        identity: str | None,
        max_bytes: int,
        max_age_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(directory, max_bytes=max_bytes, clock=clock)
        self.identity = identity
        self.max_age_s = max_age_s

    def add(self, rows: Sequence[tuple[str, bytes]], *, owned: bool = False) -> list[int | None]:
        """Write rows.

        Args:
            rows: Where each goes, and its JSON.
            owned: Keep them for this process, which sends them itself.

        Returns:
            The number of each row on disk; None for a row that no room was left for.
        """
        owner = self.token if owned else None
        written_at = self._clock()
        numbers: list[int | None] = []
        with self.writing() as connection:
            room_bytes = self.room_bytes(connection)
            for destination, row in rows:
                room_bytes -= len(row)
                if room_bytes < 0:
                    numbers.append(None)
                    continue
                values = (self.identity or "", self.token, owner, written_at, destination, row)
                cursor = connection.execute(
                    "INSERT INTO rows (identity, writer, owner, written_at, destination, row)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    values,
                )
                numbers.append(cursor.lastrowid)
        return numbers

    def claim(self, *, max_rows: int, max_bytes: int) -> list[SpooledRow]:
        """Take the oldest rows that nobody else sends.

        Args:
            max_rows: Most rows.
            max_bytes: Most bytes of them together, beyond the first.
        """
        with self.writing() as connection:
            self.free_what_the_dead_own(connection)
            found: list[SpooledRow] = []
            size_bytes = 0
            for values in connection.execute(
                f"SELECT {COLUMNS} FROM rows WHERE {self._whose} AND owner IS NULL"  # noqa: S608
                " ORDER BY number LIMIT ?",
                (*self._who, max_rows),
            ):
                row = SpooledRow(*values)
                size_bytes += len(row.row)
                if found and size_bytes > max_bytes:
                    break
                found.append(row)
            connection.executemany(
                "UPDATE rows SET owner = ? WHERE number = ?",
                [(self.token, row.number) for row in found],
            )
            return found

    def remove(self, numbers: Sequence[int]) -> None:
        """Forget rows that are settled."""
        with self.writing() as connection:
            connection.executemany("DELETE FROM rows WHERE number = ?", [(n,) for n in numbers])
            connection.execute("PRAGMA incremental_vacuum(64)").fetchall()

    def release(self, numbers: Sequence[int]) -> None:
        """Let others send these rows."""
        with self.writing() as connection:
            connection.executemany(
                "UPDATE rows SET owner = NULL WHERE number = ? AND owner = ?",
                [(number, self.token) for number in numbers],
            )

    def remove_expired(self) -> tuple[int, int]:
        """Forget rows that are too old; how many were written by this process, and by others."""
        before = self._clock() - self.max_age_s
        with self.writing() as connection:
            expired = connection.execute(
                f"SELECT number, writer FROM rows WHERE {self._whose} AND written_at < ?",  # noqa: S608
                (*self._who, before),
            ).fetchall()
            connection.executemany("DELETE FROM rows WHERE number = ?", [(n,) for n, _ in expired])
        own = sum(1 for _, writer in expired if writer == self.token)
        return own, len(expired) - own

    def count(self) -> int:
        """How many rows wait, in whosever hands they are."""
        with self.reading() as connection:
            found = connection.execute(
                f"SELECT COUNT(*) FROM rows WHERE {self._whose}",  # noqa: S608
                self._who,
            ).fetchone()
            return int(found[0])

    def has_backlog(self) -> bool:
        """Tell whether a row of this process waits that is in nobody's hands."""
        with self.reading() as connection:
            query = "SELECT 1 FROM rows WHERE writer = ? AND owner IS NULL LIMIT 1"
            return connection.execute(query, (self.token,)).fetchone() is not None

    @property
    def _whose(self) -> str:
        return "identity = ?" if self.identity is not None else "1 = 1"

    @property
    def _who(self) -> tuple[str, ...]:
        return (self.identity,) if self.identity is not None else ()


def identity_of(api_key: str, org_name: str | None) -> str:
    """Whose rows: a digest of the key and the organization, from which neither can be told."""
    text = f"{org_name or ''}\0{api_key}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:24]
