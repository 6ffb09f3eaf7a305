"""BraintrustClient over the wire: batches, retries, cursors, and errors that say what is so."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from typing import Any

import pytest

from otel_braintrust.client import (
    BraintrustClient,
    ClientError,
    EventError,
    EventTooLargeError,
    LogNotFoundError,
    MissingKeyError,
    PartialInsertError,
    ProjectNotFoundError,
)
from otel_braintrust.delivery.errors import (
    AuthenticationError,
    ConnectionFailure,
    RequestError,
    ServerError,
)
from otel_braintrust.local.limits import Limits
from otel_braintrust.local.server import LocalServer

Request = tuple[str, str, Any]
Answer = tuple[int, Any]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in [name for name in os.environ if name.startswith("BRAINTRUST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def client_of(server: LocalServer, **options: Any) -> BraintrustClient:
    options = {"api_key": server.api_key, "api_url": server.url, "app_url": server.url, **options}
    return BraintrustClient(**options)


@pytest.fixture
def client(local_braintrust: LocalServer) -> Iterator[BraintrustClient]:
    with client_of(local_braintrust) as opened:
        yield opened


@pytest.fixture
def project_id(client: BraintrustClient) -> str:
    return client.project_id("bot", create=True)


class Scripted:
    """An API that answers by a function of the request, and keeps what it was asked."""

    def __init__(self, answer: Callable[[str, str, Any], Answer]) -> None:
        self.requests: list[Request] = []
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"null")
                request = (self.command, self.path.partition("?")[0], body)
                scripted.requests.append(request)
                status, value = answer(*request)
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def inserted(self) -> list[list[str]]:
        """The ids of each insert request."""
        return [
            [event["id"] for event in body["events"]]
            for _, path, body in self.requests
            if path.endswith("/insert")
        ]

    def client(self, **options: Any) -> BraintrustClient:
        port = self.server.server_address[1]
        return BraintrustClient(
            api_key="sk-scripted-key", api_url=f"http://127.0.0.1:{port}", **options
        )


@contextmanager
def serving(answer: Callable[[str, str, Any], Answer]) -> Iterator[Scripted]:
    scripted = Scripted(answer)
    thread = threading.Thread(target=scripted.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield scripted
    scripted.server.shutdown()
    thread.join()
    scripted.server.server_close()


def flat(batches: list[list[str]]) -> list[str]:
    return list(chain.from_iterable(batches))


def well(method: str, path: str, body: Any) -> Answer:
    """Answer as an API where all is well."""
    if path == "/version":
        return 200, {"logs3_payload_max_bytes": 10_000}
    if path.endswith("/insert"):
        return 200, {"row_ids": [event["id"] for event in body["events"]]}
    return 200, {"id": path.rsplit("/", 1)[-1], "name": "bot"}


def test_a_project_is_made_only_when_asked_to(client: BraintrustClient) -> None:
    with pytest.raises(ProjectNotFoundError, match="'bot'"):
        client.project_id("bot")

    made = client.project_id("bot", create=True)

    assert client.project_id("bot") == made
    assert client.project_id("bot", create=True) == made


def test_rows_keep_the_order_of_their_events(
    client: BraintrustClient, local_braintrust: LocalServer, project_id: str
) -> None:
    ids = client.insert(project_id, [{"input": number} for number in range(250)])

    rows = {row["id"]: row["input"] for row in local_braintrust.rows("bot")}
    assert [rows[row_id] for row_id in ids] == list(range(250))


def test_events_go_in_several_requests_by_number_and_by_bytes() -> None:
    with serving(well) as api, api.client() as client:
        many = client.insert("p", [{"input": 1} for _ in range(201)])
        large = client.insert("p", [{"input": "x" * 2000} for _ in range(5)])

    batches = api.inserted()
    assert flat(batches) == many + large
    assert max(len(batch) for batch in batches) <= 100
    assert [len(batch) for batch in batches[-3:]] == [2, 2, 1]  # half of 10000 bytes holds two


def test_one_event_that_is_too_large_stops_all_before_anything_is_sent(
    local_braintrust: LocalServer,
) -> None:
    limits = Limits(payload_max_bytes=10_000)
    with LocalServer(limits=limits) as server, client_of(server) as client:
        project_id = client.project_id("bot", create=True)

        with pytest.raises(EventTooLargeError, match="event 1 has 30"):
            client.insert(project_id, [{"input": "small"}, {"input": "x" * 30_000}])

        assert server.rows("bot") == []


def test_a_batch_that_is_refused_as_too_large_goes_in_halves() -> None:
    def gateway(method: str, path: str, body: Any) -> Answer:
        if path.endswith("/insert") and len(body["events"]) > 2:
            return 413, {"error": "too large"}
        return well(method, path, body)

    with serving(gateway) as api, api.client() as client:
        ids = client.insert("p", [{"input": number} for number in range(7)])

    taken = [batch for batch in api.inserted() if len(batch) <= 2]
    assert flat(taken) == ids


def test_what_arrived_is_told_when_a_later_batch_fails() -> None:
    def fails_later(method: str, path: str, body: Any) -> Answer:
        if path.endswith("/insert") and body["events"][0]["input"] >= 100:
            return 400, {"error": "no more"}
        return well(method, path, body)

    with (
        serving(fails_later) as api,
        api.client() as client,
        pytest.raises(PartialInsertError, match="of 250 events are in") as failed,
    ):
        client.insert("p", [{"input": number} for number in range(250)])

    assert failed.value.ids == flat(api.inserted()[:-1])


def test_an_event_that_the_server_leaves_out_is_told() -> None:
    def forgets(method: str, path: str, body: Any) -> Answer:
        return (200, {"row_ids": ["a"]}) if "insert" in path else well(method, path, body)

    with (
        serving(forgets) as api,
        api.client() as client,
        pytest.raises(ServerError, match="took 1 of 2 events"),
    ):
        client.insert("p", [{"input": 1}, {"input": 2}])


@pytest.mark.parametrize("answer", [[], "text", None])
def test_another_service_at_the_address_is_told(answer: Any) -> None:
    with serving(lambda *_: (200, answer)) as api, api.client() as client:
        with pytest.raises(ServerError, match="expected a JSON object"):
            client.query("select: 1")
        with pytest.raises(ServerError, match="expected a JSON object"):
            client.project_id("bot")


def test_an_insert_is_tried_again_with_the_same_ids() -> None:
    answers = iter([503, 429, 200])

    def recovers(method: str, path: str, body: Any) -> Answer:
        if path.endswith("/insert"):
            status = next(answers)
            return well(method, path, body) if status == 200 else (status, {"error": "later"})
        return well(method, path, body)

    with serving(recovers) as api, api.client() as client:
        ids = client.insert("p", [{"input": 1}])

    assert api.inserted() == [ids, ids, ids]


def test_a_request_that_fails_for_good_is_tried_three_times() -> None:
    with (
        serving(lambda *_: (500, {"error": "broken"})) as api,
        api.client() as client,
        pytest.raises(ServerError, match="broken"),
    ):
        client.query("select: 1")

    assert len(api.requests) == 3


@pytest.mark.parametrize("status", [400, 401])
def test_what_was_refused_is_not_tried_again(status: int) -> None:
    with (
        serving(lambda *_: (status, {"error": "no"})) as api,
        api.client() as client,
        pytest.raises((RequestError, AuthenticationError)),
    ):
        client.query("select: 1")

    assert len(api.requests) == 1


def test_a_comment_is_not_sent_twice_when_the_server_fails() -> None:
    def fails(method: str, path: str, body: Any) -> Answer:
        if path == "/btql":
            return 200, {"data": [{"id": "r"}]}
        return (500, {"error": "perhaps it was taken"}) if "feedback" in path else (200, {})

    with serving(fails) as api, api.client() as client, pytest.raises(ServerError):
        client.feedback("p", [{"id": "r", "comment": "hi"}])

    assert [path for _, path, _ in api.requests].count("/v1/project_logs/p/feedback") == 1


def test_a_cursor_in_the_header_is_found_and_the_end_is_asked_for(
    client: BraintrustClient, project_id: str
) -> None:
    client.insert(project_id, [{"id": f"r{number}"} for number in range(5)])

    first = client.fetch(project_id, limit=4)
    second = client.fetch(project_id, limit=4, cursor=first.cursor)

    assert first.has_more
    assert not second.has_more
    assert second.cursor is None
    assert {row["id"] for row in first.logs + second.logs} == {f"r{n}" for n in range(5)}


def test_a_page_of_more_rows_than_one_request_gives_is_put_together() -> None:
    def pages(method: str, path: str, body: Any) -> Answer:
        start = int(body["query"]["cursor"] or 0)
        rows = [{"id": number} for number in range(start, min(start + 300, 1500))]
        rows = rows[: body["query"]["limit"]]
        return 200, {"data": rows, "cursor": str(start + len(rows)) if rows else None}

    with serving(pages) as api, api.client() as client:
        page = client.fetch("p", limit=1200)
        rest = client.fetch("p", limit=1200, cursor=page.cursor)

    assert [row["id"] for row in page.logs] == list(range(1200))
    assert page.has_more
    assert [row["id"] for row in rest.logs] == list(range(1200, 1500))
    assert (rest.cursor, rest.has_more) == (None, False)
    assert len(api.requests) == 4 + 1 + 2


def test_the_query_is_what_braintrust_s_own_sdk_sends() -> None:
    with (
        serving(lambda *_: (200, {"data": [{"id": "r"}]})) as api,
        api.client(org_name="acme") as client,
    ):
        client.fetch("p1", limit=7, filters={"metadata.error": True})

    [(_, path, body)] = api.requests
    assert path == "/btql"
    assert body["query"] == {
        "select": [{"op": "star"}],
        "from": {
            "op": "function",
            "name": {"op": "ident", "name": ["project_logs"]},
            "args": [{"op": "literal", "value": "p1"}],
        },
        "filter": {
            "op": "eq",
            "left": {"op": "ident", "name": ["metadata", "error"]},
            "right": {"op": "literal", "value": True},
        },
        "limit": 7,
        "cursor": None,
    }


def test_feedback_on_several_rows_needs_all_of_them(
    client: BraintrustClient, local_braintrust: LocalServer, project_id: str
) -> None:
    client.insert(project_id, [{"id": "a"}, {"id": "b"}])

    with pytest.raises(LogNotFoundError, match="'zz'"):
        client.feedback(project_id, [{"id": "a", "rating": 5}, {"id": "zz", "rating": 1}])
    assert all(not row["scores"] for row in local_braintrust.rows("bot"))

    assert client.feedback(
        project_id, [{"id": "a", "rating": 5}, {"id": "b", "scores": {"tone": True}}]
    ) == ["a", "b"]
    scores = {row["id"]: row["scores"] for row in local_braintrust.rows("bot")}
    assert scores == {"a": {"rating": 1}, "b": {"tone": 1}}


def test_an_unknown_project_is_told_apart_from_a_wrong_key(local_braintrust: LocalServer) -> None:
    with client_of(local_braintrust) as client:
        for call in (
            lambda: client.fetch("nope"),
            lambda: client.insert("nope", [{"input": 1}]),
            lambda: client.feedback("nope", [{"id": "x", "rating": 1}]),
        ):
            with pytest.raises(ProjectNotFoundError, match="'nope'"):
                call()
    with (
        client_of(local_braintrust, api_key="sk-a-wrong-key") as stranger,
        pytest.raises(AuthenticationError, match="401"),
    ):
        stranger.fetch("nope")


def test_wrong_arguments_are_refused_without_a_request() -> None:
    with serving(well) as api, api.client() as client:
        with pytest.raises(ClientError, match="limit"):
            client.fetch("p", limit=0)
        with pytest.raises(EventError):
            client.insert("p", [{"metadata": 1}])
        assert client.insert("p", []) == []
        assert client.feedback("p", []) == []

    assert api.requests == []


def test_a_missing_key_says_where_to_put_one() -> None:
    with pytest.raises(MissingKeyError, match="BRAINTRUST_API_KEY"):
        BraintrustClient()


def test_a_server_that_hangs_is_given_up_in_time() -> None:
    released = threading.Event()

    def hangs(*_request: Any) -> Answer:
        released.wait(10)
        return 200, {}

    with serving(hangs) as api, api.client(http_timeout_s=0.3) as client:
        with pytest.raises(ConnectionFailure, match="no whole answer within"):
            client.query("select: 1")
        released.set()
