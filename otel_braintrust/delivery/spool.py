"""Rows that wait on disk: one SQLite file that many processes share, for the owner's eyes only."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from otel_braintrust.delivery.silence import suppressed_instrumentation

FILE_NAME = "spool.sqlite3"
# A process that says nothing for so long has lost its rows to the others; one that ended on this
# machine is found out at once.
LEASE_S = 150.0
BEAT_EVERY_S = 15.0
BUSY_TIMEOUT_S = 2.0
SCHEMA = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS owners (
    token TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, until REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS rows (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    identity TEXT NOT NULL,
    writer TEXT NOT NULL,
    owner TEXT,
    written_at REAL NOT NULL,
    destination TEXT NOT NULL,
    row BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS rows_by_owner ON rows (identity, owner, number);
CREATE INDEX IF NOT EXISTS rows_by_writer ON rows (writer);
CREATE TABLE IF NOT EXISTS attachments (
    key TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    writer TEXT NOT NULL,
    owner TEXT,
    written_at REAL NOT NULL,
    filename TEXT NOT NULL,
    content_type TEXT NOT NULL,
    content BLOB NOT NULL
);
"""
TABLES = ("rows", "attachments")
COLUMNS = "number, writer, destination, row"

# The tokens of this process: a row that any of them owns is in hands that live.
_living_tokens: set[str] = set()
# Connections that a fork copied. Closing one could write to the parent's file, so none is.
_inherited: list[sqlite3.Connection] = []


class SpoolError(Exception):
    """The spool cannot be used now; says the file and what is wrong with it."""


@dataclass(frozen=True)
class SpooledRow:
    """A row on disk: its number there, who wrote it, where it goes, and its JSON."""

    number: int
    writer: str
    destination: str
    row: bytes


class Spool:
    """A queue of rows on disk, in the order in which they were written.

    A row belongs to the process that sends it; when that process ends, the row is free for others.

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
        self.path = Path(directory).expanduser().absolute() / FILE_NAME
        self.identity = identity
        self._max_bytes = max_bytes
        self.max_age_s = max_age_s
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._begin()
        with self.writing():
            pass

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._next_beat = 0.0
        self.token = secrets.token_hex(8)
        _living_tokens.add(self.token)

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

    def now(self) -> float:
        """Unix time in seconds."""
        return self._clock()

    def room_bytes(self, connection: sqlite3.Connection) -> int:
        """How many bytes more may be written.

        Args:
            connection: From :meth:`writing`.
        """
        return self._max_bytes - _used_bytes(connection)

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

    def beat(self) -> None:
        """Say now and then that this process lives and sends the rows it has."""
        now = time.monotonic()
        if now >= self._next_beat:
            with self.writing():
                pass

    def close(self) -> None:
        """Free the rows of this process, and close the file."""
        with self._lock:
            if self._connection is None or self._pid != os.getpid():
                return
            with suppress(SpoolError), self.writing() as connection:
                for table in TABLES:
                    connection.execute(
                        f"UPDATE {table} SET owner = NULL WHERE owner = ?",  # noqa: S608
                        (self.token,),
                    )
                connection.execute("DELETE FROM owners WHERE token = ?", (self.token,))
            _living_tokens.discard(self.token)
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child: the rows in hand are the parent's."""
        if self._connection is not None:
            _inherited.append(self._connection)
        self._connection = None
        _living_tokens.clear()
        self._begin()

    @property
    def _whose(self) -> str:
        return "identity = ?" if self.identity is not None else "1 = 1"

    @property
    def _who(self) -> tuple[str, ...]:
        return (self.identity,) if self.identity is not None else ()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The file, for reading.

        Raises:
            SpoolError: The file cannot be used.
        """
        with self._lock, self._told_as_spool_error(), suppressed_instrumentation():
            yield self._open()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other process writes in; it tells that this one lives.

        Raises:
            SpoolError: The file cannot be used.
        """
        with self._lock, self._told_as_spool_error(), suppressed_instrumentation():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._tell_life(connection)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _told_as_spool_error(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise SpoolError(f"{self.path}: {error}") from error

    def _tell_life(self, connection: sqlite3.Connection) -> None:
        now = time.monotonic()
        if now < self._next_beat:
            return
        self._next_beat = now + BEAT_EVERY_S
        connection.execute(
            "INSERT OR REPLACE INTO owners (token, host, pid, until) VALUES (?, ?, ?, ?)",
            (self.token, socket.gethostname(), os.getpid(), self._clock() + LEASE_S),
        )

    def free_what_the_dead_own(self, connection: sqlite3.Connection) -> None:
        """Let others have what belongs to processes that have ended."""
        now = self._clock()
        owners = connection.execute("SELECT token, host, pid, until FROM owners").fetchall()
        for token, host, pid, until in owners:
            if token != self.token and (until < now or not _is_alive(token, host, pid)):
                connection.execute("DELETE FROM owners WHERE token = ?", (token,))
        for table in TABLES:
            connection.execute(
                f"UPDATE {table} SET owner = NULL WHERE owner IS NOT NULL"  # noqa: S608
                " AND owner NOT IN (SELECT token FROM owners)"
            )

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made here, so that it is never readable for others; SQLite gives its side files the same.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
        if self.path.stat().st_mode & 0o077:
            self.path.chmod(0o600)
        connection = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            connection.close()
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._put_aside()
            return self._connect()
        return connection

    def _put_aside(self) -> None:
        """Keep a file that is no database, under another name, and begin a new one."""
        aside = self.path.with_name(f"{FILE_NAME}.unreadable-{int(self._clock())}-{os.getpid()}")
        self.path.rename(aside)
        for suffix in ("-wal", "-shm"):
            with suppress(OSError):
                self.path.with_name(FILE_NAME + suffix).unlink()


def identity_of(api_key: str, org_name: str | None) -> str:
    """Whose rows: a digest of the key and the organization, from which neither can be told."""
    text = f"{org_name or ''}\0{api_key}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:24]


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size_bytes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size_bytes)


def _is_alive(token: str, host: str, pid: int) -> bool:
    """Tell whether an owner lives, as far as this machine can; its lease tells the rest."""
    if host != socket.gethostname() or sys.platform == "win32":
        return True
    if pid == os.getpid():
        return token in _living_tokens  # else it is one before us that had the same number
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
