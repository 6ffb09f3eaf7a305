"""Braintrust's REST API as far as logs need it: projects, insert, fetch, query, feedback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from otel_braintrust.client.attempts import UNREPEATABLE, Attempts
from otel_braintrust.client.batches import DEFAULT_MAX_REQUEST_BYTES, batches
from otel_braintrust.client.errors import (
    ClientError,
    LogNotFoundError,
    MissingKeyError,
    PartialInsertError,
    ProjectNotFoundError,
)
from otel_braintrust.client.events import check_events, check_feedback
from otel_braintrust.client.filters import Expression, compile_filters
from otel_braintrust.client.ratings import FIVE_STARS, RatingScale
from otel_braintrust.delivery.destinations import Projects
from otel_braintrust.delivery.encoding import encode
from otel_braintrust.delivery.http import (
    ApiError,
    Connection,
    NotFoundError,
    RequestError,
    TooLargeError,
)
from otel_braintrust.settings import KEY_SOURCES, Settings

if TYPE_CHECKING:
    from typing_extensions import Self

MAX_PAGE_ROWS = 1000  # what Braintrust's own SDK asks for at once


@dataclass(frozen=True, slots=True)
class Page:
    """One page of log rows, the newest first.

    Args:
        logs: the rows.
        cursor: where the next page starts; None when there is none.
        has_more: whether at least one more row follows.
    """

    logs: list[dict[str, Any]]
    cursor: str | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The rows of a query, and where it goes on.

    Args:
        rows: the rows.
        cursor: to be handed in for the rows that follow; None at the end.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    cursor: str | None = None


class BraintrustClient:
    """A client of Braintrust's REST API.

    Every argument left out is looked up as everywhere in this package: environment, nearest
    `.env.braintrust`, default.

    Args:
        api_key: the key; also `BRAINTRUST_API_KEY`.
        api_url: address of the API; default what the login says; also `BRAINTRUST_API_URL`.
        app_url: address of the web app; also `BRAINTRUST_APP_URL`.
        org_name: the organization, when the key has several; also `BRAINTRUST_ORG_NAME`.
        http_timeout_s: longest time for one call in seconds, its retries included; also
            `BRAINTRUST_HTTP_TIMEOUT`.

    Raises:
        MissingKeyError: there is no key.

    Example:
        >>> client = BraintrustClient()  # doctest: +SKIP
        >>> project = client.project_id("my project")  # doctest: +SKIP
        >>> client.fetch(project, filters={"metadata.error": True}).logs  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        api_url: str | None = None,
        app_url: str | None = None,
        org_name: str | None = None,
        http_timeout_s: float | None = None,
    ) -> None:
        settings = Settings.resolve(
            api_key=api_key,
            api_url=api_url,
            app_url=app_url,
            org_name=org_name,
            http_timeout_s=http_timeout_s,
        )
        if not settings.api_key:
            raise MissingKeyError(f"no API key: set it by {KEY_SOURCES}")
        self._org_name = settings.org_name
        self._connection = Connection(
            api_key=settings.api_key,
            app_url=settings.app_url,
            api_url=settings.api_url,
            org_name=settings.org_name,
            http_timeout_s=settings.http_timeout_s,
        )
        self._attempts = Attempts(self._connection, settings.http_timeout_s)
        self._projects = Projects(self._connection)
        self._known_projects: set[str] = set()
        self._max_request_bytes: int | None = None

    def __enter__(self) -> Self:
        """Use the client as a context that closes its connection."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection; the client can still be used, and opens a new one."""
        self._connection.close()

    def project_id(self, name: str, *, create: bool = False) -> str:
        """Look up a project by its name.

        Args:
            name: the project's name.
            create: make the project when there is none; default False.

        Returns:
            The project's id.

        Raises:
            ProjectNotFoundError: there is none, and `create` is False.
            ApiError: the request failed.
        """
        organization = {"org_name": self._org_name} if self._org_name else {}
        if create:
            answer = self._attempts.call(
                "POST", "/v1/project", json={"name": name, **organization}
            ).json()
            found = [answer]
        else:
            query = urlencode({"project_name": name, **organization})
            found = self._attempts.call("GET", f"/v1/project?{query}").json().get("objects") or []
        ids = [entry["id"] for entry in found if entry.get("name") == name]
        if not ids:
            raise ProjectNotFoundError(
                f"there is no project named {name!r}, or the key may not see it"
            )
        self._known_projects.add(ids[0])
        return str(ids[0])

    def insert(self, project_id: str, events: Sequence[Mapping[str, Any]]) -> list[str]:
        """Insert log events; all are checked before the first is sent.

        Args:
            project_id: the project's id.
            events: the events; one without an id is given one, so that a retry within this call
                does not double it.

        Returns:
            The ids of the rows, in the order of the events.

        Raises:
            EventError: an event has a wrong form.
            EventTooLargeError: one is larger than the server takes.
            ProjectNotFoundError: the project is not there.
            PartialInsertError: a later batch failed after others had arrived.
            ApiError: the request failed.
        """
        rows = check_events(events)
        if not rows:
            return []
        self._require_project(project_id)
        encoded = [encode(row) for row in rows]
        ids: list[str] = []
        # a list: an event that is too large is found before the first is sent
        for first, last in list(batches(encoded, self._request_limit_bytes())):
            try:
                self._insert_batch(project_id, encoded[first:last])
            except ApiError as error:
                if not ids:
                    raise
                raise PartialInsertError(
                    f"the first {len(ids)} of {len(rows)} events are in, the others are not: "
                    f"{error}",
                    ids,
                ) from error
            ids += [row["id"] for row in rows[first:last]]
        return ids

    def fetch(
        self,
        project_id: str,
        *,
        limit: int = 100,
        cursor: str | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> Page:
        """Fetch log rows, the newest first.

        Args:
            project_id: the project's id.
            limit: how many rows at most; default 100.
            cursor: where to go on, from an earlier page.
            filters: what the rows must be; see `otel_braintrust.client.filters.compile_filters`.

        Returns:
            The page. `has_more` is asked of the server, as it also hands out a cursor at the end.

        Raises:
            FilterError: the filters cannot be read.
            ProjectNotFoundError: the project is not there.
            ApiError: the request failed.
        """
        if limit < 1:
            raise ClientError(f"the limit must be 1 or more, found {limit}")
        expression = compile_filters(filters or {})
        logs: list[dict[str, Any]] = []
        while True:
            wanted = min(limit - len(logs), MAX_PAGE_ROWS)
            found = self._rows(project_id, expression, wanted, cursor)
            logs += found.rows
            cursor = found.cursor if found.rows else None
            if cursor is None or len(logs) >= limit:
                break
        if not logs:
            # An unknown project has no rows either; the query API does not tell the difference.
            self._require_project(project_id)
        has_more = cursor is not None and bool(self._rows(project_id, expression, 1, cursor).rows)
        return Page(logs, cursor if has_more else None, has_more)

    def feedback(
        self,
        project_id: str,
        items: Sequence[Mapping[str, Any]],
        *,
        rating_scale: RatingScale = FIVE_STARS,
    ) -> list[str]:
        """Say something about rows that are there: ratings, scores, comments, expected, tags.

        Args:
            project_id: the project's id.
            items: each with the `id` of a row, and any of `rating`, `scores`, `comment`,
                `expected`, `tags`, `metadata`, `source`.
            rating_scale: the scale of the ratings; default 1 to 5.

        Returns:
            The ids of the rows.

        Raises:
            EventError: an item has a wrong form.
            RatingError: a rating is not on the scale.
            LogNotFoundError: a row is not in the project; nothing was sent.
            ProjectNotFoundError: the project is not there.
            ApiError: the request failed.
        """
        checked = check_feedback(items, rating_scale)
        if not checked:
            return []
        ids = [item["id"] for item in checked]
        self._require_rows(project_id, ids)
        path = f"/v1/project_logs/{quote(project_id, safe='')}/feedback"
        self._attempts.call("POST", path, json={"feedback": checked}, repeat=UNREPEATABLE)
        return ids

    def query(self, query: str | Mapping[str, Any], *, cursor: str | None = None) -> QueryResult:
        """Ask the query API.

        Args:
            query: SQL or BTQL as text, or the form of an expression tree.
            cursor: where to go on, for an expression tree; in text it is a part of the query.

        Returns:
            The rows, and the cursor for those that follow.

        Raises:
            ApiError: the request failed, or the query was not understood.
        """
        if isinstance(query, str):
            body: dict[str, Any] = {"query": query, "fmt": "json"}
        else:
            body = {
                "query": {**query, "cursor": cursor},
                "use_columnstore": False,
                "brainstore_realtime": True,
                "query_source": "otel_braintrust",
            }
        headers = {"x-bt-org-name": self._org_name} if self._org_name else {}
        response = self._attempts.call("POST", "/btql", json=body, headers=headers)
        answer = response.json()
        # The next page is named in the body, or only in the header (both have been recorded).
        following = answer.get("cursor") or response.headers.get("x-bt-cursor")
        return QueryResult(answer.get("data") or [], following or None)

    def _rows(
        self, project_id: str, expression: Expression | None, limit: int, cursor: str | None
    ) -> QueryResult:
        """Ask for one page of a project's rows, in the form that Braintrust's own SDK sends."""
        query: dict[str, Any] = {
            "select": [{"op": "star"}],
            "from": {
                "op": "function",
                "name": {"op": "ident", "name": ["project_logs"]},
                "args": [{"op": "literal", "value": project_id}],
            },
            "limit": limit,
        }
        if expression is not None:
            query["filter"] = expression
        return self.query(query, cursor=cursor)

    def _existing_project(self, name: str) -> str:
        organization = {"org_name": self._org_name} if self._org_name else {}
        query = urlencode({"project_name": name, **organization})
        listed = self._attempts.call("GET", f"/v1/project?{query}").json().get("objects") or []
        for project in listed:
            if project.get("name") == name:
                return str(project["id"])
        raise ProjectNotFoundError(f"there is no project named {name!r}, or the key may not see it")

    def _require_rows(self, project_id: str, ids: list[str]) -> None:
        wanted = sorted(set(ids))
        found: set[str] = set()
        for start in range(0, len(wanted), MAX_PAGE_ROWS):
            part = wanted[start : start + MAX_PAGE_ROWS]
            expression = compile_filters({"id": {"$in": part}})
            found |= {row["id"] for row in self._rows(project_id, expression, len(part), None).rows}
        missing = [row_id for row_id in wanted if row_id not in found]
        if not missing:
            return
        self._require_project(project_id)
        raise LogNotFoundError(
            f"there is no log {missing[0]!r} in project {project_id}: "
            "look up its id with 'otel-braintrust fetch'"
        )

    def _require_project(self, project_id: str) -> None:
        if project_id in self._known_projects:
            return
        try:
            self._attempts.call("GET", f"/v1/project/{quote(project_id, safe='')}")
        except (NotFoundError, RequestError) as error:
            if error.status not in (400, 404, 422):
                raise
            raise ProjectNotFoundError(
                f"there is no project {project_id!r}, or the key may not see it: "
                "look up its id in the project's settings, or name it with --project"
            ) from error
        self._known_projects.add(project_id)

    def _insert_batch(self, project_id: str, encoded: list[bytes]) -> None:
        path = f"/v1/project_logs/{quote(project_id, safe='')}/insert"
        try:
            self._attempts.call("POST", path, data=b'{"events":[' + b",".join(encoded) + b"]}")
        except TooLargeError:
            # A gateway before the server may take less than the server says it does.
            if len(encoded) == 1:
                raise
            middle = len(encoded) // 2
            self._insert_batch(project_id, encoded[:middle])
            self._insert_batch(project_id, encoded[middle:])

    def _request_limit_bytes(self) -> int:
        if self._max_request_bytes is None:
            try:
                answer = self._attempts.call("GET", "/version").json()
            except NotFoundError:
                answer = {}
            limit = answer.get("logs3_payload_max_bytes") if isinstance(answer, dict) else None
            self._max_request_bytes = limit or DEFAULT_MAX_REQUEST_BYTES
        return self._max_request_bytes
