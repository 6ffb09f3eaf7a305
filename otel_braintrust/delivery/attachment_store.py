"""Attachments that wait on disk, in the spool beside the rows and within its size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from otel_braintrust.attachments import Attachment
from otel_braintrust.delivery.spool import Spool


@dataclass(frozen=True)
class StoredAttachment:
    """An attachment on disk, and who wrote it."""

    attachment: Attachment
    writer: str


class AttachmentStore:
    """The attachments of a spool; each belongs to one process, like the rows.

    Args:
        spool: Where they lie. Its errors are :class:`otel_braintrust.delivery.spool.SpoolError`.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    @property
    def token(self) -> str:
        """By what this process is known there."""
        return self._spool.token

    def add(self, attachment: Attachment, *, owned: bool) -> bool:
        """Write an attachment; a file is read for it.

        Args:
            attachment: The file.
            owned: Keep it for this process, which uploads it itself.

        Returns:
            False when there is no room.

        Raises:
            SpoolError: The disk cannot be written to.
            OSError: The attachment's own file cannot be read.
        """
        content = attachment.data
        reference = attachment.reference
        with self._spool.writing() as connection:
            if len(content) > self._spool.room_bytes(connection):
                return False
            connection.execute(
                "INSERT OR IGNORE INTO attachments (key, identity, writer, owner, written_at,"
                " filename, content_type, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    attachment.key,
                    self._spool.identity or "",
                    self._spool.token,
                    self._spool.token if owned else None,
                    self._spool.now(),
                    reference["filename"],
                    reference["content_type"],
                    content,
                ),
            )
        return True

    def claim(self) -> StoredAttachment | None:
        """Take the oldest attachment that nobody else uploads, if there is one."""
        where, who = self._whose()
        with self._spool.writing() as connection:
            self._spool.free_what_the_dead_own(connection)
            found = connection.execute(
                "SELECT key, writer, filename, content_type, content FROM attachments"  # noqa: S608
                f" WHERE {where} AND owner IS NULL ORDER BY written_at LIMIT 1",
                who,
            ).fetchone()
            if found is None:
                return None
            key, writer, filename, content_type, content = found
            connection.execute(
                "UPDATE attachments SET owner = ? WHERE key = ?", (self._spool.token, key)
            )
        return StoredAttachment(Attachment.known(key, content, filename, content_type), writer)

    def remove(self, key: str) -> None:
        """Forget an attachment that is settled."""
        with self._spool.writing() as connection:
            connection.execute("DELETE FROM attachments WHERE key = ?", (key,))
            connection.execute("PRAGMA incremental_vacuum").fetchall()

    def release(self, keys: Iterable[str]) -> None:
        """Let others upload these attachments."""
        with self._spool.writing() as connection:
            connection.executemany(
                "UPDATE attachments SET owner = NULL WHERE key = ? AND owner = ?",
                [(key, self._spool.token) for key in keys],
            )

    def remove_expired(self) -> tuple[int, int]:
        """Forget attachments that are too old; how many this process wrote, and how many others."""
        where, who = self._whose()
        before = self._spool.now() - self._spool.max_age_s
        with self._spool.writing() as connection:
            expired = connection.execute(
                f"SELECT key, writer FROM attachments WHERE {where} AND written_at < ?",  # noqa: S608
                (*who, before),
            ).fetchall()
            connection.executemany(
                "DELETE FROM attachments WHERE key = ?", [(key,) for key, _ in expired]
            )
        own = sum(1 for _, writer in expired if writer == self._spool.token)
        return own, len(expired) - own

    def count(self) -> int:
        """How many attachments wait, in whosever hands they are."""
        where, who = self._whose()
        with self._spool.reading() as connection:
            found = connection.execute(
                f"SELECT COUNT(*) FROM attachments WHERE {where}",  # noqa: S608
                who,
            ).fetchone()
        return int(found[0])

    def _whose(self) -> tuple[str, tuple[str, ...]]:
        identity = self._spool.identity
        return ("identity = ?", (identity,)) if identity is not None else ("1 = 1", ())
