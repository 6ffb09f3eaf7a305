"""Attachment, JSONAttachment and ExternalAttachment anywhere in what is logged."""

from __future__ import annotations

import gc
import logging
import pickle
import weakref
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_braintrust import (
    Attachment,
    BraintrustClient,
    BraintrustSpanExporter,
    BraintrustSpanProcessor,
    ExternalAttachment,
    JSONAttachment,
    attributes,
    export_span,
    log,
    log_feedback,
    start_span,
    traced,
    update_span,
)
from otel_braintrust.local.server import LocalServer
from otel_braintrust.sizes import span_bytes


def read(server: LocalServer, reference: dict[str, str]) -> bytes:
    """The bytes behind a reference, over HTTP."""
    with BraintrustClient(api_key=server.api_key, api_url=server.url, app_url=server.url) as client:
        return client.attachment(reference).data


def rows(server: LocalServer, processor: BraintrustSpanProcessor) -> dict[str, dict[str, Any]]:
    """The rows by the name of their span, after a flush."""
    assert processor.flush(20.0).ok
    found = [row for row in server.rows("files") if row.get("span_attributes")]
    return {row["span_attributes"]["name"]: row for row in found}


def test_an_attachment_stands_at_its_place_at_any_depth(
    process: BraintrustSpanProcessor, local_braintrust: LocalServer, tmp_path: Path
) -> None:
    file = tmp_path / "note.txt"
    file.write_bytes(b"on disk")
    picture = Attachment(b"\x89PNG", "p.png")
    deep: Any = picture
    for _ in range(60):
        deep = {"inner": [deep]}
    with start_span("ask", input={"deep": deep, "pair": (1, picture)}, expected=[picture]) as span:
        span.log(output={"file": Attachment(file)}, metadata={"raw": JSONAttachment({"a": [1]})})
        span.log(metadata={"more": ExternalAttachment("s3://b/scan.pdf")})
    row = rows(local_braintrust, process)["ask"]
    inner = row["input"]["deep"]
    for _ in range(60):
        inner = inner["inner"][0]
    assert inner == row["input"]["pair"][1] == row["expected"][0] == picture.reference
    assert inner["type"] == "braintrust_attachment"
    assert read(local_braintrust, inner) == b"\x89PNG"
    assert row["output"]["file"]["filename"] == "note.txt"
    assert row["output"]["file"]["content_type"] == "text/plain"
    assert read(local_braintrust, row["output"]["file"]) == b"on disk"
    assert read(local_braintrust, row["metadata"]["raw"]) == b'{"a":[1]}'
    assert row["metadata"]["more"] == {
        "type": "external_attachment",
        "filename": "scan.pdf",
        "content_type": "application/pdf",
        "url": "s3://b/scan.pdf",
    }
    assert process.ledger.attachments.uploaded == 3


def test_what_is_logged_again_keeps_the_attachments_before_it(
    process: BraintrustSpanProcessor, local_braintrust: LocalServer
) -> None:
    with start_span("ask", input={"a": Attachment(b"one")}) as span:
        span.log(input={"b": Attachment(b"two")})
        span.log(input={"c": 3}, output=Attachment(b"replaced"))
        span.log(output="words")
    row = rows(local_braintrust, process)["ask"]
    assert read(local_braintrust, row["input"]["a"]) == b"one"
    assert read(local_braintrust, row["input"]["b"]) == b"two"
    assert (row["input"]["c"], row["output"]) == (3, "words")
    assert process.ledger.attachments.uploaded == 2  # not the one that nothing refers to


def test_traced_functions_and_attributes_take_attachments(
    process: BraintrustSpanProcessor, local_braintrust: LocalServer
) -> None:
    @traced
    def describe(image: Attachment, words: int) -> dict[str, Any]:
        return {"text": "a cat", "crop": Attachment(b"crop", "crop.png"), "words": words}

    with attributes(metadata={"contract": Attachment(b"signed", "c.pdf")}):
        describe(Attachment(b"cat", "cat.png"), words=3)
    row = rows(local_braintrust, process)["describe"]
    assert row["input"]["words"] == row["output"]["words"] == 3
    assert read(local_braintrust, row["input"]["image"]) == b"cat"
    assert read(local_braintrust, row["output"]["crop"]) == b"crop"
    assert read(local_braintrust, row["metadata"]["contract"]) == b"signed"


