"""Parcels on their way: log in, find each container, post."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter

from otel_braintrust.delivery.bundles import Bundle
from otel_braintrust.delivery.bundling import Bundler
from otel_braintrust.delivery.consignments import whole_bundles
from otel_braintrust.delivery.destinations import Destination, Projects
from otel_braintrust.delivery.errors import ApiError, ConnectionFailure
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.parcels import Parcel, address, container_text
from otel_braintrust.delivery.posting import Poster
from otel_braintrust.delivery.refusals import Refusals, place_of
from otel_braintrust.delivery.retrying import RETRYABLE_ERRORS
from otel_braintrust.delivery.rounds import Round, Unfinished
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.troubles import Troubles


class Sender:
    """Sends parcels and settles each whose fate is known; what may heal is given back.

    Args:
        connection: Where requests go.
        settlement: Where rows are settled.
        limits: How much fits into a request.
        troubles: Where trouble is told.
        clock: Seconds that only go forward; default ``time.monotonic``.

    Attributes:
        bundler: Encodes rows together that will go out together.
    """

    def __init__(
        self,
        connection: Connection,
        settlement: Settlement,
        limits: Limits,
        troubles: Troubles,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._projects = Projects(connection, clock=clock)
        self.bundler = Bundler(self._projects, limits)
        self._refusals = Refusals(settlement, troubles, clock=clock)
        self._poster = Poster(connection, limits, settlement, self._refusals, troubles)

    def attempt(self, parcels: Sequence[Parcel], deadline: float | None) -> Round:
        """Try once to send these rows.

        Args:
            parcels: The rows.
            deadline: Moment on ``time.monotonic()`` by which requests must be over; None: each may
                take the connection's own time.
        """
        try:
            known = self._refusals.drop_refused(parcels, None)
            if known and not self._is_prepared(known, deadline):
                known = []
            ready, later, error = self._addressed(known, deadline)
        except Unfinished as unfinished:
            return Round(unfinished.waiting, unfinished.error)
        round_ = self._poster.post_all(ready, deadline)
        return Round([*round_.waiting, *later], round_.error or error, round_.progress)

    def post_bare(self, parcels: Sequence[Parcel], deadline: float | None) -> None:
        """Post at least the place in the trace of rows that are given up.

        Args:
            parcels: The rows; those that arrive are settled as sent.
            deadline: Moment on ``time.monotonic()`` by which requests must be over, or None.
        """
        self._poster.post_bare(parcels, deadline)

    def _is_prepared(self, parcels: Sequence[Parcel], deadline: float | None) -> bool:
        """Log in if the API host is not known, and learn the server's limit; False: refused."""
        try:
            if self._connection.api_url is None:
                self._connection.login(deadline=deadline)
            self._limits.learn(self._connection, deadline)
        except RETRYABLE_ERRORS as error:
            raise Unfinished(error, list(parcels)) from error
        except ApiError as error:
            self._refusals.refuse(None, parcels, error)
            return False
        return True

    def _addressed(
        self, parcels: Sequence[Parcel], deadline: float | None
    ) -> tuple[Sequence[Parcel], Sequence[Parcel], ApiError | None]:
        """The parcels whose container is known now, those that must wait for it, and why."""
        bundles = whole_bundles(parcels)
        if bundles and all(map(self._is_addressed, bundles)):
            return parcels, [], None
        groups: dict[Destination, list[Parcel]] = {}
        for destination, group in groupby(parcels, attrgetter("destination")):
            groups.setdefault(destination, []).extend(group)
        waiting: set[Destination] = set()
        first_error: ApiError | None = None
        for destination, members in groups.items():
            remaining = self._refusals.drop_refused(members, destination)
            if not remaining:
                continue
            try:
                container = self._projects.container(destination, deadline=deadline)
            except ConnectionFailure as error:
                raise Unfinished(error, [p for p in parcels if not p.is_settled]) from error
            except RETRYABLE_ERRORS as error:
                first_error = first_error or error
                waiting.add(destination)
            except ApiError as error:
                self._refusals.refuse(place_of(error, destination), remaining, error)
            else:
                address(remaining, container)
        left = [parcel for parcel in parcels if not parcel.is_settled]
        if not waiting:
            return left, [], first_error
        ready = [parcel for parcel in left if parcel.destination not in waiting]
        return ready, [p for p in left if p.destination in waiting], first_error

    def _is_addressed(self, bundle: Bundle) -> bool:
        """Tell whether rows can go as they are: to the container that they were encoded with."""
        known = self._projects.known(bundle.destination)
        is_same = known is not None and container_text(known) == bundle.container
        return is_same and not self._refusals.is_refused(bundle.destination)
