"""Opaque page cursors: where a page ended, and the state of the data it was read from."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

import orjson

_LIMIT = 2**63  # SQLite's integers


class CursorError(ValueError):
    """A cursor that this server did not give out."""

    def __init__(self, cursor: object) -> None:
        super().__init__(
            f"cursor {str(cursor)[:60]!r} is not one of this server's; "
            "leave it out to start at the first page"
        )


class Cursor(NamedTuple):
    """A place in a result: after `position`, reading the data as it was at `xact_id`."""

    xact_id: int
    position: int

    def encode(self) -> str:
        """Write the cursor as an opaque string."""
        return base64.urlsafe_b64encode(orjson.dumps([self.xact_id, self.position])).decode()


def decode_cursor(text: object) -> Cursor:
    """Read a cursor back.

    Raises:
        CursorError: it is not one that `Cursor.encode` wrote.
    """
    if not isinstance(text, str):
        raise CursorError(text)
    try:
        xact_id, position = orjson.loads(base64.urlsafe_b64decode(text.encode()))
    except (ValueError, TypeError, binascii.Error) as error:
        raise CursorError(text) from error
    if not all(type(part) is int and 0 <= part < _LIMIT for part in (xact_id, position)):
        raise CursorError(text)
    return Cursor(xact_id, position)