def test_a_message_to_a_model_may_hold_an_attachment(
    process: BraintrustSpanProcessor, local_braintrust: LocalServer
) -> None:
    image = {"type": "image_url", "image_url": {"url": Attachment(b"cat", "cat.png")}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What?"}, image]}]
    with start_span("chat", type="llm", input=messages):
        pass
    row = rows(local_braintrust, process)["chat"]
    part = row["input"][0]["content"][1]
    assert read(local_braintrust, part["image_url"]["url"]) == b"cat"


def test_updates_and_feedback_take_attachments(
    process: BraintrustSpanProcessor, local_braintrust: LocalServer
) -> None:
    with start_span("ask") as span:
        slug = export_span(span)
    update_span(slug, output={"scan": Attachment(b"late", "l.png")})
    log(span=span, metadata={"log": Attachment(b"later", "l.txt")})
    log_feedback(
        slug,
        expected={"best": Attachment(b"better", "b.png")},
        metadata={"proof": Attachment(b"proof", "p.png")},
    )
    row = rows(local_braintrust, process)["ask"]
    assert read(local_braintrust, row["output"]["scan"]) == b"late"
    assert read(local_braintrust, row["metadata"]["log"]) == b"later"
    assert read(local_braintrust, row["expected"]["best"]) == b"better"
    [audit] = [each for each in row["audit_data"] if each.get("metadata")]
    assert read(local_braintrust, audit["metadata"]["proof"]) == b"proof"


def test_odd_values_beside_an_attachment_cost_it_nothing(
    process: BraintrustSpanProcessor, local_braintrust: LocalServer
) -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    with start_span("ask", input={"a": Attachment(b"kept"), "b": Odd(), "c": {1: {2, 3}}}):
        pass
    row = rows(local_braintrust, process)["ask"]
    assert read(local_braintrust, row["input"]["a"]) == b"kept"
    assert row["input"]["c"] == {"1": [2, 3]}


def test_one_attachment_on_many_spans_is_uploaded_once(
    process: BraintrustSpanProcessor, local_braintrust: LocalServer
) -> None:
    shared = Attachment(b"x" * 1000, "shared.bin")
    for number in range(20):
        with start_span(f"turn {number}", input={"image": shared}):
            pass
        process.flush(20.0)
    found = rows(local_braintrust, process)
    assert {row["input"]["image"]["key"] for row in found.values()} == {shared.key}
    assert process.ledger.attachments.uploaded == 20
    assert read(local_braintrust, shared.reference) == b"x" * 1000


def test_the_bytes_are_those_of_the_moment_and_the_json_too(
    process: BraintrustSpanProcessor, local_braintrust: LocalServer
) -> None:
    buffer, value = bytearray(b"before"), {"a": [1]}
    with start_span("ask", input=[Attachment(buffer), JSONAttachment(value, pretty=True)]):
        pass
    buffer[:] = b"after!"
    value["a"].append(2)
    one, two = rows(local_braintrust, process)["ask"]["input"]
    assert read(local_braintrust, one) == b"before"
    assert read(local_braintrust, two) == b'{\n  "a": [\n    1\n  ]\n}'


@pytest.mark.parametrize("rules", ["drop name=ask", "keep name=ask"])
def test_a_span_that_does_not_go_lets_its_attachments_go(
    local_braintrust: LocalServer, monkeypatch: pytest.MonkeyPatch, rules: str
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    processor = BraintrustSpanProcessor(
        api_key=local_braintrust.api_key,
        api_url=local_braintrust.url,
        app_url=local_braintrust.url,
        project="files",
        span_rules=rules,
    )
    provider.add_span_processor(processor)
    attachment = Attachment(b"x" * 1000)
    held = weakref.ref(attachment)
    with start_span("ask", input=attachment):
        del attachment
    assert processor.flush(20.0).ok
    assert processor.ledger.attachments.uploaded == (1 if rules.startswith("keep") else 0)
    gc.collect()
    assert held() is None
    provider.shutdown()


def test_a_span_that_never_ends_holds_its_attachments_no_longer_than_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(shutdown_on_exit=False))
    attachment = Attachment(b"x" * 1000)
    held = weakref.ref(attachment)
    span = start_span("never", input=attachment)
    del attachment
    assert held() is not None
    del span
    gc.collect()
    assert held() is None


def test_nothing_is_held_where_nothing_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    attachment = Attachment(b"x" * 1000)
    held = weakref.ref(attachment)
    with start_span("ask", input=attachment) as span:
        span.log(output=attachment)
        log(metadata={"file": attachment})
    del attachment, span
    gc.collect()
    assert held() is None


def test_other_exporters_see_text_and_the_span_weighs_what_it_holds(
    process: BraintrustSpanProcessor, local_braintrust: LocalServer
) -> None:
    memory = InMemorySpanExporter()
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(memory))
    with start_span("ask", input={"file": Attachment(b"x" * 50_000)}):
        pass
    [span] = memory.get_finished_spans()
    text = span.attributes["braintrust.input_json"]
    assert isinstance(text, str)
    assert '"braintrust_attachment"' in text
    assert "braintrust_attachment" in span.to_json()
    assert b"braintrust_attachment" in encode_spans([span]).SerializeToString()
    assert pickle.loads(pickle.dumps(text)) == text
    assert 50_000 < span_bytes(span) < 60_000


