"""Rows that go together, of which a parcel is made only for those that are asked for alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeAlias, overload

from otel_braintrust.delivery.bundles import Bundle
from otel_braintrust.delivery.parcels import Parcel

# Either says how many rows and bytes it is, and which row it changes, if it does.
Unit: TypeAlias = Bundle | Parcel


class Consignment(Sequence[Parcel]):
    """Parcels in order, most of which lie in bundles.

    As long as all goes well nobody asks for a row: a bundle is sent and settled as one. A parcel
    for each is made as soon as anything is to be known of one of them, and kept from then on.

    Args:
        units: Bundles and single parcels, in order.
    """

    def __init__(self, units: Iterable[Unit]) -> None:
        self._units = list(units)
        self._size = sum(each.size for each in self._units)
        self._parcels: list[Parcel] | None = None

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Parcel]:
        return iter(self._all())

    @overload
    def __getitem__(self, index: int) -> Parcel: ...

    @overload
    def __getitem__(self, index: slice) -> list[Parcel]: ...

    def __getitem__(self, index: int | slice) -> Parcel | list[Parcel]:
        return self._all()[index]

    def bundles(self) -> list[Bundle]:
        """What all of it lies in, as long as no row was asked for; else nothing."""
        bundles = [each for each in self._units if isinstance(each, Bundle)]
        is_whole = len(bundles) == len(self._units)
        return bundles if is_whole and all(each.parcels is None for each in bundles) else []

    def _all(self) -> list[Parcel]:
        if self._parcels is None:
            parts = (parcels_of(e) if isinstance(e, Bundle) else [e] for e in self._units)
            self._parcels = list(chain.from_iterable(parts))
        return self._parcels


def parcels_of(bundle: Bundle) -> list[Parcel]:
    """The rows of a bundle, each by itself; the same ones whoever asks."""
    if bundle.parcels is None:
        made = [Parcel.bundled(bundle, *each) for each in enumerate(bundle.tickets)]
        bundle.parcels = bundle.parcels or made
    return bundle.parcels


def whole_bundles(parcels: Sequence[Parcel]) -> list[Bundle]:
    """What all of these rows lie in, if nothing is known of any of them alone; else nothing."""
    return parcels.bundles() if isinstance(parcels, Consignment) else []
