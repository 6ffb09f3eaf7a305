"""One connection: its errors, its deadline, its secrets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_braintrust.delivery.errors import (
    ApiError,
    AuthenticationError,
    ConnectionFailure,
    NotFoundError,
    RequestError,
    ServerError,
    ThrottledError,
    TooLargeError,
    mask_key,
    parse_retry_after,
)
from otel_braintrust.delivery.http import Connection
from tests.scripted_server import Answer, ScriptedServer

KEY = "sk-secret-key-of-the-tests-42"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.scripted_path = "/asked"
        yield running


@pytest.fixture
def connection(server: ScriptedServer) -> Iterator[Connection]:
    made = connect(server.url)
    yield made
    made.close()


def connect(url: str, *, org_name: str | None = None, http_timeout_s: float = 5.0) -> Connection:
    return Connection(
        api_key=KEY, app_url=url, api_url=None, org_name=org_name, http_timeout_s=http_timeout_s
    )


def test_the_api_host_comes_from_the_login_and_is_asked_once(
    server: ScriptedServer, connection: Connection
) -> None:
    connection.api("GET", "/version")
    connection.api("GET", "/version")
    assert [each.path for each in server.requests] == ["/api/apikey/login", "/version", "/version"]
    assert {each.headers["Authorization"] for each in server.requests} == {f"Bearer {KEY}"}
    assert connection.login().name == "acme"


def test_an_unknown_organization_is_named_with_those_there_are(server: ScriptedServer) -> None:
    connection = connect(server.url, org_name="nope")
    with pytest.raises(NotFoundError, match="'nope' not found, must be one of acme"):
        connection.login()
    connection.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, NotFoundError),
        (400, RequestError),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, NotFoundError),
        (408, ThrottledError),
        (413, TooLargeError),
        (422, RequestError),
        (429, ThrottledError),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_each_status_is_its_kind_of_error(
    server: ScriptedServer, connection: Connection, status: int, kind: type[ApiError]
) -> None:
    headers = {"Retry-After": "7", "Location": "https://elsewhere.example/"}
    server.always = Answer(status, b"because\n of this " + KEY.encode(), headers)
    with pytest.raises(kind) as caught:
        connection.api("POST", "/asked", json={})
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.retry_after_s) == (status, 7.0)
    assert error.url == server.url + "/asked"
    assert KEY not in str(error)
    assert "\n" not in str(error)
    assert ("elsewhere" if status == 302 else "because of this sk...42") in error.reason


def test_an_answer_that_is_no_json_is_an_error_only_when_it_is_read(
    server: ScriptedServer, connection: Connection
) -> None:
    server.always = Answer(200, b"OK")
    response = connection.api("GET", "/asked")
    with pytest.raises(ServerError, match="not JSON"):
        response.json()


@pytest.mark.parametrize(
    ("manner", "told"),
    [
        ("hang", r"within 0\.(3|2\d+) s"),
        ("drip", r"within 0\.(3|2\d+) s"),
        ("half", "broke off"),
        ("reset", "was reset"),
    ],
)
def test_no_whole_answer_is_a_connection_failure_within_the_time(
    server: ScriptedServer, connection: Connection, manner: str, told: str
) -> None:
    connection.login()
    server.always = Answer(200, b"x", manner=manner)
    begin = time.monotonic()
    with pytest.raises(ConnectionFailure, match=told):
        connection.api("GET", "/asked", deadline=begin + 0.3)
    assert time.monotonic() - begin < 0.6


def test_a_server_that_drips_headers_does_not_hold_the_caller() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        accepted, _ = listener.accept()
        with accepted:
            accepted.recv(65536)
            try:
                for byte in b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 1000:
                    accepted.sendall(bytes([byte]))
                    time.sleep(0.02)
            except OSError:
                pass

    thread = threading.Thread(target=drip)
    thread.start()
    connection = connect(f"http://127.0.0.1:{listener.getsockname()[1]}", http_timeout_s=0.3)
    begin = time.monotonic()
    with pytest.raises(ConnectionFailure, match=r"within 0\.3 s"):
        connection.app("GET", "/")
    assert time.monotonic() - begin < 0.6
    connection.close()
    thread.join()
    listener.close()


@pytest.mark.parametrize(
    ("url", "kind", "told"),
    [
        ("http://no-such-host.invalid", ConnectionFailure, "cannot be resolved"),
        ("no-scheme", RequestError, "must start with https://"),
        ("http://[", RequestError, "not an address"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_in_plain_words(
    url: str, kind: type[ApiError], told: str
) -> None:
    connection = connect(url)
    with pytest.raises(kind, match=told):
        connection.app("GET", "/x")
    connection.close()


@pytest.fixture
def closed_url() -> Iterator[str]:
    with socket.socket() as bound:  # bound and not listening: nobody else can take the port
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def test_a_port_nobody_listens_on_is_told(closed_url: str) -> None:
    connection = connect(f"http://{closed_url}")
    with pytest.raises(ConnectionFailure, match="refused"):
        connection.app("GET", "/x")
    connection.close()


def test_tls_that_fails_is_told(server: ScriptedServer) -> None:
    connection = connect(server.url.replace("http:", "https:"))
    with pytest.raises(ConnectionFailure, match="TLS handshake failed"):
        connection.app("GET", "/x")
    connection.close()


def test_a_deadline_that_has_passed_sends_nothing(
    server: ScriptedServer, connection: Connection
) -> None:
    with pytest.raises(ConnectionFailure, match="no time was left"):
        connection.app("GET", "/x", deadline=time.monotonic() - 1)
    assert server.requests == []


def test_abort_ends_a_request_that_another_thread_waits_for(
    server: ScriptedServer, connection: Connection
) -> None:
    connection.login()
    server.always = Answer(manner="hang")
    failed = []

    def ask() -> None:
        try:
            connection.api("GET", "/asked")
        except ConnectionFailure as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while len(server.requests) < 2:
        time.sleep(0.001)
    connection.abort()
    thread.join(2.0)
    assert len(failed) == 1


def test_requests_one_after_another_have_each_their_own_body_and_headers(
    server: ScriptedServer, connection: Connection
) -> None:
    connection.api("POST", "/version", data=b"a body")
    connection.api("POST", "/version", data=b"another, longer body")
    connection.api("POST", "/version", data=b"another", headers={"X-Kind": "other"})
    connection.api("POST", "/version")
    connection.api("GET", "/version")
    sent = server.requests[-5:]
    assert [each.method for each in sent] == ["POST", "POST", "POST", "POST", "GET"]
    bodies = [b"a body", b"another, longer body", b"another", b"", b""]
    assert [each.body for each in sent] == bodies
    assert [each.headers.get("X-Kind") for each in sent] == [None, None, "other", None, None]
    lengths = [each.headers.get("Content-Length") for each in sent]
    assert lengths == ["6", "20", "7", "0", None]
    assert "Content-Type" not in sent[-1].headers
    assert {each.headers["Authorization"] for each in sent} == {f"Bearer {KEY}"}


def test_a_request_without_the_key_takes_nothing_over_from_one_with_it(
    server: ScriptedServer, connection: Connection
) -> None:
    url = server.url + "/version"
    for authorized in (True, False, True, False):
        connection.send("GET", url, authorized=authorized)
    assert ["Authorization" in each.headers for each in server.requests] == [True, False] * 2


def test_a_connection_that_was_closed_opens_anew(
    server: ScriptedServer, connection: Connection
) -> None:
    connection.api("GET", "/version")
    connection.close()
    connection.api("GET", "/version")
    assert [each.path for each in server.requests][-2:] == ["/version", "/version"]


def test_netrc_does_not_replace_the_key(
    server: ScriptedServer,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    connection.api("GET", "/version")
    assert server.requests[-1].headers["Authorization"] == f"Bearer {KEY}"
    connection.send("GET", server.url + "/version", authorized=False)
    assert "Authorization" not in server.requests[-1].headers


def test_the_address_in_an_error_has_no_credentials_and_no_query(closed_url: str) -> None:
    connection = connect(f"http://{closed_url}")
    url = f"http://user:pass@{closed_url}/bucket?signature=secret"
    with pytest.raises(ConnectionFailure) as caught:
        connection.send("PUT", url, data=b"x")
    assert caught.value.url == f"http://{closed_url}/bucket"
    assert "secret" not in str(caught.value)
    connection.close()


def test_values_that_orjson_refuses_are_sent_all_the_same(
    server: ScriptedServer, connection: Connection
) -> None:
    value = {"big": 2**70, "lone": "\ud800", 1: float("nan"), "set": {1}}
    connection.app("POST", "/version", json=value)
    body = '{"big":"1180591620717411303424","lone":"\ufffd","1":null,"set":[1]}'.encode()
    assert server.requests[0].body == body


def test_a_key_is_masked_to_two_characters_at_each_end() -> None:
    assert mask_key("sk-abcdefgh12") == "sk...12"
    assert mask_key("short") == "****"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        (" 1.5 ", 1.5),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("soon", None),
        ("-3", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now_s=10.0) == seconds
