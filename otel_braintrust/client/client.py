"""Braintrust's REST API as far as logs need it: projects, insert, fetch, query, feedback."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from otel_braintrust.client.attachments import (
    AttachmentDesk,
    ReadonlyAttachment,
    encode_events,
)
from otel_braintrust.client.attempts import UNREPEATABLE, Attempts
from otel_braintrust.client.errors import (
    ClientError,
    LogNotFoundError,
    MissingKeyError,
)
from otel_braintrust.client.events import check_events, check_feedback
from otel_braintrust.client.exporting import exported_rows
from otel_braintrust.client.filters import compile_filters
from otel_braintrust.client.inserting import Inserting
from otel_braintrust.client.masking import masked_events, masked_feedback
from otel_braintrust.client.projects import ProjectDirectory
from otel_braintrust.client.queries import QueryApi, QueryResult
from otel_braintrust.client.ratings import FIVE_STARS, RatingScale
from otel_braintrust.delivery.destinations import Projects
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.equipment import new_redaction
from otel_braintrust.settings import KEY_SOURCES, Settings

if TYPE_CHECKING:
    from typing_extensions import Self


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
        mask: what is masked in events and feedback before they are sent; also
            `OTEL_BRAINTRUST_MASK`.
        capture_content: False sends no content; also `OTEL_BRAINTRUST_CAPTURE_CONTENT`.

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
        mask: Any = None,
        capture_content: bool | None = None,
    ) -> None:
        settings = Settings.resolve(
            api_key=api_key,
            api_url=api_url,
            app_url=app_url,
            org_name=org_name,
            http_timeout_s=http_timeout_s,
            mask=mask,
            capture_content=capture_content,
        )
        if not settings.api_key:
            raise MissingKeyError(f"no API key: set it by {KEY_SOURCES}")
        self._connection = Connection(
            api_key=settings.api_key,
            app_url=settings.app_url,
            api_url=settings.api_url,
            org_name=settings.org_name,
            http_timeout_s=settings.http_timeout_s,
        )
        self._redact = new_redaction(settings, Troubles())
        self._attempts = Attempts(self._connection, settings.http_timeout_s)
        self._attachments = AttachmentDesk(
            self._connection, settings.http_timeout_s, max_bytes=settings.attachment_bytes
        )
        self._created = Projects(self._connection)
        self._projects = ProjectDirectory(self._attempts, settings.org_name)
        self._query_api = QueryApi(self._attempts, settings.org_name)
        limits = Limits(settings.max_request_bytes, settings.max_request_rows)
        self._inserting = Inserting(self._connection, self._attempts, limits)

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
        return self._created.project_id(name) if create else self._projects.id_of(name)

    def insert(self, project_id: str, events: Sequence[Mapping[str, Any]]) -> list[str]:
        """Insert log events; all are checked before the first is sent.

        Args:
            project_id: the project's id.
            events: the events; one without an id is given one, so that a retry within this call
                does not double it. Attachments in them are uploaded once the events are in.

        Returns:
            The ids of the rows, in the order of the events.

        Raises:
            EventError: an event has a wrong form.
            EventTooLargeError: one is larger than the server takes.
            ProjectNotFoundError: the project is not there.
            PartialInsertError: a later batch failed after others had arrived.
            AttachmentError: the events are in, but an attachment could not be uploaded.
            ApiError: the request failed.
        """
        rows = check_events(events)
        if not rows:
            return []
        self._projects.require(project_id)
        encoded, attachments = encode_events(rows)
        if self._redact is not None:
            encoded, attachments = masked_events(encoded, attachments, self._redact)
        self._inserting.insert(project_id, encoded, [row["id"] for row in rows])
        self._attachments.upload_all(attachments)
        return [row["id"] for row in rows]

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
        with self._projects.explained(project_id):
            found = self._query_api.rows(project_id, expression, limit=limit, cursor=cursor)
        if not found.rows:
            # An unknown project has no rows either; the query API does not tell the difference.
            self._projects.require(project_id)
        if found.cursor is None:
            return Page(found.rows, None, has_more=False)
        following = self._query_api.rows(project_id, expression, limit=1, cursor=found.cursor)
        has_more = bool(following.rows)
        return Page(found.rows, found.cursor if has_more else None, has_more)

    def export(
        self,
        project_id: str,
        *,
        filters: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Go through a project's rows, the newest first, page by page as they are asked for.

        Args:
            project_id: the project's id.
            filters: what the rows must be, as in :meth:`fetch`.
            limit: how many rows at most; default all.

        Returns:
            Each row with its ids, times, content and comments, and without what its project adds,
            so that the command `import` takes it as it is.

        Raises:
            FilterError: the filters cannot be read.
            ProjectNotFoundError: the project is not there.
            ApiError: a request failed.
        """
        expression = compile_filters(filters or {})

        def ask(wanted: int, cursor: str | None) -> QueryResult:
            with self._projects.explained(project_id):
                return self._query_api.rows(project_id, expression, limit=wanted, cursor=cursor)

        self._projects.require(project_id)
        return exported_rows(ask, limit=limit)

    def require_project(self, project_id: str) -> None:
        """Make sure that there is a project with this id.

        Raises:
            ProjectNotFoundError: there is none.
            ApiError: the request failed.
        """
        self._projects.require(project_id)

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
        if self._redact is not None:
            checked = masked_feedback(checked, self._redact)
            if not checked:
                return ids
        path = f"/v1/project_logs/{quote(project_id, safe='')}/feedback"
        self._attempts.call("POST", path, json={"feedback": checked}, repeat=UNREPEATABLE)
        return ids

    def attachment(self, reference: Mapping[str, Any]) -> ReadonlyAttachment:
        """Read an attachment of a row that was fetched.

        Args:
            reference: what stands in the row: an object whose type is `braintrust_attachment` or
                `external_attachment`.

        Returns:
            The attachment; nothing is requested before its bytes or its status are asked for.

        Raises:
            AttachmentError: the value is no such reference.
        """
        return ReadonlyAttachment(reference, self._attachments)

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
        return self._query_api.ask(query, cursor=cursor)

    def _require_rows(self, project_id: str, ids: list[str]) -> None:
        wanted = sorted(set(ids))
        expression = compile_filters({"id": {"$in": wanted}})
        with self._projects.explained(project_id):
            rows = self._query_api.rows(project_id, expression, limit=len(wanted)).rows
        found = {row["id"] for row in rows}
        missing = [row_id for row_id in wanted if row_id not in found]
        if not missing:
            return
        self._projects.require(project_id)
        raise LogNotFoundError(
            f"there is no log {missing[0]!r} in project {project_id}: "
            "look up its id with 'otel-braintrust fetch'"
        )
