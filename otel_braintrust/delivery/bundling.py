"""Rows put into bundles, of which several go into a request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from otel_braintrust.accounts import Ticket
from otel_braintrust.delivery.bundles import Bundle, marked, remove_container
from otel_braintrust.delivery.destinations import Destination, Projects
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.parcels import container_text

# A larger text is slow to grow. Sizes are those that spans were thought to have.
BUNDLE_BYTES = 1024 * 1024
# Rows this large are encoded alone: it costs no more, and a text of megabytes is slow to grow.
LARGE_ROW_BYTES = 256 * 1024
MAX_KEPT_CONTAINERS = 256


class Bundler:
    """Encodes rows together where it is known already what their container is.

    Args:
        projects: Where containers are known.
        limits: How much fits into a request.
    """

    def __init__(self, projects: Projects, limits: Limits) -> None:
        self._projects = projects
        self._limits = limits

    def bundles(
        self, tickets: Sequence[Ticket], rows: Sequence[dict[str, Any]], destination: Destination
    ) -> Iterator[tuple[slice, Bundle | None]]:
        """Encode rows of one destination.

        Args:
            tickets: Their spans.
            rows: The rows in the same order; those encoded have the keys of their container now.
            destination: Where they go.

        Yields:
            Some of the rows, and what they were encoded in; None: each is to be encoded alone.
        """
        container = self._projects.known(destination)
        if not container:
            yield slice(None), None
            return
        keys, text = _written(*container.items())
        sizes = [ticket.size_bytes for ticket in tickets]
        for part in self._parts(sizes):
            count = len(sizes[part])
            bundle = None
            if count >= 2 and sum(sizes[part]) <= count * LARGE_ROW_BYTES:
                some = rows[part]
                for row in some:
                    row.update(keys)
                try:
                    bundle = Bundle(some, tickets[part], destination, text)
                except TypeError:
                    for row in some:
                        remove_container(row, text)
            yield part, bundle

    def _parts(self, sizes: Sequence[int]) -> Iterator[slice]:
        most_bytes = min(BUNDLE_BYTES, self._limits.max_bytes // 2)
        most_rows = self._limits.max_rows
        first, total_bytes = 0, 0
        if sum(sizes) > most_bytes or len(sizes) > most_rows:
            for number, size_bytes in enumerate(sizes):
                total_bytes += size_bytes
                if total_bytes > most_bytes or number - first >= most_rows:
                    yield slice(first, number)
                    first, total_bytes = number, size_bytes
        yield slice(first, len(sizes))


@lru_cache(maxsize=MAX_KEPT_CONTAINERS)
def _written(*container: tuple[str, str]) -> tuple[dict[str, Any], bytes]:
    """A container as the keys that rows of a bundle get, and as text."""
    return marked(dict(container)), container_text(dict(container))
