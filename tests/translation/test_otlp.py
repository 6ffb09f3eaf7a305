"""OTLP requests, JSON and protobuf: the same spans, and mistakes with their place."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from otel_braintrust.translation.otlp import OtlpError, decode

SPAN: dict[str, Any] = {
    "traceId": "0AF7651916CD43DD8448EB211C80319C",
    "spanId": "b7ad6b7169203331",
    "parentSpanId": "00f067aa0ba902b7",
    "flags": 0x300,
    "name": "chat",
    "kind": 3,
    "startTimeUnixNano": "1544712660000000000",
    "endTimeUnixNano": 1544712661000000000,
    "attributes": [
        {"key": "text", "value": {"stringValue": "ü"}},
        {"key": "int", "value": {"intValue": "9007199254740993"}},
        {"key": "nan", "value": {"doubleValue": "NaN"}},
        {"key": "none", "value": {"doubleValue": None}},
        {"key": "empty", "value": {}},
        {"key": "list", "value": {"arrayValue": {"values": [{"boolValue": True}]}}},
        {"key": "bytes", "value": {"bytesValue": "aGk="}},
        {
            "key": "map",
            "value": {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": 1}}]}},
        },
    ],
    "events": [{"name": "e", "timeUnixNano": "1", "attributes": []}],
    "status": {"code": "STATUS_CODE_ERROR", "message": "boom"},
}


def request(span: dict[str, Any]) -> dict[str, Any]:
    scope = {"name": "lib", "version": "1"}
    return {"resourceSpans": [{"scopeSpans": [{"scope": scope, "spans": [span]}]}]}


def test_span_is_read_whatever_form_its_numbers_and_enums_have() -> None:
    (span,) = decode(json.dumps(request(SPAN)).encode()).spans
    assert span.trace_id == SPAN["traceId"].lower()
    assert span.parent_is_remote is True
    assert (span.kind, span.status_code, span.status_description) == ("CLIENT", "ERROR", "boom")
    assert span.start_ns == 1544712660000000000
    assert span.attributes["int"] == 9007199254740993
    assert span.attributes["nan"] != span.attributes["nan"]
    assert span.attributes["none"] is None
    assert span.attributes["empty"] is None
    assert span.attributes["list"] == [True]
    assert span.attributes["bytes"] == b"hi"
    assert span.attributes["map"] == {"a": 1}
    assert (span.scope_name, span.scope_version) == ("lib", "1")


def test_protobuf_and_json_say_the_same() -> None:
    message = ExportTraceServiceRequest()
    scoped = message.resource_spans.add().scope_spans.add()
    scoped.scope.name, scoped.scope.version = "lib", "1"
    span = scoped.spans.add(
        trace_id=bytes.fromhex(SPAN["traceId"]),
        span_id=bytes.fromhex(SPAN["spanId"]),
        parent_span_id=bytes.fromhex(SPAN["parentSpanId"]),
        flags=0x300,
        name="chat",
        kind=3,
        start_time_unix_nano=1544712660000000000,
        end_time_unix_nano=1544712661000000000,
    )
    span.status.code, span.status.message = 2, "boom"
    span.events.add(name="e", time_unix_nano=1)
    span.attributes.add(key="text", value=AnyValue(string_value="ü"))
    json_span = {**SPAN, "attributes": SPAN["attributes"][:1]}

    from_protobuf = decode(message.SerializeToString()).spans
    assert from_protobuf == decode(json.dumps(request(json_span)).encode()).spans
    typed = decode(message.SerializeToString(), content_type="application/x-protobuf; v=1")
    assert typed.spans == from_protobuf


def test_one_document_a_line_is_read_as_collectors_write_it() -> None:
    lines = "\n".join(json.dumps(request({**SPAN, "name": name})) for name in ("a", "b"))
    assert [span.name for span in decode(lines.encode()).spans] == ["a", "b"]


def test_log_records_are_kept_where_they_belong_to_a_span() -> None:
    record = {
        "traceId": SPAN["traceId"],
        "spanId": SPAN["spanId"],
        "eventName": "gen_ai.choice",
        "body": {"kvlistValue": {"values": [{"key": "index", "value": {"intValue": 0}}]}},
    }
    logs = [{"scopeLogs": [{"logRecords": [record, {"body": {"stringValue": "loose"}}]}]}]
    (event,) = decode(json.dumps({"resourceLogs": logs}).encode()).logs
    assert (event.name, event.body) == ("gen_ai.choice", {"index": 0})

    message = ExportLogsServiceRequest()
    message.resource_logs.add().scope_logs.add().log_records.add(
        trace_id=bytes(15) + b"1", span_id=bytes(7) + b"2", body=AnyValue(string_value="hi")
    )
    (from_protobuf,) = decode(message.SerializeToString()).logs
    assert from_protobuf.body == "hi"


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "line 1 column 1"),
        (b"{", "line 1 column 2"),
        (b'{"a": 1}', "the top level"),
        (b'{"resourceSpans": {}}', "resourceSpans"),
        (b"\xff\xfe{", "byte 0"),
        (b"plain words", "byte 0"),
        (b'{"resourceSpans": []}\n{"resourceSpans": [}', "line 2 column 20"),
        (json.dumps(request({**SPAN, "spanId": "xyz"})).encode(), "spans[0].spanId"),
        (json.dumps(request({**SPAN, "kind": 77})).encode(), "spans[0].kind"),
        (json.dumps(request({**SPAN, "startTimeUnixNano": "soon"})).encode(), "startTimeUnixNano"),
        (
            json.dumps(
                request({**SPAN, "attributes": [{"key": "a", "value": {"intValue": "x"}}]})
            ).encode(),
            "attributes[0]",
        ),
    ],
)
def test_broken_request_is_an_error_that_names_the_place(data: bytes, place: str) -> None:
    with pytest.raises(OtlpError, match=re.escape(place)):
        decode(data)


def test_unknown_content_type_is_named() -> None:
    with pytest.raises(OtlpError, match="text/plain"):
        decode(b"{}", content_type="text/plain")
