"""insert, fetch and feedback: the JSON that goes in and out, and one clear line for every fault."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust.local.server import LocalServer

Command = Callable[..., Any]  # see conftest.py

LOGS = [
    {
        "input": "User query",
        "output": "Model response",
        "metadata": {"user_id": "user_123", "model": "gpt-4", "latency_ms": 1234, "cost": 0.002},
    },
    {
        "input": "Another query",
        "output": "Another response",
        "metadata": {"user_id": "user_456", "latency_ms": 2345, "error": True},
    },
]


def write(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    Path(name).write_text(text, encoding="utf-8")
    return name


@pytest.fixture
def project_id(braintrust: LocalServer) -> str:
    project, _ = braintrust.store.create_project("support bot")
    return project.id


@pytest.fixture
def log_ids(command: Command, project_id: str) -> list[str]:
    file = write("logs.json", LOGS)
    ids: list[str] = command("insert", "--project-id", project_id, "--file", file).json["ids"]
    return ids


def test_insert_tells_how_many_rows_went_in_and_their_ids(
    command: Command, braintrust: LocalServer, project_id: str
) -> None:
    result = command("insert", "--project-id", project_id, "--file", write("logs.json", LOGS))

    assert result.status == 0
    assert result.err == ""
    rows = braintrust.rows(project_id)
    ids = [row["id"] for row in rows]
    assert result.json == {"inserted": 2, "status": "success", "ids": ids}
    assert [row["metadata"] for row in rows] == [log["metadata"] for log in LOGS]
    assert [row["output"] for row in rows] == ["Model response", "Another response"]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(LOGS[0]),
        json.dumps(LOGS[0], indent=2),
        "\n".join(json.dumps(log) for log in LOGS) + "\n",
        "\ufeff" + json.dumps(LOGS),
        "[]",
    ],
    ids=["one object", "one object over lines", "one a line", "byte order mark", "nothing"],
)
def test_insert_takes_an_array_an_object_or_lines(
    command: Command, braintrust: LocalServer, project_id: str, text: str
) -> None:
    result = command(
        "insert", "--project-id", project_id, "--file", "-", stdin=text.encode("utf-8")
    )

    assert result.status == 0, result.err
    assert result.json["inserted"] == len(braintrust.rows(project_id))
    assert result.json["ids"] == [row["id"] for row in braintrust.rows(project_id)]


def test_insert_makes_a_project_that_is_named_and_not_there(
    command: Command, braintrust: LocalServer
) -> None:
    result = command("insert", "--project", "new one", "--file", write("logs.json", LOGS))

    assert result.status == 0
    assert len(braintrust.rows("new one")) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[{"input": 1},\n  {"input": oops}]', "bad.json: not JSON at line 2 column 13: "),
        ('{"input": 1}\n{"input": }\n', "bad.json: not JSON at line 2 column 11: "),
        ('[{"input": NaN}]', "bad.json: not JSON at line 1 column 12: "),
        ("  \n", "bad.json: is empty"),
        ('["text"]', "bad.json: event 0 must be an object, found the text 'text'"),
        (
            '[{"input": 1}, {"metadata": 3}]',
            "bad.json: event 1: metadata must be an object, found the number 3",
        ),
        ('[{"input": 1}, {"scores": {"x": 3}}]', "bad.json: event 1: scores must be"),
        ('[{"inptu": 1}]', "bad.json: event 0: unknown field 'inptu'"),
    ],
)
def test_a_bad_file_is_refused_with_its_place_and_nothing_is_inserted(
    command: Command, braintrust: LocalServer, project_id: str, text: str, problem: str
) -> None:
    result = command("insert", "--project-id", project_id, "--file", write("bad.json", text))

    assert result.status == 2
    assert result.error.startswith(problem)
    assert braintrust.rows(project_id) == []


def test_a_bad_file_makes_no_project(command: Command, braintrust: LocalServer) -> None:
    result = command("insert", "--project", "new one", "--file", write("bad.json", "[{]"))

    assert result.status == 2
    assert braintrust.store.project_named("new one") is None


def test_a_file_that_is_not_utf_8_is_refused_with_its_place(
    command: Command, project_id: str
) -> None:
    Path("bad.json").write_bytes(b'[{"input": 1},\n {"input": "\xff"}]')

    result = command("insert", "--project-id", project_id, "--file", "bad.json")

    assert result.status == 2
    assert result.error.startswith("bad.json: not UTF-8 at line 2 column 13")


def test_fetch_hands_out_the_newest_rows_first(
    command: Command, project_id: str, log_ids: list[str]
) -> None:
    found = command("fetch", "--project-id", project_id).json

    assert found.keys() == {"logs", "cursor", "has_more"}
    assert {log["id"] for log in found["logs"]} == set(log_ids)
    assert found["cursor"] is None
    assert found["has_more"] is False


def test_fetch_by_the_projects_name(command: Command, log_ids: list[str]) -> None:
    assert len(command("fetch", "--project", "support bot").json["logs"]) == 2


def test_fetch_from_the_project_that_the_environment_names(
    command: Command, log_ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINTRUST_PROJECT", "support bot")

    assert len(command("fetch").json["logs"]) == 2


@pytest.mark.parametrize(
    ("filters", "users"),
    [
        ({"metadata.error": True}, {"user_456"}),
        ({"metadata.user_id": "user_123"}, {"user_123"}),
        ({"metadata.latency_ms": {"$gt": 2000}}, {"user_456"}),
        ({"metadata.latency_ms": {"$gte": 1234, "$lt": 2345}}, {"user_123"}),
        ({"metadata.latency_ms": {"$lte": 1234}}, {"user_123"}),
        ({"metadata.user_id": {"$ne": "user_123"}}, {"user_456"}),
        ({"metadata.error": {"$ne": True}}, {"user_123"}),
        ({"metadata.user_id": {"$in": ["user_123", "x"]}}, {"user_123"}),
        ({"metadata.user_id": {"$in": []}}, set()),
        ({"metadata.user_id": {"$nin": ["user_123"]}}, {"user_456"}),
        ({"metadata.error": {"$exists": True}}, {"user_456"}),
        ({"metadata.error": {"$exists": False}}, {"user_123"}),
        ({"metadata.model": None}, {"user_456"}),
        ({"metadata.user_id": "it's"}, set()),
        ({"metadata.user_id": "' OR 1=1 --"}, set()),
        ({"input": "User query"}, {"user_123"}),
        (
            {"$or": [{"metadata.error": True}, {"metadata.model": "gpt-4"}]},
            {"user_123", "user_456"},
        ),
        ({"$not": {"metadata.error": True}}, {"user_123"}),
        ({"metadata.user_id": "user_123", "metadata.cost": {"$gt": 1}}, set()),
        ({}, {"user_123", "user_456"}),
    ],
)
def test_fetch_filters_by_any_path(
    command: Command, project_id: str, log_ids: list[str], filters: dict[str, Any], users: set[str]
) -> None:
    result = command("fetch", "--project-id", project_id, "--filters", json.dumps(filters))

    assert result.status == 0, result.err
    assert {log["metadata"]["user_id"] for log in result.json["logs"]} == users


def test_fetch_finds_paths_whose_names_are_not_plain(
    command: Command, braintrust: LocalServer, project_id: str
) -> None:
    odd = {"http.method": "GET", "user id": 1, "select": True, "größe": {"x-y": [1]}, 'q"q': 5}
    logs = [{"id": "odd", "metadata": odd, "tags": ["a", "b"]}, {"id": "plain"}]
    command("insert", "--project-id", project_id, "--file", write("odd.json", logs))

    for filters in (
        {'metadata."http.method"': "GET"},
        {"metadata.user id": 1},
        {"metadata.select": True},
        {"metadata.größe.x-y": {"$exists": True}},
        {'metadata.`q"q`': {"$gt": 4}},
        {"tags": "b"},
        {"tags": {"$in": ["z", "a"]}},
    ):
        result = command("fetch", "--project-id", project_id, "--filters", json.dumps(filters))
        assert result.status == 0, result.err
        assert [log["id"] for log in result.json["logs"]] == ["odd"], filters


def test_fetch_goes_on_at_the_cursor_until_there_is_none(command: Command, project_id: str) -> None:
    logs = [{"id": f"log-{number}", "input": number} for number in range(7)]
    command("insert", "--project-id", project_id, "--file", write("logs.json", logs))

    seen: list[str] = []
    pages = 0
    words = ["fetch", "--project-id", project_id, "--limit", "3"]
    cursor: list[str] = []
    while True:
        page = command(*words, *cursor).json
        seen += [log["id"] for log in page["logs"]]
        pages += 1
        assert page["has_more"] is (page["cursor"] is not None)
        if page["cursor"] is None:
            break
        cursor = ["--cursor", page["cursor"]]

    assert sorted(seen) == sorted(log["id"] for log in logs)
    assert pages == 3


def test_there_is_no_more_when_the_limit_is_met_exactly(command: Command, project_id: str) -> None:
    logs = [{"id": f"log-{number}"} for number in range(3)]
    command("insert", "--project-id", project_id, "--file", write("logs.json", logs))

    page = command("fetch", "--project-id", project_id, "--limit", "3").json

    assert len(page["logs"]) == 3
    assert page["cursor"] is None
    assert page["has_more"] is False


def test_feedback_becomes_a_score_a_comment_and_metadata(
    command: Command, project_id: str, log_ids: list[str]
) -> None:
    said = {
        "rating": 5,
        "comment": "Very helpful",
        "metadata": {"helpful": True},
        "scores": {"tone": 0.5},
        "expected": {"better": "x"},
        "tags": ["seen"],
    }
    log_id = log_ids[0]

    result = command(
        *("feedback", "--project-id", project_id, "--log-id", log_id),
        *("--file", write("feedback.json", said)),
    )

    assert result.json == {"status": "success", "log_id": log_id}
    filters = json.dumps({"id": log_id})
    [log] = command("fetch", "--project-id", project_id, "--filters", filters).json["logs"]
    assert log["scores"] == {"rating": 1, "tone": 0.5}
    assert log["expected"] == {"better": "x"}
    assert log["tags"] == ["seen"]
    assert log["input"] == "User query"
    assert "Very helpful" in json.dumps(log["comments"])
    audit = json.dumps(log["audit_data"])
    assert '"rating": 5' in audit
    assert '"helpful": true' in audit


@pytest.mark.parametrize(
    ("scale", "rating", "score"), [("0-1", 0.25, 0.25), ("1-10", 10, 1), ("-1-1", 0, 0.5)]
)
def test_a_rating_may_be_on_another_scale(
    command: Command,
    braintrust: LocalServer,
    project_id: str,
    log_ids: list[str],
    scale: str,
    rating: float,
    score: float,
) -> None:
    result = command(
        *("feedback", "--project-id", project_id, "--log-id", log_ids[1]),
        *("--file", write("feedback.json", {"rating": rating}), "--rating-scale", scale),
    )

    assert result.status == 0, result.err
    [log] = [row for row in braintrust.rows(project_id) if row["id"] == log_ids[1]]
    assert log["scores"] == {"rating": score}


@pytest.mark.parametrize(
    ("said", "words", "problem"),
    [
        ({"rating": 7}, [], "feedback.json: the rating 7 is outside the scale 1-5"),
        ({"rating": "5"}, [], "feedback.json: the rating must be a number"),
        ({"rating": 1}, ["--rating-scale", "5-1"], "--rating-scale: the rating scale '5-1'"),
        ({}, [], "feedback.json: the feedback says nothing"),
        ([], [], "feedback.json: the feedback must be one JSON object"),
        ({"ratng": 1}, [], "feedback.json: the feedback: unknown field 'ratng'"),
        ({"id": "other", "rating": 1}, [], "feedback.json: is about the log 'other'"),
        ('{"rating": 5,}', [], "feedback.json: not JSON at line 1 column "),
    ],
)
def test_wrong_feedback_is_refused_and_changes_nothing(
    command: Command,
    braintrust: LocalServer,
    project_id: str,
    log_ids: list[str],
    said: Any,
    words: list[str],
    problem: str,
) -> None:
    before = braintrust.rows(project_id)

    result = command(
        *("feedback", "--project-id", project_id, "--log-id", log_ids[0]),
        *("--file", write("feedback.json", said), *words),
    )

    assert result.status == 2
    assert result.error.startswith(problem)
    assert braintrust.rows(project_id) == before


def test_feedback_on_an_unknown_log_is_an_error_and_makes_no_row(
    command: Command, braintrust: LocalServer, project_id: str, log_ids: list[str]
) -> None:
    file = write("feedback.json", {"rating": 1})

    result = command(*("feedback", "--project-id", project_id, "--log-id", "nope", "--file", file))

    assert result.status == 1
    assert result.error.startswith(f"there is no log 'nope' in project {project_id}")
    assert len(braintrust.rows(project_id)) == 2


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("fetch",), "--project-id"),
        (("fetch",), "--project"),
        (("feedback", "--log-id", "x"), "--project-id"),
        (("feedback", "--log-id", "x"), "--project"),
        (("insert",), "--project-id"),  # a project that is named is made
    ],
)
def test_an_unknown_project_is_an_error(
    command: Command, braintrust: LocalServer, words: tuple[str, ...], named: str
) -> None:
    files = {"insert": LOGS, "feedback": {"rating": 1}}
    if words[0] in files:
        words = (*words, "--file", write("file.json", files[words[0]]))

    result = command(*words, named, "nope")

    assert result.status == 1
    assert result.error.startswith("there is no project")
    assert "'nope'" in result.error


@pytest.mark.parametrize("words", [("fetch",), ("insert", "--file", "f"), ("feedback",)])
def test_a_missing_key_is_an_error_that_says_where_to_put_one(
    command: Command, words: tuple[str, ...]
) -> None:
    write("f", LOGS)
    if words == ("feedback",):
        words = ("feedback", "--log-id", "x", "--file", write("s", {"rating": 1}))

    result = command(*words, "--project-id", "p")

    assert result.status == 2
    assert "BRAINTRUST_API_KEY" in result.error


def test_a_wrong_key_is_an_error_that_does_not_show_it(
    command: Command, project_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINTRUST_API_KEY", "sk-very-secret-and-wrong")

    result = command("fetch", "--project-id", project_id)

    assert result.status == 1
    assert "401" in result.error
    assert "very-secret" not in result.error


def test_no_network_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("BRAINTRUST_API_KEY", "sk-some-key-of-length")
    monkeypatch.setenv("BRAINTRUST_API_URL", f"http://127.0.0.1:{port}")

    result = command("fetch", "--project-id", "p")

    assert result.status == 1
    assert "the connection was refused" in result.error


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("fetch",), "missing option --project-id or --project"),
        (("fetch", "--project-id", "a", "--project", "b"), "exclude each other"),
        (("fetch", "--project-id", "a", "--limit", "0"), "--limit"),
        (("fetch", "--project-id", "a", "--limit", "many"), "--limit"),
        (("fetch", "--project-id", "a", "--filters", "{x}"), "--filters: not JSON at line 1"),
        (("fetch", "--project-id", "a", "--filters", "[]"), "--filters: the filters must be"),
        (("fetch", "--project-id", "a", "--filters", '{"a": {"$x": 1}}'), "unknown operator $x"),
        (("insert", "--project-id", "a"), "--file"),
        (("insert", "--project-id", "a", "--file", "nope.json"), "nope.json: cannot be read"),
        (("insert", "--project-id", "a", "--file", "."), ".: cannot be read"),
        (("feedback", "--project-id", "a", "--file", "f"), "--log-id"),
        (("feedback", "--project-id", "a", "--log-id", "x"), "--file"),
        (("fetch", "--prject", "a"), "--prject"),
        (("fetsh",), "fetsh"),
    ],
)
def test_what_was_asked_wrongly_is_one_line_and_status_2(
    command: Command, braintrust: LocalServer, words: tuple[str, ...], problem: str
) -> None:
    result = command(*words)

    assert result.status == 2
    assert problem in result.error
