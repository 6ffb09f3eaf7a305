"""A set of instrumentation scopes: a scope is meant by its own name and by all names beneath it.

``opentelemetry.instrumentation.grpc`` means ``opentelemetry.instrumentation.grpc._client``, too.
"""

from __future__ import annotations

from collections.abc import Iterable

MAX_REMEMBERED = 1000


class Scopes:
    """A set of scopes, asked for each span; answers are kept, up to a thousand.

    Args:
        names: Names of scopes; names beneath them are meant, too.
        but: Names among those that are not meant, with all beneath them.

    Example:
        >>> "redis.cluster" in Scopes(["redis"]), "redistribute" in Scopes(["redis"])
        (True, False)
    """

    def __init__(self, names: Iterable[str], *, but: Iterable[str] = ()) -> None:
        self._names = frozenset(names)
        self._but = frozenset(but) - self._names
        self._known: dict[str, bool] = {}

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            known = self._known[name] = self._is_beneath(name)
        return known

    def _is_beneath(self, name: str) -> bool:
        parts = name.split(".")
        for count in range(len(parts), 0, -1):
            beginning = ".".join(parts[:count])
            if beginning in self._names:
                return True
            if beginning in self._but:
                return False
        return False
