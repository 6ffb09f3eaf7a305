"""Who may call, and what a client learns before it sends anything."""

from __future__ import annotations

import pytest
import requests

from otel_braintrust.local.limits import Limits
from otel_braintrust.local.server import LocalServer


def test_login_names_the_organization_and_this_server(api):
    [organization] = api.post("/api/apikey/login").json()["org_info"]
    assert organization["name"] == "local"
    assert organization["api_url"] == organization["proxy_url"] == api.server.url


@pytest.mark.parametrize("path", ["/logs3", "/btql", "/otel/v1/traces", "/api/apikey/login"])
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer "}, {"Authorization": "Basic x"}])
def test_a_call_without_a_key_is_refused(local_braintrust, path, header):
    answer = requests.post(local_braintrust.url + path, headers=header, timeout=10)
    assert answer.status_code == 401
    assert "API key" in answer.text


def test_a_wrong_key_is_refused_and_not_repeated(local_braintrust):
    answer = requests.get(
        local_braintrust.url + "/version", headers={"Authorization": "Bearer sk-wrong"}, timeout=10
    )
    assert answer.status_code == 401
    assert "sk-wrong" not in answer.text
    assert local_braintrust.api_key not in answer.text


def test_without_a_key_of_its_own_a_server_takes_any():
    with LocalServer() as server:
        answer = requests.get(
            server.url + "/ping", headers={"Authorization": "Bearer anything"}, timeout=10
        )
        assert answer.status_code == 200


def test_version_tells_the_payload_limit_and_it_is_kept():
    with LocalServer(limits=Limits(payload_max_bytes=1000)) as server:
        headers = {"Authorization": "Bearer k"}
        told = requests.get(server.url + "/version", headers=headers, timeout=10).json()
        assert told == {"logs3_payload_max_bytes": 1000}
        body = b'{"rows": [], "padding": "' + b"x" * 1000 + b'"}'
        answer = requests.post(server.url + "/logs3", data=body, headers=headers, timeout=10)
        assert answer.status_code == 413
        assert "1000 bytes" in answer.text


def test_a_large_refused_body_is_answered_and_not_cut_off(api):
    answer = api.post("/logs3", data=b"x" * 20_000_000)
    assert answer.status_code == 413


def test_a_project_is_made_once_and_found_by_name_and_id(api):
    first = api.post("/v1/project", {"name": "chat", "org_name": "local"})
    again = api.post("/v1/project", {"name": "chat", "description": "other"})
    assert "x-bt-found-existing" not in first.headers
    assert again.headers["x-bt-found-existing"] == "true"
    assert again.json() == first.json() == api.get(f"/v1/project/{first.json()['id']}").json()
    found = api.get("/v1/project", params={"project_name": "chat"}).json()["objects"]
    assert found == [first.json()]


def test_older_sdks_register_a_project(api):
    project = api.post("/api/project/register", {"project_name": "old"}).json()["project"]
    assert project["name"] == "old"
    assert api.get("/api/project", params={"id": project["id"]}).json() == project


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v1/project", {}, 400, "name"),
        ("/v1/project", {"name": ""}, 400, "name"),
        ("/v1/project", {"name": 5}, 400, "name"),
        ("/v1/project", {"name": "x", "org_name": "acme"}, 403, "acme"),
        ("/v1/project", [], 400, "object"),
    ],
)
def test_a_project_asked_for_wrongly_is_refused_by_field(api, path, body, status, words):
    answer = api.post(path, body)
    assert (answer.status_code, words in answer.text) == (status, True)


def test_an_unknown_project_is_forbidden_as_braintrust_has_it(api):
    nowhere = "11111111-2222-3333-4444-555555555555"
    answers = [
        api.get(f"/v1/project/{nowhere}"),
        api.log({"id": "a", "project_id": nowhere}),
        api.post(f"/v1/project_logs/{nowhere}/insert", {"events": [{}]}),
        api.post(f"/v1/project_logs/{nowhere}/feedback", {"feedback": [{"id": "a"}]}),
        api.get(f"/v1/project_logs/{nowhere}/fetch"),
        api.post("/btql", {"query": f"from: project_logs('{nowhere}')"}),
    ]
    assert [(answer.status_code, nowhere in answer.text) for answer in answers] == [(403, True)] * 6


def test_each_answer_carries_an_id_of_its_own(api):
    ids = {api.get("/version").headers["x-bt-internal-trace-id"] for _ in range(3)}
    assert len(ids) == 3


def test_an_unknown_path_is_named(api):
    answer = api.get("/v1/nonsense/x")
    assert answer.status_code == 404
    assert "/v1/nonsense/x" in answer.text


def test_the_greeting_needs_no_key(local_braintrust):
    assert requests.get(local_braintrust.url + "/v1", timeout=10).text == "Hello, World!"


def test_a_foreign_host_name_is_not_served(api):
    """A page whose name was made to resolve to this machine cannot read what is here."""
    answer = api.get("/version", headers={"Host": "evil.example"})
    assert answer.status_code == 400
