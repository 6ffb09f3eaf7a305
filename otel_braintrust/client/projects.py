"""Projects by name and by id, as far as a client must know them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlencode

from otel_braintrust.client.attempts import Attempts, object_of
from otel_braintrust.client.errors import ProjectNotFoundError
from otel_braintrust.delivery.errors import AuthenticationError, NotFoundError, RequestError

REFUSALS = (AuthenticationError, NotFoundError, RequestError)
# How the API refuses an id that is no project's, or has no id's form.
UNKNOWN_STATUSES = (400, 403, 404, 422)


class ProjectDirectory:
    """Looks projects up without making any, and remembers the ids that are good.

    Args:
        attempts: how to ask.
        org_name: the organization to look in; None: the key's own.
    """

    def __init__(self, attempts: Attempts, org_name: str | None) -> None:
        self._attempts = attempts
        self._org_name = org_name
        self._known_ids: set[str] = set()

    def id_of(self, name: str) -> str:
        """Find the id of the project with this name.

        Raises:
            ProjectNotFoundError: there is none.
            ApiError: the request failed.
        """
        organization = {"org_name": self._org_name} if self._org_name else {}
        query = urlencode({"project_name": name, **organization})
        answer = object_of(self._attempts.call("GET", f"/v1/project?{query}"))
        for project in answer.get("objects") or []:
            if project.get("name") == name:
                found = str(project["id"])
                self._known_ids.add(found)
                return found
        raise ProjectNotFoundError(f"there is no project named {name!r}, or the key may not see it")

    def require(self, project_id: str) -> None:
        """Make sure that there is a project with this id.

        Raises:
            ProjectNotFoundError: there is none.
            ApiError: the request failed.
        """
        if project_id in self._known_ids:
            return
        try:
            self._attempts.call("GET", f"/v1/project/{quote(project_id, safe='')}")
        except REFUSALS as error:
            if error.status not in UNKNOWN_STATUSES:
                raise
            raise ProjectNotFoundError(
                f"there is no project with the id {project_id!r}, or the key may not see it: "
                "look the id up in the project's settings, or name the project with --project"
            ) from error
        self._known_ids.add(project_id)

    @contextmanager
    def explained(self, project_id: str) -> Iterator[None]:
        """Where a request within the block is refused, say so if the project is the reason.

        Raises:
            ProjectNotFoundError: there is no such project.
            ApiError: the refusal, when it has another reason.
        """
        try:
            yield
        except REFUSALS as error:
            if error.status in UNKNOWN_STATUSES:
                self.require(project_id)
            raise
