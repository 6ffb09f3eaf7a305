"""`otel-braintrust doctor`: whatever may keep spans away is found, and told with a remedy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust.client import BraintrustClient
from otel_braintrust.local.server import LocalServer
from tests.cli.conftest import Command, Result
from tests.scripted_server import Answer, ScriptedServer


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


def check(result: Result, name: str) -> dict[str, Any]:
    [found] = [each for each in result.json["checks"] if each["name"] == name]
    return found


def statuses(result: Result) -> dict[str, str]:
    return {each["name"]: each["status"] for each in result.json["checks"]}


def test_where_all_is_well_nothing_fails(
    braintrust: LocalServer, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with BraintrustClient() as client:
        client.project_id("support bot", create=True)
    monkeypatch.setenv("BRAINTRUST_PROJECT", "support bot")
    result = command("doctor")
    assert result.status == 0
    assert result.json["ok"]
    found = statuses(result)
    for name in ("settings", "api_key", "login", "api", "payload_limit", "project", "content"):
        assert found[name] == "ok", result.err
    assert check(result, "login")["details"]["organization"] == "local"
    assert check(result, "payload_limit")["details"]["request_bytes"] == 3 * 1024 * 1024
    assert "otel-braintrust" in check(result, "packages")["details"]
    assert "openai" in check(result, "instrumentations")["details"]["instrumentations"]
    assert len(result.err.splitlines()) == len(result.json["checks"])


def test_a_key_is_never_shown_whole(braintrust: LocalServer, command: Command) -> None:
    result = command("doctor")
    assert braintrust.api_key not in result.out + result.err
    assert check(result, "api_key")["details"]["key"] == "sk...ey"


def test_without_a_key_the_server_is_not_asked(command: Command) -> None:
    result = command("doctor")
    assert result.status == 1
    found = statuses(result)
    assert found["api_key"] == "failed"
    assert {found[name] for name in ("login", "api", "project")} == {"skipped"}
    assert ".env.braintrust" in check(result, "api_key")["remedy"]


def test_a_key_that_is_refused(
    braintrust: LocalServer, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINTRUST_API_KEY", "sk-of-another-region")
    result = command("doctor")
    assert result.status == 1
    assert statuses(result)["login"] == "failed"
    assert "BRAINTRUST_API_KEY" in check(result, "login")["remedy"]
    assert "sk-of-another-region" not in result.out + result.err


def test_a_server_that_is_not_there(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINTRUST_API_KEY", "sk-test-key-0000")
    monkeypatch.setenv("BRAINTRUST_APP_URL", "http://127.0.0.1:9")
    result = command("doctor")
    assert result.status == 1
    found = statuses(result)
    assert (found["login"], found["api"]) == ("failed", "skipped")
    assert "refused" in check(result, "login")["says"]
    assert "BRAINTRUST_APP_URL" in check(result, "login")["remedy"]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        monkeypatch.setenv("BRAINTRUST_API_KEY", "sk-test-key-0000")
        monkeypatch.setenv("BRAINTRUST_APP_URL", server.url)
        yield server


def test_an_api_that_fails(scripted: ScriptedServer, command: Command) -> None:
    scripted.scripted_path = "/v1/project?limit=1"
    scripted.always = Answer(500)
    result = command("doctor")
    assert (result.status, statuses(result)["api"]) == (1, "failed")


def test_a_project_that_is_not_there(braintrust: LocalServer, command: Command) -> None:
    by_name = command("doctor", "--project", "new")
    assert (by_name.status, statuses(by_name)["project"]) == (0, "warning")
    assert check(by_name, "project")["remedy"] == "the first span makes it"
    assert braintrust.store.project_named("new") is None
    by_id = command("doctor", "--project-id", "11111111-2222-3333-4444-555555555555")
    assert (by_id.status, statuses(by_id)["project"]) == (1, "failed")
    both = command("doctor", "--project", "a", "--project-id", "b")
    assert both.status == 2


def test_settings_that_cannot_be_used(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env.braintrust").write_text("BRAINTRUST_PROJECT=from file\n", encoding="utf-8")
    monkeypatch.setenv("OTEL_BRAINTRUST_EXIT_TIMEOUT", "soon")
    result = command("doctor")
    settings = check(result, "settings")
    assert settings["status"] == "warning"
    assert "exit_timeout_s is 'soon' (OTEL_BRAINTRUST_EXIT_TIMEOUT)" in settings["says"]
    assert settings["details"]["file"] == str(tmp_path / ".env.braintrust")
    assert settings["details"]["destination"] == "project_name:from file"
    monkeypatch.setenv("BRAINTRUST_API_URL", "no address")
    broken = command("doctor")
    assert (broken.status, statuses(broken)["settings"]) == (1, "failed")


def test_directories_that_cannot_be_written_to(
    braintrust: LocalServer, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OTEL_BRAINTRUST_SPOOL_DIR", str(tmp_path / "spool" / "deep"))
    assert check(command("doctor"), "spool_dir")["status"] == "ok"
    (tmp_path / "file").write_text("x", encoding="utf-8")
    monkeypatch.setenv("OTEL_BRAINTRUST_SPOOL_DIR", str(tmp_path / "file" / "spool"))
    result = command("doctor")
    assert (result.status, check(result, "spool_dir")["status"]) == (1, "failed")
    assert "OTEL_BRAINTRUST_SPOOL_DIR" in check(result, "spool_dir")["remedy"]
    assert not (tmp_path / "spool").exists()


def test_variables_that_nobody_reads(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINTRUST_APIKEY", "sk-hidden-value")
    monkeypatch.setenv("OTEL_BRAINTRUST_SPOOLDIR", "/tmp/x")
    monkeypatch.setenv("BRAINTRUST_OTEL_COMPAT", "1")
    found = check(command("doctor"), "variables")
    assert "BRAINTRUST_APIKEY (is it BRAINTRUST_API_KEY?)" in found["says"]
    assert "OTEL_BRAINTRUST_SPOOLDIR (is it OTEL_BRAINTRUST_SPOOL_DIR?)" in found["says"]
    assert "COMPAT" not in found["says"]
    assert "sk-hidden-value" not in str(found)


@pytest.mark.parametrize(
    ("variable", "value", "status"),
    [
        ("OTEL_SDK_DISABLED", "true", "failed"),
        ("OTEL_TRACES_SAMPLER", "always_off", "failed"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio", "warning"),
        ("OTEL_TRACES_EXPORTER", "otlp", "warning"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://api.braintrust.dev/otel", "warning"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "200", "warning"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "128", "warning"),
        ("BRAINTRUST_DISABLE_ATEXIT_FLUSH", "1", "warning"),
    ],
)
def test_variables_that_are_in_the_way(
    variable: str,
    value: str,
    status: str,
    braintrust: LocalServer,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert check(command("doctor"), "opentelemetry")["status"] == "ok"
    monkeypatch.setenv(variable, value)
    result = command("doctor")
    found = check(result, "opentelemetry")
    assert found["status"] == status
    assert found["says"].startswith(f"{variable}={value}: ")
    assert found["remedy"]
    assert result.status == (1 if status == "failed" else 0)


def test_content_that_is_switched_off(
    braintrust: LocalServer, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACELOOP_TRACE_CONTENT", "false")
    found = check(command("doctor"), "content")
    assert (found["status"], "TRACELOOP_TRACE_CONTENT" in found["says"]) == ("warning", True)
    monkeypatch.setenv("OTEL_BRAINTRUST_CAPTURE_CONTENT", "false")
    assert "no prompt and no answer" in check(command("doctor"), "content")["says"]
