"""The SQLite file beneath the store: one writer, many readers, nothing half written."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from otel_braintrust.local.query import functions

IN_MEMORY = ":memory:"

# A version of a row is valid from xact_id up to, not including, closed_xact_id. Old versions let
# a reader who pages on see the data as it was, and serve the API's `version` parameter.
STILL_VALID = 9223372036854775807  # the largest INTEGER of SQLite

BUSY_TIMEOUT_S = 30.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS projects (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT, created TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS experiments (
    id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL,
    body TEXT NOT NULL, UNIQUE (project_id, name)
);
CREATE TABLE IF NOT EXISTS rows (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    container TEXT NOT NULL,
    id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    root_span_id TEXT NOT NULL,
    is_root INTEGER NOT NULL,
    created TEXT NOT NULL,
    pagination_key INTEGER NOT NULL,
    xact_id INTEGER NOT NULL,
    closed_xact_id INTEGER NOT NULL DEFAULT 9223372036854775807,
    event TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS rows_by_id ON rows (container, id, closed_xact_id);
CREATE INDEX IF NOT EXISTS rows_by_seq ON rows (container);
CREATE VIEW IF NOT EXISTS current_rows AS
    SELECT * FROM rows WHERE closed_xact_id = 9223372036854775807;
CREATE INDEX IF NOT EXISTS rows_by_trace
    ON rows (container, root_span_id, seq, xact_id, closed_xact_id);
CREATE INDEX IF NOT EXISTS rows_by_span ON rows (container, span_id);
CREATE INDEX IF NOT EXISTS rows_by_arrival ON rows (container, pagination_key);
CREATE TABLE IF NOT EXISTS traces (
    container TEXT NOT NULL, root_span_id TEXT NOT NULL, first_seq INTEGER NOT NULL,
    PRIMARY KEY (container, root_span_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS traces_by_arrival ON traces (container, first_seq);
CREATE TABLE IF NOT EXISTS comments (
    container TEXT NOT NULL, id TEXT NOT NULL, row_id TEXT NOT NULL, xact_id INTEGER NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (container, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS comments_by_row ON comments (container, row_id);
CREATE TABLE IF NOT EXISTS audits (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, container TEXT NOT NULL, row_id TEXT NOT NULL,
    xact_id INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS audits_by_row ON audits (container, row_id);
CREATE TABLE IF NOT EXISTS uploads (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, filename TEXT, content_type TEXT,
    status TEXT NOT NULL, created TEXT NOT NULL, content BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS upload_errors (
    key TEXT PRIMARY KEY, message TEXT NOT NULL
) WITHOUT ROWID;
"""


class Database:
    """A SQLite database in WAL mode, shared by the threads of one process.

    Args:
        path: the file, made if it is not there; `":memory:"` keeps everything in this process.

    Raises:
        sqlite3.Error: the file cannot be opened or is not a database.

    Example:
        >>> database = Database(":memory:")
        >>> with database.reading() as connection:
        ...     connection.execute("SELECT count(*) FROM rows").fetchone()[0]
        0
    """

    def __init__(self, path: str | Path = IN_MEMORY) -> None:
        self._path = str(path)
        self._write_lock = threading.RLock()
        self._pool_lock = threading.Lock()
        self._idle_readers: list[sqlite3.Connection] = []
        self._closed = False
        self._writer = self._connect()
        with _closed_on_error(self._writer):
            self._writer.executescript(SCHEMA)

    @property
    def is_in_memory(self) -> bool:
        """Whether the data ends with this process."""
        return self._path == IN_MEMORY

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One write transaction at a time; an exception undoes all of it."""
        with self._write_lock:
            self._refuse_if_closed()
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # SQLite itself rolls back when the disk is full
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent look at the data; a file's readers never wait for its writer."""
        if self.is_in_memory:  # such a database lives in its one connection
            with self._write_lock:
                self._refuse_if_closed()
                yield self._writer
            return
        connection = self._borrow()
        try:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close every connection; later use raises `sqlite3.ProgrammingError`."""
        with self._write_lock, self._pool_lock:
            self._closed = True
            for connection in [self._writer, *self._idle_readers]:
                connection.close()
            self._idle_readers.clear()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        with _closed_on_error(connection):
            connection.row_factory = sqlite3.Row
            functions.register(connection)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def _borrow(self) -> sqlite3.Connection:
        with self._pool_lock:
            self._refuse_if_closed()
            if self._idle_readers:
                return self._idle_readers.pop()
        return self._connect()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._pool_lock:
            if not self._closed:
                self._idle_readers.append(connection)
                return
        connection.close()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise sqlite3.ProgrammingError("the local Braintrust's database is closed")


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    """Leave no connection open when the block raises, of which Python 3.13 warns."""
    try:
        yield
    except BaseException:
        connection.close()
        raise
