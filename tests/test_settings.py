"""Where an option's value comes from, and what a value that cannot be used leads to."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from otel_braintrust.delivery.destinations import ParentError
from otel_braintrust.options import OPTIONS
from otel_braintrust.settings import Settings, SettingsError, find_file, options_markdown


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)
    monkeypatch.chdir(tmp_path)


def test_an_argument_beats_the_environment_which_beats_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env.braintrust").write_text("BRAINTRUST_API_KEY=from-file\n")
    assert Settings.resolve().api_key == "from-file"
    monkeypatch.setenv("BRAINTRUST_API_KEY", "from-environment")
    assert Settings.resolve().api_key == "from-environment"
    settings = Settings.resolve(api_key="from-argument")
    assert settings.api_key == "from-argument"
    assert settings.sources["api_key"] == "argument"


def test_a_blank_value_is_no_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env.braintrust").write_text('BRAINTRUST_API_URL="https://file.example"\n')
    monkeypatch.setenv("BRAINTRUST_API_URL", "  ")
    monkeypatch.setenv("BRAINTRUST_API_KEY", "")
    settings = Settings.resolve(api_url="")
    assert settings.api_url == "https://file.example"
    assert settings.api_key is None


def test_the_file_is_found_in_a_directory_above(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env.braintrust").write_text(
        "# a comment\nexport BRAINTRUST_PROJECT='support bot'\nBRAINTRUST_ORG_NAME=acme # us\n"
    )
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    settings = Settings.resolve()
    assert settings.parent == "project_name:support bot"
    assert settings.org_name == "acme"
    assert "BRAINTRUST_PROJECT" not in os.environ


def test_the_nearest_file_is_a_boundary_even_when_it_says_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env.braintrust").write_text("BRAINTRUST_API_KEY=above\n")
    nearer = tmp_path / "nearer"
    nearer.mkdir()
    (nearer / ".env.braintrust").write_text("OTHER=1\n")
    monkeypatch.chdir(nearer)
    assert Settings.resolve().api_key is None


def test_a_file_that_is_no_text_is_a_boundary_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".env.braintrust").write_bytes(b"BRAINTRUST_API_KEY=\xff\xfe\n")
    with caplog.at_level(logging.WARNING):
        assert Settings.resolve().api_key is None
    assert str(tmp_path / ".env.braintrust") in caplog.text


def test_the_file_sets_only_the_options_it_may(tmp_path: Path) -> None:
    lines = [f"{option.variable}=7" for option in OPTIONS if option.kind != "address"]
    (tmp_path / ".env.braintrust").write_text("\n".join(lines) + "\nBRAINTRUST_API_KEY=$HOME\n")
    settings = Settings.resolve()
    assert settings.parent == "project_id:7"
    assert settings.http_timeout_s == 60.0
    assert settings.api_key == "$HOME"  # nothing is interpolated


def test_the_search_ends_64_directories_above(tmp_path: Path) -> None:
    start = tmp_path.joinpath(*["d"] * 64)
    start.mkdir(parents=True)
    (tmp_path / ".env.braintrust").write_text("")
    assert find_file(start) == tmp_path / ".env.braintrust"
    deeper = start / "d"
    deeper.mkdir()
    assert find_file(deeper) is None


@pytest.mark.parametrize(
    ("environment", "arguments", "parent", "origin"),
    [
        ({}, {}, "project_name:Global", "default"),
        ({"BRAINTRUST_PROJECT": "p"}, {}, "project_name:p", "BRAINTRUST_PROJECT"),
        (
            {"BRAINTRUST_PROJECT": "p", "BRAINTRUST_PROJECT_ID": "i"},
            {},
            "project_id:i",
            "BRAINTRUST_PROJECT_ID",
        ),
        (
            {"BRAINTRUST_PARENT": "experiment_id:e", "BRAINTRUST_PROJECT_ID": "i"},
            {},
            "experiment_id:e",
            "BRAINTRUST_PARENT",
        ),
        (
            {"BRAINTRUST_PARENT": "experiment_id:e"},
            {"project": "p"},
            "project_name:p",
            "argument project",
        ),
        ({}, {"project": "p", "project_id": "i"}, "project_id:i", "argument project_id"),
        (
            {},
            {"parent": "experiment_id:e", "project_id": "i"},
            "experiment_id:e",
            "argument parent",
        ),
    ],
)
def test_the_parent_follows_its_order(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    arguments: dict[str, str],
    parent: str,
    origin: str,
) -> None:
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    settings = Settings.resolve(**arguments)
    assert (settings.parent, settings.sources["parent"]) == (parent, origin)


def test_a_process_variable_beats_what_the_file_says_of_the_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env.braintrust").write_text("BRAINTRUST_PROJECT_ID=from-file\n")
    monkeypatch.setenv("BRAINTRUST_PROJECT", "mine")
    assert Settings.resolve().parent == "project_name:mine"


def test_a_malformed_parent_is_quoted_with_its_origin_and_the_forms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BRAINTRUST_PARENT", "my project")
    settings = Settings.resolve()
    with pytest.raises(ParentError) as caught:
        _ = settings.destination
    message = str(caught.value)
    for part in ("'my project'", "BRAINTRUST_PARENT", "project_id:", "project_name:"):
        assert part in message
    assert "experiment_id:" in message
    assert "slug" in message


def test_a_mistyped_number_in_the_environment_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BRAINTRUST_HTTP_TIMEOUT", "ten")
    monkeypatch.setenv("BRAINTRUST_QUEUE_SIZE", "0")
    settings = Settings.resolve()
    assert settings.http_timeout_s == 60.0
    assert settings.queue_size is None
    assert "BRAINTRUST_HTTP_TIMEOUT" in caplog.text
    assert "'ten'" in caplog.text


@pytest.mark.parametrize(
    "arguments",
    [
        {"http_timeout_s": 0},
        {"http_timeout_s": float("nan")},
        {"max_request_rows": 1.5},
        {"queue_size": True},
        {"disable_atexit_flush": "perhaps"},
        {"api_url": "api.braintrust.dev"},
        {"app_url": "ftp://x"},
        {"app_url": "http://["},
    ],
)
def test_an_argument_that_cannot_be_used_is_an_error_that_names_it(
    arguments: dict[str, object],
) -> None:
    with pytest.raises(SettingsError, match=next(iter(arguments))):
        Settings.resolve(**arguments)


def test_a_mistyped_address_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINTRUST_API_URL", "localhost:8000")
    with pytest.raises(SettingsError, match="BRAINTRUST_API_URL"):
        Settings.resolve()


def test_an_option_that_does_not_exist_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="proyect"):
        Settings.resolve(proyect="x")


def test_the_key_is_in_neither_repr_nor_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINTRUST_API_KEY", "sk-very-secret")
    assert "secret" not in repr(Settings.resolve())


def test_the_table_shows_every_option() -> None:
    table = options_markdown()
    assert all(f"`{option.name}`" in table for option in OPTIONS)
    assert all(f"`{option.variable}`" in table for option in OPTIONS if option.variable)
    assert table.count("\n") == len(OPTIONS) + 2