def test_a_file_that_is_gone_by_then_is_told_and_costs_only_itself(
    process: BraintrustSpanProcessor,
    local_braintrust: LocalServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone = Attachment(tmp_path / "gone.txt")
    with caplog.at_level(logging.WARNING), start_span("ask", input=[gone, Attachment(b"here")]):
        pass
    result = process.flush(20.0)
    assert (result.ok, result.sent, result.attachments_lost) == (False, 1, 1)
    assert process.flush(20.0).ok
    [row] = local_braintrust.rows("files")
    assert read(local_braintrust, row["input"][1]) == b"here"
    upload = local_braintrust.store.uploads.get(gone.key)
    assert upload is not None
    assert upload.upload_status["upload_status"] == "error"
    assert process.ledger.attachments.lost == {"unreadable": 1}
    assert "gone.txt" in caplog.text


def test_the_exporter_alone_behind_opentelemetrys_processor_uploads_too(
    local_braintrust: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    exporter = BraintrustSpanExporter(
        api_key=local_braintrust.api_key,
        api_url=local_braintrust.url,
        app_url=local_braintrust.url,
        project="files",
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    with start_span("ask", input=Attachment(b"alone")):
        pass
    provider.shutdown()
    [row] = local_braintrust.rows("files")
    assert read(local_braintrust, row["input"]) == b"alone"
    assert exporter.ledger.attachments.uploaded == 1


def test_two_processors_upload_each_to_its_own(
    process: BraintrustSpanProcessor, local_braintrust: LocalServer
) -> None:
    with LocalServer() as other:
        second = BraintrustSpanProcessor(
            api_key=other.api_key, api_url=other.url, app_url=other.url, project="files"
        )
        trace.get_tracer_provider().add_span_processor(second)
        with start_span("ask", input=Attachment(b"both")):
            pass
        for server, processor in ((local_braintrust, process), (other, second)):
            assert read(server, rows(server, processor)["ask"]["input"]) == b"both"
        second.shutdown()


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Attachment(5), "a path or bytes"),
        (lambda: Attachment(b"x", ""), "filename"),
        (lambda: Attachment(b"x", "a", content_type=" "), "content_type"),
        (lambda: Attachment(b"x", 5), "filename"),
        (lambda: ExternalAttachment(""), "url"),
        (lambda: ExternalAttachment(None), "url"),
    ],
)
def test_what_is_no_attachment_is_told_at_once(make: Any, named: str) -> None:
    with pytest.raises((TypeError, ValueError), match=named):
        make()


def test_names_and_types_are_guessed_from_the_path_or_the_address(tmp_path: Path) -> None:
    assert Attachment(tmp_path / "é.jpg").reference["content_type"] == "image/jpeg"
    assert Attachment(str(tmp_path / "x.unheard")).reference["filename"] == "x.unheard"
    assert Attachment(b"x").reference["content_type"] == "application/octet-stream"
    external = ExternalAttachment("https://h/a%20b.png?x=1#y").reference
    assert (external["filename"], external["content_type"]) == ("a b.png", "image/png")
    assert "secret" not in repr(Attachment(b"secret", "a.txt"))
