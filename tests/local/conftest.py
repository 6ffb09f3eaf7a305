"""A caller of the local Braintrust's API, as any HTTP client would be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from otel_braintrust.local.server import LocalServer


class Api:
    """Calls one server with its key; `project` is a project made for the test."""

    def __init__(self, server: LocalServer, session: requests.Session) -> None:
        self.server = server
        self.session = session
        self.project = self.post("/v1/project", {"name": "test"}).json()["id"]

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        if body is not None:
            options["json"] = body
        return self.session.post(self.server.url + path, timeout=30, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.server.url + path, timeout=30, **options)

    def log(self, *rows: dict[str, Any]) -> requests.Response:
        """Post rows to `/logs3`, in the test's project unless they say another container."""
        home = {"project_id": self.project, "log_id": "g"}
        return self.post("/logs3", {"rows": [{**home, **row} for row in rows], "api_version": 2})

    def row(self, row_id: str) -> dict[str, Any]:
        """The stored row with this id, read over HTTP."""
        query = f"from: project_logs('{self.project}') | filter: id = '{row_id}'"
        [row] = self.post("/btql", {"query": query}).json()["data"]
        return row

    def ids(self, condition: str, *, shape: str = "spans") -> list[str]:
        """The ids of the rows that a filter finds, sorted."""
        query = f"select: id | from: project_logs('{self.project}') {shape} | filter: {condition}"
        answer = self.post("/btql", {"query": query})
        assert answer.status_code == 200, answer.text
        return sorted(row["id"] for row in answer.json()["data"])

    def path(self, verb: str) -> str:
        return f"/v1/project_logs/{self.project}/{verb}"


@pytest.fixture
def api(local_braintrust: LocalServer) -> Iterator[Api]:
    """The API of an empty local Braintrust."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {local_braintrust.api_key}"
        yield Api(local_braintrust, session)
