"""`otel-braintrust permalink`: the address of a span's page, from a slug or a row's id."""

from __future__ import annotations

import pytest

from otel_braintrust.local.server import LocalServer
from otel_braintrust.slugs import Slug, encode_slug
from tests.cli.conftest import Command

ROW = {"row_id": "b7ad6b7169203331", "span_id": "b7ad6b7169203331", "root_span_id": "0af7" * 8}
PROJECT = "11111111-2222-3333-4444-555555555555"
BY_ID = f"/app/acme/object?object_type=project_logs&object_id={PROJECT}&id=b7ad6b7169203331"
BY_NAME = "/app/acme/p/support%20bot/logs?oid=b7ad6b7169203331"


@pytest.mark.parametrize("version", [3, 4])
def test_a_slug_is_enough_without_network(version: int, command: Command) -> None:
    slug = encode_slug(Slug("project_logs", PROJECT, **ROW), version=version)
    result = command("permalink", slug, "--org-name", "acme")
    assert result.json == {"permalink": f"https://www.braintrust.dev{BY_ID}"}
    arguments = {"project_name": "support bot", "project_id": None}
    slug = encode_slug(Slug("project_logs", object_arguments=arguments, **ROW), version=version)
    result = command("permalink", slug, "--org-name", "acme")
    assert result.json == {"permalink": f"https://www.braintrust.dev{BY_NAME}"}


def test_a_row_id_needs_its_project(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINTRUST_ORG_NAME", "acme")
    monkeypatch.setenv("BRAINTRUST_APP_URL", "http://localhost:3000/")
    by_id = command("permalink", ROW["row_id"], "--project-id", PROJECT)
    assert by_id.json == {"permalink": f"http://localhost:3000{BY_ID}"}
    by_name = command("permalink", ROW["row_id"], "--project", "support bot")
    assert by_name.json == {"permalink": f"http://localhost:3000{BY_NAME}"}
    nowhere = command("permalink", ROW["row_id"])
    assert (nowhere.status, "--project" in nowhere.error) == (2, True)


def test_the_organization_is_asked_for_where_nobody_names_it(
    braintrust: LocalServer, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = command("permalink", ROW["row_id"], "--project", "p")
    assert result.json == {"permalink": f"{braintrust.url}/app/local/p/p/logs?oid={ROW['row_id']}"}
    monkeypatch.setenv("BRAINTRUST_API_KEY", "sk-wrong-key-000")
    refused = command("permalink", ROW["row_id"], "--project", "p")
    assert (refused.status, "answered 401" in refused.error) == (1, True)
    assert "sk-wrong-key-000" not in refused.error
    monkeypatch.delenv("BRAINTRUST_API_KEY")
    unknown = command("permalink", ROW["row_id"], "--project", "p")
    assert (unknown.status, "--org-name" in unknown.error) == (2, True)


def test_a_slug_of_no_span_has_no_page(command: Command) -> None:
    result = command("permalink", encode_slug(Slug("project_logs", PROJECT)), "--org-name", "acme")
    assert (result.status, "but no span" in result.error) == (2, True)
