"""Logins, limits, projects, uploads and addresses that are not as they should be."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scripted_server import Answer, ScriptedServer

from .conftest import Application

Make = Callable[..., Application]
CERTIFICATES = Path(__file__).parent.parent / "certificates"


@pytest.mark.parametrize(
    "organizations",
    [
        [{"id": "o", "name": "acme"}],
        [{"id": "o", "name": "acme", "api_url": 5}],
        [{"id": "o", "name": None, "api_url": "not an address"}],
        [],
        "many",
        [7],
        None,
    ],
)
def test_a_login_that_names_no_usable_address_is_one_error_that_says_so(
    server: ScriptedServer, application: Make, caplog: pytest.LogCaptureFixture, organizations: Any
) -> None:
    server.scripted_path = "/api/apikey/login"
    server.always = Answer(200, json.dumps({"org_info": organizations}).encode())
    app = application()
    app.end_spans(4)
    assert app.processor.flush(5.0).dropped == 4
    assert app.processor.ledger.dropped.keys() <= {"rejected", "not_found"}
    assert caplog.text.count("4 spans refused") == 1
    assert "unexpected" not in caplog.text


VERSIONS = {
    "refuses": Answer(401),
    "fails": Answer(500),
    "is not there": Answer(404),
    "asks for time": Answer(429, b"", {"Retry-After": "3600"}),
    "redirects": Answer(302, b"", {"Location": "https://elsewhere.example/"}),
    "is a page": Answer(200, b"<html></html>", {"Content-Type": "text/html"}),
    "is no JSON": Answer(200, b"v1.2"),
    "is a list": Answer(200, b"[1]"),
    "tells a negative limit": Answer(200, b'{"logs3_payload_max_bytes": -1}'),
    "tells a limit of one byte": Answer(200, b'{"logs3_payload_max_bytes": 1}'),
    "tells a limit that is no number": Answer(200, b'{"logs3_payload_max_bytes": true}'),
    "tells a limit without end": Answer(200, b'{"logs3_payload_max_bytes": 99999999999999999999}'),
    "resets": Answer(manner="reset"),
}


@pytest.mark.parametrize("kind", VERSIONS)
def test_rows_arrive_whatever_the_question_for_the_limit_comes_to(
    server: ScriptedServer, application: Make, kind: str
) -> None:
    server.scripted_path = "/version"
    server.always = VERSIONS[kind]
    app = application()
    ids = app.end_spans(20)
    assert app.processor.flush(10.0).sent == 20
    assert sorted(server.arrivals) == sorted(ids)


def test_a_limit_that_is_never_told_holds_rows_up_for_seconds_only(
    server: ScriptedServer, application: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otel_braintrust.delivery.limits.ANSWER_TIMEOUT_S", 0.3)
    server.scripted_path = "/version"
    server.always = Answer(manner="hang")
    app = application()
    app.end_spans(20)
    begin = time.monotonic()
    assert app.processor.flush(10.0).sent == 20
    assert time.monotonic() - begin < 3.0


@pytest.mark.parametrize("told", [b"{}", b"[]", b'{"id": 5}', b'{"id": ""}', b"maybe"])
def test_a_project_without_an_id_is_asked_for_again(
    server: ScriptedServer, application: Make, told: bytes
) -> None:
    server.scripted_path = "/v1/project"
    server.script.append(Answer(200, told))
    app = application()
    app.end_spans(4)
    assert app.processor.flush(10.0).sent == 4
    assert {row["project_id"] for row in server.rows.values()} == {"id-of-faults"}


PLACES: list[Any] = [
    [],
    {},
    {"method": "PUT", "signedUrl": "no address", "key": "k"},
    {"method": "PUT", "signedUrl": "http://127.0.0.1:9/x", "key": "k", "headers": ["a"]},
    {"method": "POST", "signedUrl": "http://127.0.0.1:9/x", "key": "k", "fields": ["a"]},
    {"method": 5, "signedUrl": "http://127.0.0.1:9/x", "key": "k", "headers": {"a": "b\nc"}},
]


@pytest.mark.parametrize("place", PLACES)
def test_an_upload_to_nowhere_costs_large_values_of_one_row_and_nothing_of_others(
    server: ScriptedServer, application: Make, place: Any
) -> None:
    server.told_max_bytes = server.max_body_bytes = 20_000
    server.scripted_path = "/logs3/overflow"
    server.always = Answer(200, json.dumps(place).encode())
    app = application()
    ids = app.end_spans(5)
    [large] = app.end_spans(1, text="x" * 50_000, other="kept")
    ids += app.end_spans(5)
    assert app.processor.flush(10.0).sent == 11
    assert sorted(server.arrivals) == sorted([*ids, large])
    assert server.rows[large]["metadata"]["other"] == "kept"


@pytest.mark.parametrize("fault", [Answer(500), Answer(413), Answer(manner="reset")])
def test_a_way_round_the_limit_that_always_fails_is_given_up_for_the_row_without_its_largest_values(
    server: ScriptedServer, application: Make, fault: Answer
) -> None:
    server.told_max_bytes = server.max_body_bytes = 20_000
    server.scripted_path = "/logs3/overflow"
    server.always = fault
    app = application()
    [large] = app.end_spans(1, text="x" * 50_000)
    assert app.processor.flush(15.0).sent == 1
    assert "left out" in server.rows[large]["metadata"]["text"]


def test_an_outage_does_not_cost_a_large_row_its_content(
    server: ScriptedServer, application: Make
) -> None:
    server.told_max_bytes = server.max_body_bytes = 20_000
    server.overflow_method = "PUT"
    app = application()
    assert app.processor.flush(1.0).ok
    app.end_spans(1)
    assert app.processor.flush(5.0).sent == 1
    server.stop()
    [large] = app.end_spans(1, text="x" * 50_000)
    for _ in range(4):
        assert app.processor.flush(0.7).pending == 1
    server.start()
    assert app.processor.flush(10.0).sent == 1
    assert server.rows[large]["metadata"]["text"] == "x" * 50_000


def test_a_row_below_the_limit_that_was_told_wrong_is_posted_all_the_same(
    server: ScriptedServer, application: Make
) -> None:
    server.told_max_bytes = 2000
    app = application()
    [large] = app.end_spans(1, text="x" * 5000)
    assert app.processor.flush(5.0).sent == 1
    assert server.rows[large]["metadata"]["text"] == "x" * 5000


@pytest.mark.parametrize("max_bytes", [10, 300])
def test_a_server_that_takes_less_than_a_row_costs_few_requests(
    server: ScriptedServer, application: Make, max_bytes: int
) -> None:
    server.max_body_bytes = max_bytes
    app = application()
    app.end_spans(30)
    assert app.processor.flush(10.0).dropped == 30
    assert app.processor.ledger.dropped == {"too_large": 30}
    assert len(server.posts()) <= 100


def test_an_address_may_end_in_slashes(server: ScriptedServer, application: Make) -> None:
    app = application(api_url=server.url + "//", app_url=server.url + "/")
    app.end_spans(4)
    assert app.processor.flush(5.0).sent == 4
    assert {each.path for each in server.requests} == {"/version", "/v1/project", "/logs3"}


@pytest.mark.parametrize("certificate", ["expired.pem", "elsewhere.pem"])
def test_a_certificate_that_does_not_hold_is_told_and_nothing_is_sent(
    application: Make,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    certificate: str,
) -> None:
    server = ScriptedServer()
    server.certificate = certificate
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATES / certificate))
    with server:
        app = application(app_url=server.url)
        app.end_spans(4)
        begin = time.monotonic()
        assert app.processor.flush(0.5).pending == 4
        assert time.monotonic() - begin < 1.5
        assert server.requests == []
    assert "the TLS handshake failed" in caplog.text


def test_rows_go_over_tls_to_a_server_that_is_trusted(
    application: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ScriptedServer()
    server.certificate = "localhost.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATES / "localhost.pem"))
    with server:
        app = application(app_url=server.url)
        app.end_spans(4)
        assert app.processor.flush(5.0).sent == 4


def test_a_dead_proxy_is_told_without_its_password_and_rows_wait(
    server: ScriptedServer,
    application: Make,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:hunter2@127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    app = application()
    app.end_spans(4)
    assert app.processor.flush(0.5).pending == 4
    assert "HTTPS_PROXY" in caplog.text
    assert "hunter2" not in caplog.text
    monkeypatch.delenv("HTTP_PROXY")
    assert app.processor.flush(10.0).sent == 4


def test_a_name_that_cannot_be_resolved_for_a_while_is_tried_again(
    server: ScriptedServer, application: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve, is_there = socket.getaddrinfo, []

    def flaky(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "api.flaky.test":
            if not is_there:
                raise socket.gaierror(-3, "Temporary failure in name resolution")
            host = "127.0.0.1"
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", flaky)
    url = f"http://api.flaky.test:{server.port}"
    app = application(app_url=url, api_url=url)
    app.end_spans(4)
    assert app.processor.flush(0.5).pending == 4
    is_there.append(True)
    assert app.processor.flush(10.0).sent == 4
