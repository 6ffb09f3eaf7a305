"""`otel-braintrust import`: whatever captured the spans, they become traces of a project."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust.local.limits import Limits
from otel_braintrust.local.server import LocalServer
from tests.cli.conftest import Command
from tests.scripted_server import Answer, ScriptedServer

# As the guide on importing spans prints it.
GUIDE = """\
{"input": "What is 1+1?", "output": "The sum of 1+1 is 2.", "expected": "2.", "metadata": \
{"template": "Answer the following question: %s"}, "children": [{"input": [{"role": "user", \
"content": "Answer the following question: What is 1+1?"}], "output": {"content": \
"The sum of 1+1 is 2.", "role": "assistant", "function_call": null, "tool_calls": null}, \
"metadata": {"model": "gpt-3.5-turbo", "params": {"max_tokens": 32}}, "metrics": {"start": \
1704916642.978631, "end": 1704916643.450115, "tokens": 30, "prompt_tokens": 19, \
"completion_tokens": 11}, "name": "OpenAI Chat Completion"}], "name": "run_input"}
{"input": "Which is larger, the sun or the moon?", "output": "The sun is larger than the moon.", \
"expected": "The sun.", "metadata": {"template": "Answer the following question: %s"}, \
"children": [{"input": [{"role": "user", "content": "Answer the following question: Which is \
larger, the sun or the moon?"}], "output": {"content": "The sun is larger than the moon.", "role": \
"assistant", "function_call": null, "tool_calls": null}, "metadata": {"model": "gpt-3.5-turbo", \
"params": {"max_tokens": 32}}, "metrics": {"start": 1704916643.450675, "end": 1704916643.839096, \
"tokens": 30, "prompt_tokens": 22, "completion_tokens": 8}, "name": "OpenAI Chat Completion"}], \
"name": "run_input"}
"""
CORPUS = Path(__file__).parent.parent / "corpus"


def rows_named(server: LocalServer, name: str, project: str = "p") -> list[dict[str, Any]]:
    rows = server.rows(project)
    return [row for row in rows if (row["span_attributes"] or {}).get("name") == name]


def test_the_guides_trees_become_traces(
    braintrust: LocalServer, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "trees.jsonl").write_text(GUIDE, encoding="utf-8")
    result = command("import", "trees.jsonl", "--project", "p")
    assert result.status == 0
    assert result.json["status"] == "success"
    assert result.json["imported"] == 4
    roots = rows_named(braintrust, "run_input")
    calls = rows_named(braintrust, "OpenAI Chat Completion")
    for text, root, call in zip(GUIDE.splitlines(), roots, calls, strict=True):
        tree = json.loads(text)
        for field in ("input", "output", "expected", "metadata"):
            assert root[field] == tree[field]
        [child] = tree["children"]
        for field in ("input", "output", "metadata", "metrics"):
            assert call[field] == child[field]
        assert root["is_root"]
        assert call["span_parents"] == [root["span_id"]]
        assert call["root_span_id"] == root["root_span_id"]
        # The root brought no times: it lasts as long as what is beneath it.
        assert root["metrics"] == {name: child["metrics"][name] for name in ("start", "end")}
        assert root["created"].startswith("2024-01-10T19:57:2")
    assert roots[0]["root_span_id"] != roots[1]["root_span_id"]


# As the guide on the underlying format shows it.
GUIDE_ROW = {
    "id": "385052b6-50a2-43b4-b52d-9afaa34f0bff",
    "input": {"question": "What is the origin of the customer support issue??"},
    "output": {
        "answer": "The customer support issue originated from a bug in the code.",
        "sources": ["http://www.example.com/faq/1234"],
    },
    "expected": {
        "answer": "Bug in the code that involved dividing by zero.",
        "sources": ["http://www.example.com/faq/1234"],
    },
    "scores": {"Factuality": 0.6},
    "metadata": {"pos": 1},
    "metrics": {"end": 1704872988.726753, "start": 1704872988.725727},
    "project_id": "d709efc0-ac9f-410d-8387-345e1e5074dc",
    "experiment_id": "51047341-2cea-4a8a-a0ad-3000f4a94a96",
    "created": "2024-01-10T07:49:48.725731+00:00",
    "span_id": "70b04fd2-0177-47a9-a70b-e32ca43db131",
    "root_span_id": "68b4ef73-f898-4756-b806-3bdd2d1cf3a1",
    "span_parents": ["68b4ef73-f898-4756-b806-3bdd2d1cf3a1"],
    "span_attributes": {"name": "doc_included"},
}


def test_the_guides_row_is_taken_as_it_is_but_for_its_place(
    braintrust: LocalServer, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "row.json").write_text(json.dumps(GUIDE_ROW, indent=2), encoding="utf-8")
    assert command("import", "row.json", "--project", "p").status == 0
    [row] = braintrust.rows("p")
    kept = GUIDE_ROW.keys() - {"project_id", "experiment_id", "created"}
    assert {name: row[name] for name in kept} == {name: GUIDE_ROW[name] for name in kept}
    assert row["created"].startswith("2024-01-10T07:49:48.725")


def test_a_file_imported_twice_doubles_nothing_and_equal_lines_are_two_traces(
    braintrust: LocalServer, command: Command, tmp_path: Path
) -> None:
    line = '{"input": "hi", "children": [{"name": "step"}, {"name": "step"}]}\n'
    (tmp_path / "trees.jsonl").write_text(line * 2, encoding="utf-8")
    for _ in range(2):
        assert command("import", "trees.jsonl", "--project", "p").json["imported"] == 6
    rows = braintrust.rows("p")
    assert len(rows) == 6
    assert len({row["root_span_id"] for row in rows}) == 2


def test_deep_and_wide_trees_keep_their_shape(
    braintrust: LocalServer, command: Command, tmp_path: Path
) -> None:
    tree: dict[str, Any] = {"name": "d200", "type": "llm", "metrics": {"start": 5.0, "end": 6.0}}
    for depth in range(199, -1, -1):
        tree = {"name": f"d{depth}", "children": [{"name": f"leaf{depth}"}, tree]}
    (tmp_path / "tree.json").write_text(json.dumps(tree, indent=2), encoding="utf-8")
    assert command("import", "tree.json", "--project", "p").json["imported"] == 401
    rows = {row["span_attributes"]["name"]: row for row in braintrust.rows("p")}
    assert rows["d200"]["span_attributes"]["type"] == "llm"
    for depth in range(200):
        above = [rows[f"d{depth}"]["span_id"]]
        assert rows[f"d{depth + 1}"]["span_parents"] == above
        assert rows[f"leaf{depth}"]["span_parents"] == above
        assert rows[f"d{depth}"]["metrics"] == {"start": 5.0, "end": 6.0}


def test_tags_within_a_tree_rise_to_its_root(
    braintrust: LocalServer, command: Command, tmp_path: Path
) -> None:
    tree = {"name": "root", "children": [{"name": "child", "tags": ["beta"]}]}
    (tmp_path / "tree.json").write_text(json.dumps(tree), encoding="utf-8")
    assert command("import", "tree.json", "--project", "p").status == 0
    assert rows_named(braintrust, "root")[0]["tags"] == ["beta"]
    assert not rows_named(braintrust, "child")[0]["tags"]


ROWS = [
    {"id": "r1", "input": 1, "scores": {"good": 0.5}, "tags": ["a"]},
    {"id": "r2", "span_id": "s2", "root_span_id": "t2", "span_parents": ["s1"], "output": "é"},
]
LAYOUTS = {
    "array": json.dumps(ROWS).encode(),
    "lines": "\n".join(json.dumps(row) for row in ROWS).encode(),
    "indented": json.dumps(ROWS, indent=2).encode(),
    "one after the other": "\n".join(json.dumps(row, indent=2) for row in ROWS).encode(),
    "what fetch prints": json.dumps({"logs": ROWS, "cursor": None, "has_more": False}).encode(),
    "what insert is sent": json.dumps({"events": ROWS}).encode(),
    "zipped": gzip.compress(json.dumps(ROWS).encode()),
    "with a byte order mark": b"\xef\xbb\xbf" + json.dumps(ROWS, ensure_ascii=False).encode(),
}


@pytest.mark.parametrize("from_stdin", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_are_taken_in_any_layout(
    layout: str, from_stdin: bool, braintrust: LocalServer, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "rows").write_bytes(LAYOUTS[layout])
    name = "-" if from_stdin else "rows"
    result = command(
        "import", name, "--project", "p", stdin=LAYOUTS[layout] if from_stdin else None
    )
    assert result.json["imported"] == 2, result.err
    first, second = braintrust.rows("p")
    assert first["scores"] == {"good": 0.5}
    assert first["tags"] == ["a"]
    assert (second["output"], second["span_parents"]) == ("é", ["s1"])
    assert (second["span_id"], second["root_span_id"]) == ("s2", "t2")


@pytest.fixture
def otlp_files(tmp_path: Path) -> list[Path]:
    """One recorded request a file, and all of them one a line."""
    found = sorted(CORPUS.rglob("*.otlp.json"))[:12]
    if not found:
        pytest.skip("no recorded spans here")
    lines = [json.dumps(json.loads(path.read_text(encoding="utf-8"))) for path in found]
    (tmp_path / "all.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return found


def test_otlp_becomes_the_rows_that_translate_prints(
    braintrust: LocalServer, command: Command, tmp_path: Path, otlp_files: list[Path]
) -> None:
    wanted = [json.loads(line) for line in command("translate", "all.jsonl").out.splitlines()]
    result = command("import", "all.jsonl", "--project", "p")
    assert (result.status, result.json["imported"]) == (0, len(wanted))
    stored = {row["id"]: row for row in braintrust.rows("p")}
    for row in wanted:
        kept = stored[row["id"]]
        assert {key: kept[key] for key in row if key != "created"} == {
            key: value for key, value in row.items() if key != "created"
        }


OTLP_LOG = {
    "resourceLogs": [
        {
            "scopeLogs": [
                {
                    "logRecords": [
                        {
                            "traceId": "0af7651916cd43dd8448eb211c80319c",
                            "spanId": "b7ad6b7169203331",
                            "eventName": "gen_ai.user.message",
                            "body": {
                                "kvlistValue": {
                                    "values": [
                                        {"key": "content", "value": {"stringValue": "Hello?"}}
                                    ]
                                }
                            },
                        }
                    ]
                }
            ]
        }
    ]
}
OTLP_SPAN = {
    "resourceSpans": [
        {
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "0af7651916cd43dd8448eb211c80319c",
                            "spanId": "b7ad6b7169203331",
                            "name": "chat gpt",
                            "startTimeUnixNano": "1700000000000000000",
                            "endTimeUnixNano": "1700000001000000000",
                            "attributes": [
                                {
                                    "key": "gen_ai.operation.name",
                                    "value": {"stringValue": "chat"},
                                }
                            ],
                        }
                    ]
                }
            ]
        }
    ]
}


@pytest.mark.parametrize("order", [("span", "log"), ("log", "span")])
def test_log_records_join_their_span_across_files_in_any_order(
    order: tuple[str, str], braintrust: LocalServer, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "log.json").write_text(json.dumps(OTLP_LOG), encoding="utf-8")
    (tmp_path / "span.json").write_text(json.dumps(OTLP_SPAN, indent=1), encoding="utf-8")
    names = [f"{name}.json" for name in order]
    assert command("import", *names, "--project", "p").status == 0
    [row] = braintrust.rows("p")
    assert row["input"] == [{"role": "user", "content": "Hello?"}]


def test_a_span_of_a_wrong_form_takes_no_other_of_its_request_along(
    braintrust: LocalServer, command: Command, tmp_path: Path
) -> None:
    request = json.loads(json.dumps(OTLP_SPAN))
    [scope] = request["resourceSpans"][0]["scopeSpans"]
    [good] = scope["spans"]
    scope["scope"] = {"name": "kept"}
    scope["spans"] = [
        {**good, "spanId": "xyz"},
        good,
        {**good, "spanId": "b7ad6b7169203332", "startTimeUnixNano": "soon"},
        7,
        {**good, "attributes": [{"key": "a", "value": {}}, {"key": "b", "value": 7}]},
    ]
    request["resourceSpans"].append({"scopeSpans": {}})
    (tmp_path / "spans.json").write_text(json.dumps(request), encoding="utf-8")
    result = command("import", "spans.json", "--project", "p")
    assert (result.status, result.json["imported"], result.json["unreadable"]) == (2, 1, 5)
    places = (
        "spans[0].spanId",
        "spans[2].startTimeUnixNano",
        "spans[3]",
        "spans[4].attributes[1]",
        "resourceSpans[1].scopeSpans",
    )
    for place, told in zip(places, result.err.splitlines(), strict=True):
        assert told.startswith("otel-braintrust: spans.json: line 1: ")
        assert told.endswith(f"{place})")
    [row] = braintrust.rows("p")
    assert row["id"] == good["spanId"]
    assert "kept" in json.dumps(row["context"])


def test_protobuf_is_taken(braintrust: LocalServer, command: Command, tmp_path: Path) -> None:
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    text = json.dumps(OTLP_SPAN).replace(
        "0af7651916cd43dd8448eb211c80319c", "CvdlGRbNQ92ESOshHIAxnA=="
    )
    text = text.replace("b7ad6b7169203331", "t61rcWkgMzE=")
    request = ParseDict(json.loads(text), ExportTraceServiceRequest())
    (tmp_path / "span.pb").write_bytes(gzip.compress(request.SerializeToString()))
    assert command("import", "span.pb", "--project", "p").status == 0
    [row] = braintrust.rows("p")
    assert row["id"] == "b7ad6b7169203331"


BAD_LINES = {
    '{"input": ': "line 2 column 10: not JSON",
    '{"input": NaN}': "line 2: not JSON: NaN is no JSON: write null",
    "[1]": "a record must be an object",
    '{"scores": {"good": 2}}': "scores must be an object of numbers from 0 to 1",
    '{"metrics": {"tokens": "7"}}': "metrics must be an object of numbers",
    '{"tags": "a"}': "tags must be a list of texts",
    '{"latency": 7}': "unknown field 'latency'",
    '{"created": "yesterday"}': "created must be a time such as",
    '{"span_parents": ["x"]}': "add the id of the trace",
    '{"_is_merge": true}': "_is_merge needs the id",
    '{"name": 7}': "name must be a text",
    '{"children": {"name": "x"}}': "children must be a list",
    '{"children": [{"children": [{}, {"scores": 1}]}]}': (
        "children[0].children[1]: scores must be an object"
    ),
    '{"comments": [{}]}': "comments[0] must be an object with comment.text",
    '{"resourceSpans": 7}': "resourceSpans",
}


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_bad_record_is_named_with_its_line_and_takes_no_other_along(
    line: str, braintrust: LocalServer, command: Command, tmp_path: Path
) -> None:
    text = '{"id": "before"}\n' + line + '\n{"id": "after"}\n'
    (tmp_path / "rows.jsonl").write_text(text, encoding="utf-8")
    result = command("import", "rows.jsonl", "--project", "p")
    assert result.status == 2
    assert (result.json["imported"], result.json["unreadable"]) == (2, 1)
    assert result.json["status"] == "incomplete"
    [told] = result.err.splitlines()
    assert told.startswith("otel-braintrust: rows.jsonl: line 2")
    assert BAD_LINES[line] in told
    assert [row["id"] for row in braintrust.rows("p")] == ["before", "after"]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("missing.json", None, "cannot be read: No such file"),
        ("empty.json", b" \n", "is empty"),
        ("text.txt", b"hello", "neither OTLP/JSON nor an OTLP protobuf request"),
        ("broken.gz", gzip.compress(b'{"id": "x"}' * 100)[:-9], "the gzip stream is broken"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_the_others_are_imported(
    name: str,
    content: bytes | None,
    problem: str,
    braintrust: LocalServer,
    command: Command,
    tmp_path: Path,
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    (tmp_path / "good.json").write_text('{"id": "good"}', encoding="utf-8")
    result = command("import", name, "good.json", "--project", "p")
    assert result.status == 2
    assert f"otel-braintrust: {name}: {problem}" in result.err
    assert [row["id"] for row in braintrust.rows("p")] == ["good"]


def test_a_dry_run_shows_the_rows_and_needs_no_key(command: Command, tmp_path: Path) -> None:
    (tmp_path / "trees.jsonl").write_text(GUIDE, encoding="utf-8")
    result = command("import", "--dry-run", "trees.jsonl")
    assert result.status == 0
    assert len([json.loads(line) for line in result.out.splitlines()]) == 4


def test_of_two_versions_of_a_row_the_later_one_stays_and_merges_merge(
    braintrust: LocalServer, command: Command, tmp_path: Path
) -> None:
    rows = [
        {"id": "a", "input": 1},
        {"id": "a", "input": 2, "metadata": {"x": 1}},
        {"id": "a", "_is_merge": True, "metadata": {"y": 2}, "scores": {"good": True}},
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    assert command("import", "rows.json", "--project", "p").json["imported"] == 3
    [row] = braintrust.rows("p")
    assert (row["input"], row["metadata"], row["scores"]) == (2, {"x": 1, "y": 2}, {"good": 1})


def test_a_project_id_that_is_none_is_told_before_anything_is_read(
    braintrust: LocalServer, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "rows.json").write_text('{"id": "a"}', encoding="utf-8")
    result = command("import", "rows.json", "--project-id", "11111111-2222-3333-4444-555555555555")
    assert result.status == 1
    assert "there is no project with the id" in result.error


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        monkeypatch.setenv("BRAINTRUST_API_KEY", "sk-of-the-tests")
        monkeypatch.setenv("BRAINTRUST_APP_URL", server.url)
        yield server


def write_rows(path: Path, count: int, **fields: Any) -> None:
    lines = (json.dumps({"id": f"r{number}", **fields}) for number in range(count))
    path.write_text("\n".join(lines), encoding="utf-8")


def test_a_row_that_the_server_refuses_is_found_and_the_others_arrive(
    scripted: ScriptedServer, command: Command, tmp_path: Path
) -> None:
    scripted.refuse_row = lambda row: row["id"] == "r7"
    write_rows(tmp_path / "rows.jsonl", 40)
    result = command("import", "rows.jsonl", "--project", "p")
    assert result.status == 1
    assert (result.json["imported"], result.json["refused"]) == (39, 1)
    [told] = result.err.splitlines()
    assert told.startswith("otel-braintrust: rows.jsonl: line 8: POST ")
    assert "answered 400" in told
    assert set(scripted.rows) == {f"r{number}" for number in range(40)} - {"r7"}


def test_what_fails_for_a_while_is_tried_again(
    scripted: ScriptedServer, command: Command, tmp_path: Path
) -> None:
    scripted.script.extend([Answer(503), Answer(429, headers={"Retry-After": "0.1"})])
    write_rows(tmp_path / "rows.jsonl", 3)
    result = command("import", "rows.jsonl", "--project", "p")
    assert (result.status, result.json["imported"]) == (0, 3)


@pytest.mark.parametrize(("status", "tries"), [(503, 2), (401, 1)])
def test_a_server_that_fails_or_refuses_them_all_stops_the_import(
    status: int,
    tries: int,
    scripted: ScriptedServer,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BRAINTRUST_NUM_RETRIES", "1")
    scripted.always = Answer(status)
    write_rows(tmp_path / "rows.jsonl", 1200)
    result = command("import", "rows.jsonl", "--project", "p")
    assert result.status == 1
    assert result.json["imported"] == 0
    assert result.json["not_sent"] >= 500
    [told] = result.err.splitlines()
    assert f"answered {status}" in told
    assert "the import stopped, repeat it" in told
    posts = [each for each in scripted.requests if each.path == "/logs3"]
    assert len(posts) == tries


def test_batches_keep_to_what_the_server_takes(
    monkeypatch: pytest.MonkeyPatch, command: Command, tmp_path: Path
) -> None:
    with LocalServer(limits=Limits(payload_max_bytes=50_000)) as server:
        monkeypatch.setenv("BRAINTRUST_API_KEY", server.api_key)
        monkeypatch.setenv("BRAINTRUST_API_URL", server.url)
        monkeypatch.setenv("BRAINTRUST_APP_URL", server.url)
        write_rows(tmp_path / "rows.jsonl", 50, input="x" * 5000)
        with (tmp_path / "rows.jsonl").open("a", encoding="utf-8") as file:
            file.write('\n{"id": "large", "input": "' + "y" * 120_000 + '"}')
        result = command("import", "rows.jsonl", "--project", "p")
        assert (result.status, result.json["imported"]) == (0, 51)
        rows = {row["id"]: row for row in server.rows("p")}
        assert len(rows) == 51
        assert len(rows["large"]["input"]) == 120_000  # it went round the limit, whole
