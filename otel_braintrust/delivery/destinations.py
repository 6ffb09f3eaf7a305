"""Where a row goes: a parent string read, and a project's name turned into its id."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from otel_braintrust.delivery.errors import (
    AuthenticationError,
    NotFoundError,
    RequestError,
    ServerError,
)
from otel_braintrust.slugs import Slug, decode_slug

if TYPE_CHECKING:  # settings read parents without paying for the import of requests
    from otel_braintrust.delivery.http import Connection

FORMS = (
    "project_id:<uuid>, project_name:<name>, experiment_id:<uuid>, or a span slug (span.export())"
)
PREFIXES = ("project_id", "project_name", "experiment_id")

# The keys that place a row in its container, by the kind of destination.
CONTAINER_KEYS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "project_id": ("project_id", {"log_id": "g"}),
    "experiment_id": ("experiment_id", {}),
    "playground_id": ("prompt_session_id", {"log_id": "x"}),
}
KIND_BY_OBJECT_TYPE: Mapping[str, str] = {
    "experiment": "experiment_id",
    "project_logs": "project_id",
    "playground_logs": "playground_id",
}

Entry = TypeVar("Entry")

KEEP_FOUND_S = 900.0
KEEP_FAILED_S = 60.0
MAX_KEPT_PROJECTS = 1000
NEVER_FOUND = (-math.inf, "")


class ParentError(ValueError):
    """A parent string that cannot be read; quotes it and shows the forms that can."""

    def __init__(self, text: str, why: str, origin: str = "") -> None:
        self.text = text
        self.why = why
        place = f" in {origin}" if origin else ""
        super().__init__(f"cannot read parent {text!r}{place}: {why}; write {FORMS}")


@dataclass(frozen=True)
class Destination:
    """The container of a row and, when a slug names one, the span that the trace hangs on."""

    kind: str
    value: str
    span_id: str | None = None
    root_span_id: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


# Rows that carry the keys of their container themselves.
GIVEN = Destination("given", "")


def parse_parent(text: str, *, origin: str = "") -> Destination:
    """Read a parent string in any of its four forms.

    Args:
        text: ``project_id:...``, ``project_name:...``, ``experiment_id:...`` or a span slug.
        origin: Where the text stood, for the error; for instance ``BRAINTRUST_PARENT``.

    Raises:
        ParentError: The text has none of the four forms.

    Example::

        >>> parse_parent("project_name:support bot").value
        'support bot'
    """
    stripped = text.strip()
    prefix, colon, value = stripped.partition(":")
    if colon and prefix in PREFIXES:
        if not value.strip():
            raise ParentError(text, f"nothing follows {prefix}:", origin)
        return Destination(prefix, value.strip())
    if colon:
        raise ParentError(text, f"{prefix!r} is not one of its prefixes", origin)
    try:
        return _destination_of(decode_slug(stripped))
    except ValueError as error:
        raise ParentError(
            text, f"without a prefix it is a span slug, but {error}", origin
        ) from error


def _destination_of(slug: Slug) -> Destination:
    kind = KIND_BY_OBJECT_TYPE[slug.object_type]
    value = slug.object_id
    if not value:
        # A slug made before the project was looked up carries the words to look it up with.
        arguments = slug.object_arguments or {}
        kind = "project_id" if arguments.get("project_id") else "project_name"
        value = str(arguments.get("project_id") or arguments.get("project_name") or "")
    if not value or (not slug.object_id and slug.object_type != "project_logs"):
        raise ValueError(f"its {slug.object_type} object has no id yet")
    return Destination(kind, value, slug.span_id, slug.root_span_id)


class Projects:
    """Project names looked up by ``POST /v1/project``, which creates what is not there.

    Found ids are kept for 15 minutes, refusals for one, so that a project nobody may write to costs
    one request a minute.

    Args:
        connection: The connection to ask through.
        clock: Seconds that only go forward; default ``time.monotonic``.
    """

    def __init__(
        self, connection: Connection, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._found: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._refused: OrderedDict[
            str, tuple[float, AuthenticationError | NotFoundError | RequestError]
        ] = OrderedDict()

    def container(
        self, destination: Destination, *, deadline: float | None = None
    ) -> dict[str, str]:
        """The keys that place a row in its container; a project's id is asked for if need be.

        Raises:
            ApiError: The look-up failed.
        """
        kind, value = destination.kind, destination.value
        if kind == "project_name":
            kind, value = "project_id", self.project_id(value, deadline=deadline)
        return _container(kind, value)

    def known(self, destination: Destination) -> dict[str, str] | None:
        """As :meth:`container`, without a request; None where it would take one."""
        kind, value = destination.kind, destination.value
        if kind == "project_name":
            until, value = self._found.get(value, NEVER_FOUND)
            if until <= self._clock():
                return None
            kind = "project_id"
        return _container(kind, value)

    def project_id(self, name: str, *, deadline: float | None = None) -> str:
        """The id of the project with this name.

        Raises:
            ApiError: The look-up failed, now or less than a minute ago.
        """
        now = self._clock()
        known = self._found.get(name)
        if known and known[0] > now:
            return known[1]
        refusal = self._refused.get(name)
        if refusal and refusal[0] > now:
            raise refusal[1].with_traceback(None)
        try:
            project_id = self._ask(name, deadline)
        except (AuthenticationError, NotFoundError, RequestError) as error:
            _keep(self._refused, name, (now + KEEP_FAILED_S, error))
            raise
        self._refused.pop(name, None)
        _keep(self._found, name, (now + KEEP_FOUND_S, project_id))
        return project_id

    def _ask(self, name: str, deadline: float | None) -> str:
        wanted = {"name": name}
        if self._connection.org_name:
            wanted["org_name"] = self._connection.org_name
        response = self._connection.api("POST", "/v1/project", json=wanted, deadline=deadline)
        project = response.json()
        found = project.get("id") if isinstance(project, dict) else None
        if not isinstance(found, str) or not found:
            reason = "the answer to a project look-up has no id"
            raise ServerError(response.method, response.url, response.status, reason)
        return found


def _container(kind: str, value: str) -> dict[str, str]:
    if kind == GIVEN.kind:
        return {}
    key, constants = CONTAINER_KEYS[kind]
    return {key: value, **constants}


def _keep(kept: OrderedDict[str, Entry], name: str, entry: Entry) -> None:
    kept[name] = entry
    kept.move_to_end(name)
    while len(kept) > MAX_KEPT_PROJECTS:
        kept.popitem(last=False)
