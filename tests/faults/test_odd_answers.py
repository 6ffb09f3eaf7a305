"""Answers that no specification foresees: each costs time at most, and never a row."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable

import pytest

from tests.scripted_server import Answer, ScriptedServer

from .conftest import KEY, Application

Make = Callable[..., Application]

HEAD = b"HTTP/1.1 200 OK\r\n"
BROKEN = {
    "nothing": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
    "chunks cut short": HEAD + b"Transfer-Encoding: chunked\r\n\r\n10\r\nabc",
    "chunks without an end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "chunks of no size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    "a body that is no gzip": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    "a length that is no number": b"HTTP/1.1 503 No\r\nContent-Length: many\r\n\r\n",
    "five hundred headers": HEAD + b"X-Header: y\r\n" * 500 + b"\r\n",
    "a header without end": HEAD + b"X-Header: " + b"y" * 100_000,
    "a status that is none": b"HTTP/1.1 99 Odd\r\nContent-Length: 0\r\n\r\n",
    "a status beyond all": b"HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_an_answer_that_cannot_be_read_is_asked_for_again(
    server: ScriptedServer, application: Make, kind: str
) -> None:
    server.script.extend([Answer(body=BROKEN[kind], manner="raw")] * 2)
    app = application()
    ids = app.end_spans(20)
    assert app.processor.flush(15.0).ok
    assert sorted(server.rows) == sorted(ids)
    app.assert_adds_up(20)


def test_rows_that_were_taken_before_the_connection_broke_are_there_once(
    server: ScriptedServer, application: Make
) -> None:
    server.script.extend([Answer(manner="taken, reset")] * 2)
    app = application()
    ids = app.end_spans(20)
    assert app.processor.flush(15.0).sent == 20
    assert sorted(server.rows) == sorted(ids)
    app.assert_adds_up(20)


def test_interim_answers_are_not_the_answer(server: ScriptedServer, application: Make) -> None:
    interim = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    server.always = Answer(body=interim, manner="interim")
    app = application()
    app.end_spans(20)
    assert app.processor.flush(5.0).sent == 20
    assert len(server.posts()) == 1


def test_a_server_of_http_1_0_that_closes_after_each_answer_gets_every_row(
    server: ScriptedServer, application: Make
) -> None:
    app = application()
    taken = b'HTTP/1.0 200 OK\r\n\r\n{"ids": ["told", "by", "its", "end"]}'
    server.script.append(Answer(body=taken, manner="raw"))
    app.end_spans(4)
    assert app.processor.flush(5.0).sent == 4
    for _ in range(5):
        app.end_spans(1)
        assert app.processor.flush(5.0).sent == 1


def test_a_body_that_is_compressed_is_read(server: ScriptedServer, application: Make) -> None:
    server.script.append(Answer(200, gzip.compress(b"{}"), {"Content-Encoding": "gzip"}))
    app = application()
    app.end_spans(4)
    assert app.processor.flush(5.0).sent == 4


def test_a_success_that_tells_of_an_error_is_none(
    server: ScriptedServer, application: Make, caplog: pytest.LogCaptureFixture
) -> None:
    server.script.append(Answer(200, b'{"error": "the queue behind us is full"}'))
    app = application()
    ids = app.end_spans(4)
    assert app.processor.flush(10.0).sent == 4
    assert sorted(server.rows) == sorted(ids)
    assert "the queue behind us is full" in caplog.text


@pytest.mark.parametrize("status", [202, 204])
def test_any_status_of_success_is_one(
    server: ScriptedServer, application: Make, status: int
) -> None:
    server.script.append(Answer(status, b""))
    app = application()
    app.end_spans(4)
    assert app.processor.flush(5.0).sent == 4


@pytest.mark.parametrize("status", [408, 421, 425, 429, 502, 503, 520])
def test_a_status_that_passes_is_waited_out_whatever_page_comes_with_it(
    server: ScriptedServer, application: Make, status: int
) -> None:
    page = Answer(status, b"<!DOCTYPE html><html>busy</html>", {"Content-Type": "text/html"})
    server.script.extend([page] * 2)
    app = application()
    ids = app.end_spans(20)
    assert app.processor.flush(15.0).sent == 20
    assert sorted(server.arrivals) == sorted(ids)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(402, "rejected"), (405, "rejected"), (410, "rejected"), (451, "rejected")],
)
def test_a_refusal_is_final_and_one_request(
    server: ScriptedServer, application: Make, status: int, reason: str
) -> None:
    server.always = Answer(status, b"no")
    app = application()
    app.end_spans(20)
    assert app.processor.flush(5.0).dropped == 20
    assert app.processor.ledger.dropped == {"rejected": 20}
    assert len(server.posts()) == 1


@pytest.mark.parametrize("path", ["/logs3", "/api/apikey/login", "/v1/project"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_follows_no_redirect(
    server: ScriptedServer,
    application: Make,
    caplog: pytest.LogCaptureFixture,
    path: str,
    status: int,
) -> None:
    with ScriptedServer() as elsewhere:
        server.scripted_path = path
        server.always = Answer(status, b"", {"Location": elsewhere.url + path})
        app = application()
        app.end_spans(4)
        assert app.processor.flush(5.0).dropped == 4
        assert elsewhere.requests == []
    assert app.processor.ledger.dropped == {"not_found": 4}
    assert "it redirects to" in caplog.text
    assert KEY not in caplog.text


def test_an_upload_is_not_redirected_and_never_carries_the_key(
    server: ScriptedServer, application: Make
) -> None:
    server.told_max_bytes = server.max_body_bytes = 20_000
    server.overflow_method = "PUT"
    with ScriptedServer() as storage:
        storage.scripted_path = "/bucket/key-4"
        server.upload_url = f"{storage.url}/bucket/"
        app = application()
        [large] = app.end_spans(1, text="x" * 50_000)
        assert app.processor.flush(10.0).sent == 1
        assert all(KEY not in str(each.headers) for each in storage.requests)
        assert storage.requests
    assert "left out" in server.rows[large]["metadata"]["text"]


@pytest.mark.parametrize(
    "value",
    ["-5", "soon", "", "Wed, 21 Oct 2015 07:28:00 GMT", "inf", "nan", "1e9", "0.2", "\u0663"],
)
def test_a_time_to_wait_that_makes_no_sense_is_none(
    server: ScriptedServer, application: Make, value: str
) -> None:
    head = f"HTTP/1.1 503 No\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n"
    server.script.append(Answer(body=head.encode(), manner="raw"))
    app = application()
    app.end_spans(4)
    assert app.processor.flush(5.0).sent == 4


@pytest.mark.parametrize("value", ["3600", "1" * 400, "Wed, 21 Oct 2999 07:28:00 GMT"])
def test_a_long_time_to_wait_holds_up_nobody_and_the_end_tries_once_more(
    server: ScriptedServer, application: Make, value: str
) -> None:
    server.script.append(Answer(429, b"", {"Retry-After": value}))
    app = application()
    app.end_spans(4)
    begin = time.monotonic()
    assert app.processor.flush(0.7).pending == 4
    app.processor.shutdown(timeout_millis=2000)
    assert time.monotonic() - begin < 3.0
    assert app.processor.ledger.sent == 4
    assert len(server.posts()) == 2


def test_a_throttling_server_is_not_hammered_by_flush_or_shutdown(
    server: ScriptedServer, application: Make
) -> None:
    server.always = Answer(429, b"", {"Retry-After": "3600"})
    app = application()
    app.end_spans(4)
    for _ in range(5):
        app.processor.flush(0.1)
    app.processor.shutdown(timeout_millis=1500)
    assert len(server.posts()) == 2
    assert app.processor.ledger.dropped == {"shutdown": 4}
