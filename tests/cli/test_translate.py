"""translate: files of OTLP in, one row a line out; a broken file does not stop the others."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]  # see conftest.py

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def spans(*named: str, trace_id: str = TRACE_ID, **values: str) -> dict[str, Any]:
    """One OTLP request with a span for each name; its id is made of the name."""
    return {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "scope": {"name": "test"},
                        "spans": [
                            {
                                "traceId": trace_id,
                                "spanId": span_id(name),
                                "name": name,
                                "startTimeUnixNano": "1767225600000000000",
                                "endTimeUnixNano": "1767225601000000000",
                                "attributes": attributes(values),
                            }
                            for name in named
                        ],
                    }
                ]
            }
        ]
    }


def span_id(name: str) -> str:
    return name.encode().ljust(8, b"\x00").hex()[:16]


def messages(name: str) -> dict[str, Any]:
    """An OTLP request of logs: what the user asked in the span of this name."""
    record = {
        "traceId": TRACE_ID,
        "spanId": span_id(name),
        "timeUnixNano": "1767225600500000000",
        "eventName": "gen_ai.user.message",
        "attributes": attributes({"event.name": "gen_ai.user.message"}),
        "body": {
            "kvlistValue": {"values": attributes({"content": "Where is my order?"})},
        },
    }
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


def write(name: str, request: dict[str, Any]) -> str:
    Path(name).write_text(json.dumps(request), encoding="utf-8")
    return name


def rows(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_rows_come_one_a_line_in_the_order_of_the_files(command: Command) -> None:
    files = [write("b.json", spans("b1", "b2")), write("a.json", spans("a1"))]

    result = command("translate", *files)

    assert result.status == 0, result.err
    found = rows(result.out)
    assert [row["span_attributes"]["name"] for row in found] == ["b1", "b2", "a1"]
    assert [row["id"] for row in found] == [span_id("b1"), span_id("b2"), span_id("a1")]
    containers = {"project_id", "log_id", "experiment_id"}
    assert not any(containers & row.keys() for row in found)


def test_log_events_join_their_span_from_another_file(command: Command) -> None:
    call = {"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}
    files = [write("logs.json", messages("call")), write("spans.json", spans("call", **call))]

    [row] = rows(command("translate", *files).out)

    assert "Where is my order?" in json.dumps(row["input"])


def test_protobuf_gzip_and_stdin_are_read_like_json(command: Command) -> None:
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = spans("one")
    for group in request["resourceSpans"][0]["scopeSpans"]:
        for span in group["spans"]:
            for key in ("traceId", "spanId"):
                span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    protobuf = ParseDict(request, ExportTraceServiceRequest()).SerializeToString()
    Path("spans.pb").write_bytes(protobuf)
    Path("spans.json.gz").write_bytes(gzip.compress(json.dumps(spans("one")).encode()))

    from_protobuf = command("translate", "spans.pb")
    from_gzip = command("translate", "spans.json.gz")
    from_stdin = command("translate", "-", stdin=gzip.compress(protobuf))

    assert from_protobuf.status == 0, from_protobuf.err
    assert rows(from_protobuf.out) == rows(from_gzip.out) == rows(from_stdin.out)


def test_a_broken_file_is_named_with_its_place_and_the_others_are_translated(
    command: Command,
) -> None:
    write("good.json", spans("good"))
    Path("bad.json").write_text('{"resourceSpans":\n  [oops]}', encoding="utf-8")
    wrong = spans("x")
    wrong["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] = "xyz"
    write("wrong.json", wrong)
    Path("cut.gz").write_bytes(gzip.compress(json.dumps(spans("cut")).encode())[:-20])
    Path("noise.pb").write_bytes(b"\x80\xff\x00noise")

    names = ["bad.json", "wrong.json", "cut.gz", "noise.pb", "missing.json", "empty.json"]
    Path("empty.json").write_bytes(b"")
    result = command("translate", *names[:3], "good.json", *names[3:])

    assert result.status == 2
    assert [row["span_attributes"]["name"] for row in rows(result.out)] == ["good"]
    told = result.err.splitlines()
    assert [line.split(":")[1].strip() for line in told] == names
    assert "line 2 column 4" in told[0]
    assert "resourceSpans[0].scopeSpans[0].spans[0].spanId" in told[1]
    assert "No such file" in told[4]


def test_a_file_without_spans_gives_no_rows(command: Command) -> None:
    result = command("translate", write("logs.json", messages("nobody")))

    assert result.status == 0
    assert result.out == ""


def test_translate_without_a_file_was_asked_wrongly(command: Command) -> None:
    result = command("translate")

    assert result.status == 2
    assert "FILE" in result.error


CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.input.messages": '[{"role": "user", "content": "Hi"}]',
    "gen_ai.prompt.0.content": "Something else",
    "app.name": "suppört [bold]",
}


def test_an_explanation_is_a_plain_table_of_a_hundred_columns(command: Command) -> None:
    files = [write("logs.json", messages("call")), write("spans.json", spans("call", **CALL))]

    result = command("translate", "--explain", *files)

    assert result.status == 0, result.err
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert max(map(len, result.out.splitlines())) <= 100
    assert "\x1b" not in result.out
    assert f"call span {span_id('call')} of trace {TRACE_ID}" in lines
    assert "span_attributes.type gen_ai.operation.name genai" in lines
    assert any(line.startswith("gen_ai.input.messages lost input to event") for line in lines)
    assert "app.name kept in the metadata" in lines
    assert "log event gen_ai.user.message gave input genai_events" in lines


def test_an_explanation_as_json_is_one_object_a_span(command: Command) -> None:
    file = write("spans.json", spans("one", "two", **CALL))

    found = rows(command("translate", "--explain", "--json", file).out)

    assert [told["name"] for told in found] == ["one", "two"]
    for told in found:
        assert [entry["name"] for entry in told["attributes"]] == list(CALL)
        fates = {entry["name"]: entry["fate"] for entry in told["attributes"]}
        assert fates == {
            "gen_ai.operation.name": "gave",
            "gen_ai.input.messages": "gave",
            "gen_ai.prompt.0.content": "lost",
            "app.name": "kept",
        }
        [given] = [entry for entry in told["fields"] if entry["field"] == "input"]
        assert given["sources"] == ["gen_ai.input.messages"]
        assert given["conventions"] == ["genai"]


def test_json_without_explain_is_asked_wrongly(command: Command) -> None:
    result = command("translate", "--json", write("spans.json", spans("one")))

    assert result.status == 2
    assert "--json goes with --explain" in result.error


def test_a_broken_file_is_told_beside_explanations_too(command: Command) -> None:
    result = command("translate", "--explain", write("spans.json", spans("one")), "missing.json")

    assert result.status == 2
    assert "one" in result.out
    assert "missing.json" in result.err
