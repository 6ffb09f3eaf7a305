"""OTLP spans sent to the local server by OpenTelemetry's own exporter, and by hand."""

from __future__ import annotations

import orjson
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

SPAN = {
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "name": "chat",
    "startTimeUnixNano": "1700000000000000000",
    "endTimeUnixNano": "1700000001500000000",
}


@pytest.fixture
def tracer_for(api):
    """A tracer that exports each span at once, as OTLP with the given compression and parent."""
    providers = []

    def make(parent: str, compression: Compression = Compression.NoCompression):
        exporter = OTLPSpanExporter(
            endpoint=f"{api.server.url}/otel/v1/traces",
            headers={"authorization": f"Bearer {api.server.api_key}", "x-bt-parent": parent},
            compression=compression,
        )
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        providers.append(provider)
        return provider.get_tracer("test")

    yield make
    for provider in providers:
        provider.shutdown()


def send(api, *spans, headers=None, encode=orjson.dumps):
    document = {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}
    return api.post(
        "/otel/v1/traces",
        data=encode(document),
        headers={"Content-Type": "application/json", **(headers or {})},
    )


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value}}


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_spans_become_rows_under_their_own_ids(api, tracer_for, compression):
    tracer = tracer_for("project_name:otel", compression)
    with tracer.start_as_current_span("agent") as root:
        attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-x"}
        with tracer.start_as_current_span("call", attributes=attributes) as call:
            pass
    rows = {row["span_attributes"]["name"]: row for row in api.server.rows("otel")}
    assert rows["agent"]["id"] == format(root.get_span_context().span_id, "016x")
    assert rows["agent"]["root_span_id"] == format(root.get_span_context().trace_id, "032x")
    assert rows["call"]["span_parents"] == [rows["agent"]["span_id"]]
    assert rows["call"]["id"] == format(call.get_span_context().span_id, "016x")
    assert rows["call"]["span_attributes"]["type"] == "llm"
    assert rows["call"]["metadata"]["model"] == "gpt-x"


def test_an_attribute_routes_a_span_away_from_the_header(api):
    routed = {**SPAN, "attributes": [attribute("braintrust.parent", "project_name:other")]}
    here = {**SPAN, "spanId": "aaaaaaaaaaaaaaaa"}
    assert send(api, routed, here, headers={"x-bt-parent": "project_name:here"}).ok
    assert [row["id"] for row in api.server.rows("other")] == [SPAN["spanId"]]
    assert [row["id"] for row in api.server.rows("here")] == ["aaaaaaaaaaaaaaaa"]


def test_a_span_sent_as_a_row_and_over_otlp_is_one_row(api):
    ids = {"span_id": SPAN["spanId"], "root_span_id": SPAN["traceId"]}
    api.log({"id": SPAN["spanId"], **ids, "input": "as a row"})
    assert send(api, SPAN, headers={"x-bt-parent": f"project_id:{api.project}"}).ok
    [row] = api.server.rows("test")
    assert row["metrics"]["end"] - row["metrics"]["start"] == 1.5


def test_experiments_take_spans_too(api):
    experiment = api.post("/v1/experiment", {"project_id": api.project, "name": "e"}).json()
    assert send(api, SPAN, headers={"x-bt-parent": f"experiment_id:{experiment['id']}"}).ok
    page = api.post(f"/v1/experiment/{experiment['id']}/fetch", {}).json()
    assert [event["id"] for event in page["events"]] == [SPAN["spanId"]]


@pytest.mark.parametrize("parent", [None, "nonsense", "project_id:nowhere", "project_name:"])
def test_a_span_without_a_place_is_rejected_alone_and_counted(api, parent):
    attributes = [attribute("braintrust.parent", parent)] if parent else []
    stray = {**SPAN, "attributes": attributes}
    placed = {
        **SPAN,
        "spanId": "aaaaaaaaaaaaaaaa",
        "attributes": [attribute("braintrust.parent", f"project_id:{api.project}")],
    }
    answer = send(api, stray, placed)
    partial = answer.json()["partialSuccess"]
    assert answer.status_code == 200
    assert partial["rejectedSpans"] == "1"
    named = "nowhere" if parent == "project_id:nowhere" else parent or "x-bt-parent"
    assert named in partial["errorMessage"]
    assert [row["id"] for row in api.server.rows("test")] == ["aaaaaaaaaaaaaaaa"]


@pytest.mark.parametrize(
    ("parent", "status"),
    [("nonsense", 400), ("project_id:nowhere", 403), ("experiment_id:nowhere", 403)],
)
def test_a_header_that_names_no_place_fails_the_request(api, parent, status):
    answer = send(api, SPAN, headers={"x-bt-parent": parent})
    assert (answer.status_code, parent.rpartition(":")[2] in answer.text) == (status, True)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'"spans"', "application/json", 400),
        (b"\xff\xff\xff", "application/x-protobuf", 400),
        (b"{}", "text/plain", 415),
        (b"", "application/x-protobuf", 200),
        (b"x" * 10_000_001, "application/x-protobuf", 413),
    ],
)
def test_bodies_that_are_no_request_are_told_apart(api, body, content_type, status):
    answer = api.post("/otel/v1/traces", data=body, headers={"Content-Type": content_type})
    assert answer.status_code == status


def test_protobuf_is_answered_with_protobuf(api):
    answer = api.post(
        "/otel/v1/traces", data=b"", headers={"Content-Type": "application/x-protobuf"}
    )
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 0
