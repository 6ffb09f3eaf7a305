"""The file of a spool: one SQLite database that many processes share, for its owner's eyes only."""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from otel_braintrust.delivery import owners
from otel_braintrust.delivery.silence import suppressed_instrumentation

logger = logging.getLogger("otel_braintrust")

FILE_NAME = "spool.sqlite3"
BEAT_EVERY_S = 15.0
BUSY_TIMEOUT_S = 2.0
# Raised when an older version of this package could no longer use the file.
FORMAT_VERSION = 1
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
# Connections that a fork copied. Closing one could write to the parent's file, so none is.
_inherited: list[sqlite3.Connection] = []


class SpoolError(Exception):
    """The spool cannot be used now; says the file and what is wrong with it."""


class SpoolFile:
    """A file of rows and attachments, each of which belongs to the process that sends it.

    When that process ends, what belongs to it is free for others.

    Args:
        directory: Where the file is; made, for the owner only, if it is not there.
        max_bytes: Most bytes in the file.
        clock: Unix time in seconds.

    Raises:
        SpoolError: The directory or the file cannot be used.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        max_bytes: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(directory).expanduser().absolute() / FILE_NAME
        self._max_bytes = max_bytes
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._first_number = 0
        self._begin()
        with self.writing():
            pass

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._deadline: float | None = None
        self._next_beat = 0.0
        self.token = secrets.token_hex(8)
        owners.living_tokens.add(self.token)

    def now(self) -> float:
        """Unix time in seconds."""
        return self._clock()

    def room_bytes(self, connection: sqlite3.Connection) -> int:
        """How many bytes more may be written.

        Args:
            connection: From :meth:`writing`.
        """
        return self._max_bytes - _used_bytes(connection)

    def hurry(self, deadline: float) -> None:
        """From now on wait for other processes, and for other threads, no longer than this.

        Args:
            deadline: Moment on ``time.monotonic()``.
        """
        self._deadline = deadline

    def beat(self) -> None:
        """Say now and then that this process lives and sends the rows it has."""
        now = time.monotonic()
        if now >= self._next_beat:
            with self.writing():
                pass

    def close(self) -> None:
        """Free the rows of this process, and close the file; its end frees them otherwise."""
        with suppress(SpoolError), self._mine():
            if self._connection is None or self._pid != os.getpid():
                return
            with suppress(SpoolError), self.writing() as connection:
                for table in TABLES:
                    connection.execute(
                        f"UPDATE {table} SET owner = NULL WHERE owner = ?",  # noqa: S608
                        (self.token,),
                    )
                connection.execute("DELETE FROM owners WHERE token = ?", (self.token,))
            owners.living_tokens.discard(self.token)
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def renew_after_fork(self) -> None:
        """Begin anew in a forked child: the rows in hand are the parent's."""
        if self._connection is not None:
            _inherited.append(self._connection)
        self._connection = None
        owners.living_tokens.clear()
        self._begin()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The file, for reading.

        Raises:
            SpoolError: The file cannot be used.
        """
        with self._mine(), self._told_as_spool_error(), suppressed_instrumentation():
            yield self._open()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other process writes in; it tells that this one lives.

        Raises:
            SpoolError: The file cannot be used.
        """
        with self._mine(), self._told_as_spool_error(), suppressed_instrumentation():
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
    def _mine(self) -> Iterator[None]:
        """The file in the hands of this thread."""
        if not self._lock.acquire(timeout=-1 if self._deadline is None else self._patience_s()):
            raise SpoolError(f"{self.path}: another thread uses it")
        try:
            yield
        finally:
            self._lock.release()

    def _patience_s(self) -> float:
        """How long another process may hold the file before it is given up, in seconds."""
        if self._deadline is None:
            return BUSY_TIMEOUT_S
        return min(BUSY_TIMEOUT_S, max(0.0, self._deadline - time.monotonic()))

    @contextmanager
    def _told_as_spool_error(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            # Not one of its subclasses: the file is damaged, or is no database any more.
            if type(error) is sqlite3.DatabaseError:
                self._abandon()
            raise SpoolError(f"{self.path}: {error}") from error

    def _tell_life(self, connection: sqlite3.Connection) -> None:
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + BEAT_EVERY_S
            owners.tell_life(connection, self.token, self._clock())

    def free_what_the_dead_own(self, connection: sqlite3.Connection) -> None:
        """Let others have what belongs to processes that have ended."""
        owners.forget_the_dead(connection, self.token, self._clock())
        for table in TABLES:
            connection.execute(
                f"UPDATE {table} SET owner = NULL WHERE owner IS NOT NULL"  # noqa: S608
                " AND owner NOT IN (SELECT token FROM owners)"
            )

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        elif self._deadline is not None:
            patience_ms = int(self._patience_s() * 1000)
            self._connection.execute(f"PRAGMA busy_timeout = {patience_ms}")
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made here, so that it is never readable for others; SQLite gives its side files the same.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
        if self.path.stat().st_mode & 0o077:
            self.path.chmod(0o600)
        self._inode = self.path.stat().st_ino
        connection = sqlite3.connect(
            self.path, timeout=self._patience_s(), isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
        except sqlite3.DatabaseError as error:
            connection.close()
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._put_aside()
            return self._connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > FORMAT_VERSION:
            raise SpoolError(f"{self.path}: a newer version of otel-braintrust has written it")
        connection.executescript(SCHEMA)
        if version < FORMAT_VERSION:
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        if self._first_number:
            connection.execute(
                "INSERT INTO sqlite_sequence (name, seq) SELECT 'rows', ? WHERE NOT EXISTS"
                " (SELECT 1 FROM sqlite_sequence WHERE name = 'rows')",
                (self._first_number,),
            )
            self._first_number = 0

    def _abandon(self) -> None:
        """Use a damaged file no more; the next use begins a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
        with suppress(OSError):
            if self.path.stat().st_ino == self._inode:  # else another process was faster
                self._put_aside()
        self._next_beat = 0.0

    def _put_aside(self) -> None:
        """Keep a file that is no database, under another name, and begin a new one."""
        aside = self.path.with_name(f"{FILE_NAME}.unreadable-{int(self._clock())}-{os.getpid()}")
        self.path.rename(aside)
        logger.error(
            "the spool %s is damaged or no database; it is kept as %s, and what waits in it is not "
            "sent",
            self.path,
            aside.name,
        )
        for suffix in ("-wal", "-shm"):
            with suppress(OSError):
                self.path.with_name(FILE_NAME + suffix).unlink()
        # Rows of the old file that are in hand have numbers that no row of the new one may have.
        self._first_number = int(self._clock() * 1000)


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size_bytes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size_bytes)
