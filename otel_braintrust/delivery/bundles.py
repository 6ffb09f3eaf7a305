"""Rows encoded together, as the body of the request that will carry them has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from otel_braintrust.accounts import Ticket
from otel_braintrust.delivery.destinations import Destination

if TYPE_CHECKING:
    from otel_braintrust.delivery.parcels import Parcel

BODY_START = b'{"rows":['
BODY_END = b'],"api_version":2}'
# The end of each row of a bundle. orjson itself writes no line break: it escapes those in texts.
END_OF_ROW = b"\n}"


def marked(container: Mapping[str, str]) -> dict[str, Any]:
    """The keys of a container, to be the last ones of a row in a bundle.

    Args:
        container: What places a row, with one key at least.
    """
    *others, (name, value) = container.items()
    return {**dict(others), name: orjson.Fragment(orjson.dumps(value) + b"\n")}


def remove_container(row: dict[str, Any], container: bytes) -> None:
    """Take the keys of a container out of a row again.

    Args:
        row: The row.
        container: The container's keys as JSON members with a comma.
    """
    for key in orjson.loads(b"{" + container[:-1] + b"}"):
        row.pop(key, None)


class Bundle:
    """Rows with their container, encoded at once; single rows are cut out when asked for.

    Beginning a text and growing it costs more than writing a row, so rows that are made together
    are written together, and go out so.

    Args:
        rows: The rows; each ends with the keys of the container that :func:`marked` gave.
        tickets: Their spans, in the same order.
        destination: Where they go.
        container: The container's keys as JSON members with a comma.

    Attributes:
        rows: The rows as a JSON list.
        tickets: As given.
        destination: As given.
        container: As given.
        parcels: Its rows one by one, once somebody asked for them.

    Raises:
        TypeError: A row holds what orjson does not write.
    """

    # Only spans that ended are bundled: they stand for themselves.
    changes_row: ClassVar[None] = None

    __slots__ = ("_pieces", "container", "destination", "parcels", "rows", "tickets")

    def __init__(
        self,
        rows: Sequence[dict[str, Any]],
        tickets: Sequence[Ticket],
        destination: Destination,
        container: bytes,
    ) -> None:
        self.rows = orjson.dumps(rows)
        self.tickets = tickets
        self.destination = destination
        self.container = container
        self.parcels: list[Parcel] | None = None
        self._pieces: list[bytes] | None = None

    @property
    def size(self) -> int:
        """How many rows they are."""
        return len(self.tickets)

    @property
    def size_bytes(self) -> int:
        """Bytes in a request, the comma after the last row included."""
        return len(self.rows) - 1

    @property
    def text(self) -> memoryview:
        """The rows as the body of a request has them, with commas between them."""
        return memoryview(self.rows)[1:-1]

    def row(self, number: int) -> bytes:
        """One row without its container.

        Args:
            number: Which, from 0.
        """
        if self._pieces is None:
            self._pieces = self.rows[1 : -1 - len(END_OF_ROW)].split(END_OF_ROW + b",")
        return self._pieces[number][: -len(self.container)] + b"}"
