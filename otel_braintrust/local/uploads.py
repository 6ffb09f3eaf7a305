"""Files beside the rows: attachments, and request bodies too large to post."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from otel_braintrust.local.database import Database
from otel_braintrust.local.timestamps import format_unix_time

ATTACHMENT = "attachment"
OVERFLOW = "overflow"

LINK_LIFETIME_S = 3600


@dataclass(frozen=True)
class Upload:
    """A file: what it is, how its upload stands, and its bytes once they have come."""

    key: str
    kind: str
    filename: str | None
    content_type: str | None
    status: str
    content: bytes | None
    size_bytes: int | None = None
    error: str | None = None

    @property
    def upload_status(self) -> dict[str, str]:
        """How its upload stands, in the API's words."""
        told = {"upload_status": self.status}
        return {**told, "error_message": self.error} if self.error else told


class Uploads:
    """Announces, takes and hands out files; links to them are signed and end after an hour.

    Args:
        database: where the files are kept.
        clock: Unix time in seconds.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._secret = secrets.token_bytes(32)

    def announce(
        self, key: str, kind: str, *, filename: str | None = None, content_type: str | None = None
    ) -> None:
        """Make room for a file; announcing it again keeps the bytes that are there.

        What a client said of an attempt that failed is over then.
        """
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO uploads (key, kind, filename, content_type, status, created)"
                " VALUES (?, ?, ?, ?, 'uploading', ?) ON CONFLICT (key) DO UPDATE SET"
                " filename = excluded.filename, content_type = excluded.content_type,"
                " status = CASE WHEN content IS NULL THEN 'uploading' ELSE 'done' END",
                (key, kind, filename, content_type, format_unix_time(self._clock())),
            )
            connection.execute("DELETE FROM upload_errors WHERE key = ?", (key,))

    def get(self, key: str, *, with_content: bool = True) -> Upload | None:
        """The file announced under this key, or None.

        Args:
            key: what it is stored under.
            with_content: read its bytes, too; without, only how many there are is told.
        """
        content = "content" if with_content else "NULL AS content"
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT key, kind, filename, content_type, status, {content},"  # noqa: S608
                " length(content) AS size_bytes, message AS error"
                " FROM uploads LEFT JOIN upload_errors USING (key) WHERE key = ?",
                (key,),
            ).fetchone()
        return Upload(**dict(found)) if found else None

    def put(self, key: str, content: bytes) -> bool:
        """Take a file's bytes; False if no file was announced under this key."""
        with self._database.writing() as connection:
            changed = connection.execute(
                "UPDATE uploads SET content = ?, status = 'done' WHERE key = ?", (content, key)
            )
            return changed.rowcount == 1

    def set_status(self, key: str, status: str, error: str | None = None) -> bool:
        """Note what the client says of its upload; False if none was announced under this key."""
        with self._database.writing() as connection:
            changed = connection.execute(
                "UPDATE uploads SET status = ? WHERE key = ?", (status, key)
            )
            connection.execute("DELETE FROM upload_errors WHERE key = ?", (key,))
            if error and changed.rowcount == 1:
                connection.execute("INSERT INTO upload_errors VALUES (?, ?)", (key, error))
            return changed.rowcount == 1

    def remove(self, key: str) -> None:
        """Forget a file."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM uploads WHERE key = ?", (key,))
            connection.execute("DELETE FROM upload_errors WHERE key = ?", (key,))

    def sign(self, key: str, method: str) -> dict[str, str]:
        """The query parameters that allow whoever has them a `method` on this file for an hour."""
        expires = str(int(self._clock()) + LINK_LIFETIME_S)
        return {"expires": expires, "signature": self._signature(key, method, expires)}

    def is_signed(self, key: str, method: str, *, expires: str, signature: str) -> bool:
        """Whether the parameters are ours, for this file and method, and not out of date."""
        wanted = self._signature(key, method, expires)
        in_time = expires.isascii() and expires.isdigit() and int(expires) >= self._clock()
        return in_time and hmac.compare_digest(wanted.encode(), signature.encode())

    def _signature(self, key: str, method: str, expires: str) -> str:
        text = f"{method}\n{key}\n{expires}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()
