"""A Braintrust in memory, which answers without a socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from otel_braintrust.delivery.answers import Response
from otel_braintrust.delivery.encoding import encode
from otel_braintrust.delivery.errors import ApiError, NotFoundError, RequestError
from otel_braintrust.delivery.http import Connection
from otel_braintrust.local.rows import RowError
from otel_braintrust.local.store import Store
from otel_braintrust.settings import Settings

URL = "http://braintrust.invalid"


class MemoryBraintrust:
    """What a processor, feedback and attachments ask of Braintrust, answered from memory.

    Attributes:
        store: The rows.
        files: The attachments that were uploaded, by key.
    """

    def __init__(self) -> None:
        self.store = Store()
        self.files: dict[str, bytes] = {}

    def connect(self, settings: Settings, api_key: str) -> Connection:
        """A connection that leads here, whatever the settings name."""
        return _MemoryConnection(self, org_name=settings.org_name, api_key=api_key)

    def answer(self, method: str, path: str, body: bytes) -> Any:
        """Answer a request.

        Raises:
            LookupError: There is no such thing here.
            RowError: A row is none that Braintrust takes.
        """
        if method == "PUT":
            self.files[path.rpartition("/")[2]] = body
            return {}
        handler = _HANDLERS[method, path]
        return handler(self, orjson.loads(body) if body else {})

    def _login(self, _body: Any) -> Any:
        organization = self.store.organization
        return {"org_info": [{"id": organization.id, "name": organization.name, "api_url": URL}]}

    def _version(self, _body: Any) -> Any:
        return {"logs3_payload_max_bytes": 1 << 40}

    def _project(self, body: Mapping[str, Any]) -> Any:
        project, _ = self.store.create_project(body["name"])
        return {"id": project.id, "name": project.name, "org_id": project.org_id}

    def _logs(self, body: Mapping[str, Any]) -> Any:
        written = self.store.insert_rows(body["rows"])
        return {"ids": written.ids, "xact_id": written.xact_id}

    def _attachment(self, body: Mapping[str, Any]) -> Any:
        return {"signedUrl": f"{URL}/files/{body['key']}", "headers": {}}

    def _status(self, _body: Any) -> Any:
        return {}


_HANDLERS: Mapping[tuple[str, str], Callable[[MemoryBraintrust, Any], Any]] = {
    ("POST", "/api/apikey/login"): MemoryBraintrust._login,  # noqa: SLF001  (the class's own table)
    ("GET", "/version"): MemoryBraintrust._version,  # noqa: SLF001
    ("POST", "/v1/project"): MemoryBraintrust._project,  # noqa: SLF001
    ("POST", "/logs3"): MemoryBraintrust._logs,  # noqa: SLF001
    ("POST", "/attachment"): MemoryBraintrust._attachment,  # noqa: SLF001
    ("POST", "/attachment/status"): MemoryBraintrust._status,  # noqa: SLF001
}


class _MemoryConnection(Connection):
    def __init__(self, braintrust: MemoryBraintrust, *, org_name: str | None, api_key: str) -> None:
        super().__init__(
            api_key=api_key, app_url=URL, api_url=URL, org_name=None, http_timeout_s=60.0
        )
        self.org_name = org_name
        self._braintrust = braintrust

    def _send(
        self,
        method: str,
        url: str,
        json: Any,
        data: bytes | None,
        headers: Mapping[str, str] | None,  # noqa: ARG002  (nobody here asks for them)
        deadline: float | None,  # noqa: ARG002  (it is answered at once)
        authorized: bool,  # noqa: ARG002
    ) -> Response:
        body = encode(json) if json is not None else data or b""
        path = urlsplit(url).path
        try:
            answer = self._braintrust.answer(method, path, body)
        except RowError as error:
            raise self._failure(RequestError, method, url, 400, str(error)) from error
        except LookupError as error:
            reason = f"the tests' Braintrust knows no such thing: {error}"
            raise self._failure(NotFoundError, method, url, 404, reason) from error
        return Response(200, {}, encode(answer), method, url)

    def _failure(
        self, kind: type[ApiError], method: str, url: str, status: int, reason: str
    ) -> ApiError:
        return kind(method, url, status, reason, masked_key=self.masked_key)
