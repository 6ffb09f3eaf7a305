"""Braintrust's requests for attachments: announce a file, put its bytes, say how it went, read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from otel_braintrust.attachments import Attachment
from otel_braintrust.delivery.answers import Response
from otel_braintrust.delivery.errors import ApiError, RequestError, ServerError
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.organizations import choose_organization
from otel_braintrust.delivery.retrying import RETRYABLE_ERRORS

PATH = "/attachment"
STATUS_PATH = "/attachment/status"
LOGIN_PATH = "/api/apikey/login"
AZURE_HOST = ".blob.core.windows.net"
MAX_MESSAGE_CHARACTERS = 500
# What names an attachment to the server, by the type of its reference.
PLACE_BY_TYPE: Mapping[str, str] = {"braintrust_attachment": "key", "external_attachment": "url"}


class AttachmentApi:
    """The requests of one upload or download, each made once.

    Args:
        connection: Where requests go.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._organization_id: str | None = None

    def place_for(self, attachment: Attachment, deadline: float | None) -> Mapping[str, Any]:
        """Announce an attachment; where its bytes are to be put.

        Raises:
            ApiError: The request failed, or the answer names no place.
        """
        named = {name: attachment.reference[name] for name in ("key", "filename", "content_type")}
        wanted = {**named, "org_id": self._org_id(deadline)}
        answer = self.connection.api("POST", PATH, json=wanted, deadline=deadline)
        place = _object_in(answer)
        headers = place.get("headers")
        is_whole = isinstance(place.get("signedUrl"), str) and place["signedUrl"]
        if not is_whole or not (headers is None or isinstance(headers, dict)):
            raise _unusable(answer, "the answer names no address to upload to")
        return place

    def put(
        self,
        attachment: Attachment,
        content: bytes,
        place: Mapping[str, Any],
        deadline: float | None,
    ) -> None:
        """Put the bytes where :meth:`place_for` says, without the key.

        Raises:
            ApiError: The request failed.
        """
        url = place["signedUrl"]
        given = {str(name): str(each) for name, each in (place.get("headers") or {}).items()}
        # The server's headers are part of what was signed, whatever case they are in.
        said = {name.lower() for name in given}
        own = {"Content-Type": attachment.reference["content_type"]}
        if (urlsplit(url).hostname or "").endswith(AZURE_HOST):
            own["x-ms-blob-type"] = "BlockBlob"
        headers = {name: each for name, each in own.items() if name.lower() not in said}
        headers |= {
            "Content-Type" if name.lower() == "content-type" else name: each
            for name, each in given.items()
        }
        self.connection.send(
            "PUT", url, data=content, headers=headers, deadline=deadline, authorized=False
        )

    def report(self, key: str, error: str | None, deadline: float | None) -> None:
        """Say that an upload is done, or what went wrong with it.

        Raises:
            ApiError: The request failed.
        """
        status = {"upload_status": "done"}
        if error is not None:
            status = {"upload_status": "error", "error_message": error[:MAX_MESSAGE_CHARACTERS]}
        told = {"key": key, "org_id": self._org_id(deadline), "status": status}
        self.connection.api("POST", STATUS_PATH, json=told, deadline=deadline)

    def locate(self, reference: Mapping[str, str], deadline: float | None) -> Mapping[str, Any]:
        """Where an attachment can be read, and how its upload stands.

        Raises:
            ApiError: The request failed, or the answer names no place.
        """
        place = PLACE_BY_TYPE[reference["type"]]
        names = ("filename", "content_type", place)
        asked = {**{name: reference[name] for name in names}, "org_id": self._org_id(deadline)}
        path = f"{PATH}?{urlencode(asked)}"
        answer = self.connection.api("GET", path, deadline=deadline)
        found = _object_in(answer)
        if isinstance(found.get("downloadUrl"), str) and isinstance(found.get("status"), dict):
            return found
        raise _unusable(answer, "the answer names no address to download from")

    def _org_id(self, deadline: float | None) -> str:
        """The organization's id; asked from the API host where the app host does not tell."""
        if self._organization_id is None:
            connection = self.connection
            try:
                organization = connection.login(deadline=deadline)
            except RETRYABLE_ERRORS:
                raise
            except ApiError:
                if connection.api_url is None:
                    raise
                answer = connection.api("POST", LOGIN_PATH, deadline=deadline)
                organization = choose_organization(
                    answer, connection.org_name, masked_key=connection.masked_key
                )
            self._organization_id = organization.id
        return self._organization_id


def _object_in(answer: Response) -> Mapping[str, Any]:
    found = answer.json()
    return found if isinstance(found, dict) else {}


def _unusable(answer: Response, reason: str) -> ApiError:
    kind: type[ApiError] = ServerError if answer.status >= 500 else RequestError
    return kind(answer.method, answer.url, answer.status, reason)
