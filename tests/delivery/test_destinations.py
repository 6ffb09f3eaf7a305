"""Parent strings in their four forms, slugs byte by byte, and projects looked up once."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from otel_braintrust.delivery.destinations import (
    Destination,
    ParentError,
    Projects,
    parse_parent,
)
from otel_braintrust.delivery.errors import AuthenticationError
from otel_braintrust.delivery.http import Connection
from otel_braintrust.slugs import decode_slug
from tests.scripted_server import ScriptedServer

PROJECT = "11111111-2222-3333-4444-555555555555"
ROW = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
SPAN = "0123456789abcdef"
TRACE = "000102030405060708090a0b0c0d0e0f"

# Slugs that Braintrust's own SDK wrote.
HEX_IDS = (
    "BAICAwEjRWeJq83vBAABAgMEBQYHCAkKCwwNDg97Im9iamVjdF9pZCI6IjExMTExMTExLTIyMjItMzMzMy00NDQ0LTU1"
    "NTU1NTU1NTU1NSIsInJvd19pZCI6ImFhYWFhYWFhLWJiYmItY2NjYy1kZGRkLWVlZWVlZWVlZWVlZSJ9"
)
NAME_ONLY = "AwIAeyJjb21wdXRlX29iamVjdF9tZXRhZGF0YV9hcmdzIjp7InByb2plY3RfbmFtZSI6Ikdsb2JhbCJ9fQ=="
ALL_UUIDS = (
    "AwIEAREREREiIjMzRERVVVVVVVUCqqqqqru7zMzd3e7u7u7u7gMBI0VniavN7wEjRWeJq83vBP7cuph2VDIQ/ty6mHZU"
    "MhA="
)
OBJECT_ONLY = "BAIAeyJvYmplY3RfaWQiOiIxMTExMTExMS0yMjIyLTMzMzMtNDQ0NC01NTU1NTU1NTU1NTUifQ=="
PLAYGROUND = (
    "BAMAeyJvYmplY3RfaWQiOiIxMTExMTExMS0yMjIyLTMzMzMtNDQ0NC01NTU1NTU1NTU1NTUiLCJyb3dfaWQiOiJyb3cg"
    "MSIsInNwYW5faWQiOiJub3QtaGV4Iiwicm9vdF9zcGFuX2lkIjoiZmVkY2JhOTgtNzY1NC0zMjEwLWZlZGMtYmE5ODc2"
    "NTQzMjEwIn0="
)


@pytest.mark.parametrize(
    ("text", "destination"),
    [
        ("project_id:abc", Destination("project_id", "abc")),
        (" project_name: support: bot ", Destination("project_name", "support: bot")),
        ("experiment_id:e", Destination("experiment_id", "e")),
        (HEX_IDS, Destination("project_id", PROJECT, SPAN, TRACE)),
        (NAME_ONLY, Destination("project_name", "Global")),
        (OBJECT_ONLY, Destination("project_id", PROJECT)),
        (
            PLAYGROUND,
            Destination(
                "playground_id", PROJECT, "not-hex", "fedcba98-7654-3210-fedc-ba9876543210"
            ),
        ),
    ],
)
def test_each_form_is_read(text: str, destination: Destination) -> None:
    assert parse_parent(text) == destination


def test_a_slug_of_version_3_gives_its_uuids() -> None:
    slug = decode_slug(ALL_UUIDS)
    assert (slug.object_type, slug.object_id, slug.row_id) == ("project_logs", PROJECT, ROW)
    assert slug.span_id == "01234567-89ab-cdef-0123-456789abcdef"
    assert slug.root_span_id == "fedcba98-7654-3210-fedc-ba9876543210"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("my project", "not base64"),
        ("project:x", "'project' is not one"),
        ("project_id:  ", "nothing follows"),
        ("", "version"),
        (base64.b64encode(b"\x02\x02\x00").decode(), "version"),
        (base64.b64encode(b"\x04\x09\x00{}").decode(), "unknown type"),
        (base64.b64encode(b"\x04\x02\x01\x03\x01").decode(), "break off"),
        (base64.b64encode(b"\x04\x02\x00{").decode(), "JSON"),
        (base64.b64encode(b"\x04\x02\x00[]").decode(), "no object"),
        (base64.b64encode(b"\x04\x02\x00{}").decode(), "names no object"),
        (base64.b64encode(b'\x04\x01\x00{"compute_object_metadata_args":{}}').decode(), "no id"),
    ],
)
def test_anything_else_is_quoted_with_the_reason_and_the_forms(text: str, why: str) -> None:
    with pytest.raises(ParentError) as caught:
        parse_parent(text, origin="BRAINTRUST_PARENT")
    message = str(caught.value)
    for part in (repr(text), why, "BRAINTRUST_PARENT", "project_name:<name>", "slug"):
        assert part in message


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def connection(server: ScriptedServer) -> Iterator[Connection]:
    made = Connection(
        api_key="sk-12345678",
        app_url=server.url,
        api_url=server.url,
        org_name="acme",
        http_timeout_s=5.0,
    )
    yield made
    made.close()


def test_a_project_is_looked_up_once_in_its_organization(
    server: ScriptedServer, connection: Connection
) -> None:
    projects = Projects(connection)
    wanted = Destination("project_name", "bot")
    assert projects.container(wanted) == {"project_id": "id-of-bot", "log_id": "g"}
    assert projects.project_id("bot") == "id-of-bot"
    [request] = server.requests
    assert request.body == b'{"name":"bot","org_name":"acme"}'


def test_a_refusal_is_kept_for_a_minute(server: ScriptedServer, connection: Connection) -> None:
    now = [0.0]
    server.refused_projects = {"theirs": 403}
    projects = Projects(connection, clock=lambda: now[0])
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            projects.project_id("theirs")
    assert len(server.requests) == 1
    now[0] = 61.0
    server.refused_projects = {}
    assert projects.project_id("theirs") == "id-of-theirs"


def test_other_containers_need_no_question(connection: Connection, server: ScriptedServer) -> None:
    projects = Projects(connection)
    experiment = projects.container(Destination("experiment_id", "e"))
    playground = projects.container(Destination("playground_id", "p"))
    assert experiment == {"experiment_id": "e"}
    assert playground == {"prompt_session_id": "p", "log_id": "x"}
    assert server.requests == []
