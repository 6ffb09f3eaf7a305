"""Rows put into bundles, of which several go into a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otel_braintrust.delivery.bundles import Bundle, marked, remove_container
from otel_braintrust.delivery.destinations import Projects
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.parcels import Parcel, container_text

# A larger text is slow to grow. Sizes are those that spans were thought to have.
BUNDLE_BYTES = 1024 * 1024
# Rows this large are encoded alone: it costs no more, and a text of megabytes is slow to grow.
LARGE_ROW_BYTES = 256 * 1024


class Bundler:
    """Encodes rows together where it is known already what their containers are.

    Args:
        projects: Where containers are known.
        limits: How much fits into a request.
    """

    def __init__(self, projects: Projects, limits: Limits) -> None:
        self._projects = projects
        self._limits = limits

    def bundle(self, parcels: Sequence[Parcel], rows: Sequence[dict[str, Any]]) -> list[Bundle]:
        """Encode rows; a parcel that has no bundle afterwards has no row yet, either.

        Args:
            parcels: What carries the rows.
            rows: The rows in the same order; those encoded have the keys of their container now.
        """
        containers = self._containers(parcels)
        if not containers:
            return []
        sizes = [parcel.ticket.size_bytes if parcel.ticket else 0 for parcel in parcels]
        bundles = []
        for part in self._parts(sizes):
            count = len(sizes[part])
            if count < 2 or sum(sizes[part]) > count * LARGE_ROW_BYTES:
                continue
            bundle = self._bundle(parcels[part], rows[part], containers)
            if bundle is not None:
                bundles.append(bundle)
        return bundles

    def _bundle(
        self,
        parcels: Sequence[Parcel],
        rows: Sequence[dict[str, Any]],
        containers: Mapping[int, tuple[bytes, Mapping[str, Any]]],
    ) -> Bundle | None:
        for parcel, row in zip(parcels, rows, strict=True):
            parcel.container, keys = containers[id(parcel.destination)]
            row.update(keys)
        try:
            bundle = Bundle(rows)
        except TypeError:
            for parcel, row in zip(parcels, rows, strict=True):
                remove_container(row, parcel.container)
            return None
        for number, parcel in enumerate(parcels):
            parcel.bundle, parcel.number = bundle, number
        return bundle

    def _containers(self, parcels: Sequence[Parcel]) -> dict[int, tuple[bytes, dict[str, Any]]]:
        """The containers of rows, by the number of their destination; none where one is unknown."""
        places = {id(parcel.destination): parcel.destination for parcel in parcels}
        containers = {}
        for number, place in places.items():
            container = self._projects.known(place)
            if not container:
                return {}
            containers[number] = container_text(container), marked(container)
        return containers

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
