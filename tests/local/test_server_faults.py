"""What clients and the server itself do wrong: each is answered, and the server goes on."""

from __future__ import annotations

import logging
import socket

import pytest

from otel_braintrust.local.server import LocalServer
from otel_braintrust.local.store import Store


def test_a_fault_of_the_server_is_a_500_with_its_reason_and_keeps_the_connection(api):
    api.server.store.close()
    answers = [api.log({"id": "a"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500] * 3
    assert "closed" in answers[0].text


def test_a_client_that_goes_away_in_the_middle_leaves_no_trace(api, caplog):
    caplog.set_level(logging.WARNING)
    head = (
        f"POST /logs3 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
        f"Authorization: Bearer {api.server.api_key}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", api.server.port)) as connection:
        connection.sendall(head.encode() + b'{"rows": [')
    assert api.log({"id": "a"}).status_code == 200
    assert len(api.server.rows("test")) == 1
    api.server.stop()
    assert caplog.records == []


def test_a_port_that_is_taken_is_an_os_error_and_leaves_nothing_open():
    with LocalServer() as server, pytest.raises(OSError, match="in use"):
        LocalServer(server.port)


def test_stopping_twice_or_before_the_start_is_fine():
    server = LocalServer()
    server.stop()
    server.stop()
    with LocalServer() as started:
        started.stop()


def test_a_connection_that_is_kept_alive_does_not_hold_up_the_stop(api):
    assert api.get("/version").ok
    api.server.stop()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", api.server.port), timeout=1)


def test_a_transaction_id_grows_though_the_clock_is_set_back():
    now = [2_000_000_000.0]
    store = Store(clock=lambda: now[0])
    project = store.create_project("p")[0].id
    first = store.insert_rows([{"project_id": project}]).xact_id
    now[0] = 1_000_000_000.0
    second = store.insert_rows([{"project_id": project}]).xact_id
    assert int(second) == int(first) + 1
    store.close()


def test_a_project_keeps_its_id_when_a_server_that_keeps_nothing_starts_anew():
    ids = set()
    for _ in range(2):
        with LocalServer() as server:
            ids.add(server.store.create_project("chat")[0].id)
    assert len(ids) == 1


def test_rows_of_a_project_that_is_not_there_are_none(local_braintrust):
    assert local_braintrust.rows("nowhere") == []
