"""What happens to a row that is too large, step by step, and that it never costs the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from otel_braintrust.accounts import Ticket
from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.encoding import encode
from otel_braintrust.delivery.parcels import seal
from otel_braintrust.delivery.shrinking import OMITTED_KEY, shorten, without_large_values
from otel_braintrust.local.limits import Limits
from otel_braintrust.local.server import LocalServer
from otel_braintrust.processor import BraintrustSpanProcessor
from tests.scripted_server import Answer, ScriptedServer

from .conftest import Application

Make = Callable[..., Application]


def test_a_text_beyond_the_limit_of_a_field_is_cut_with_its_length_and_digest(
    server: ScriptedServer, application: Make
) -> None:
    app = application(max_field_bytes=1000)
    text = "ä" * 5000
    app.end_spans(1, text=text, short="whole")
    assert app.processor.flush(5.0).sent == 1
    [row] = server.rows.values()
    cut = row["metadata"]["text"]
    assert cut.startswith("ä" * 500 + "…")
    assert "10000 bytes" in cut
    assert hashlib.sha256(text.encode()).hexdigest() in cut
    assert row["metadata"]["short"] == "whole"


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_row_beyond_what_the_server_takes_goes_by_an_upload(
    server: ScriptedServer, application: Make, method: str
) -> None:
    server.told_max_bytes = server.max_body_bytes = 20_000
    server.overflow_method = method
    app = application()
    ids = app.end_spans(10)
    ids += app.end_spans(1, text="x" * 50_000)
    ids += app.end_spans(10)
    result = app.processor.flush(10.0)
    assert (result.sent, result.dropped) == (21, 0)
    assert sorted(server.arrivals) == sorted(ids)
    assert server.rows[ids[10]]["metadata"]["text"] == "x" * 50_000
    [asked] = [json.loads(r.body) for r in server.requests if r.path == "/logs3/overflow"]
    assert asked["rows"][0]["object_ids"] == {"project_id": "id-of-faults", "log_id": "g"}
    uploads = [r for r in server.requests if r.path.startswith("/upload/")]
    assert [each.method for each in uploads] == [method]
    assert "Authorization" not in uploads[0].headers


def test_an_upload_is_done_once_however_often_its_key_must_be_posted(
    server: ScriptedServer, application: Make
) -> None:
    server.told_max_bytes = server.max_body_bytes = 20_000
    server.overflow_method = "PUT"
    server.script.extend([Answer(503), Answer(503)])
    app = application()
    app.end_spans(1, text="x" * 50_000)
    assert app.processor.flush(10.0).sent == 1
    assert len([r for r in server.requests if r.path.startswith("/upload/")]) == 1


@pytest.mark.parametrize("fault", ["no such way", "storage refuses", "storage is gone"])
def test_where_no_upload_works_the_row_goes_without_its_largest_values_and_says_so(
    server: ScriptedServer, application: Make, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    server.told_max_bytes = server.max_body_bytes = 20_000
    if fault != "no such way":
        server.overflow_method = "PUT"
        server.upload_status = 403
    if fault == "storage is gone":
        server.upload_url = "http://127.0.0.1:9/upload/"
    app = application()
    kept = app.end_spans(10)
    [large] = app.end_spans(1, text="x" * 50_000, other="kept")
    kept += app.end_spans(10)
    result = app.processor.flush(10.0)
    assert (result.sent, result.dropped, result.ok) == (21, 0, True)
    assert sorted(server.arrivals) == sorted([*kept, large])
    metadata = server.rows[large]["metadata"]
    assert metadata["other"] == "kept"
    assert "metadata.text left out" in metadata["text"]
    assert "50002 bytes" in metadata["text"]
    assert large in caplog.text


def test_a_row_that_is_all_small_values_keeps_its_place_in_the_trace(
    server: ScriptedServer, application: Make
) -> None:
    server.told_max_bytes = server.max_body_bytes = 8_000
    app = application()
    [large] = app.end_spans(1, **{f"key.{number}": "x" * 100 for number in range(120)})
    assert app.processor.flush(10.0).sent == 1
    row = server.rows[large]
    assert row["span_id"] == large
    assert OMITTED_KEY in row["metadata"]


def test_a_server_that_takes_nothing_at_all_costs_few_requests(
    server: ScriptedServer, application: Make
) -> None:
    server.max_body_bytes = 10
    app = application()
    app.end_spans(20)
    result = app.processor.flush(10.0)
    assert (result.sent, result.dropped) == (0, 20)
    assert app.processor.ledger.dropped == {"too_large": 20}
    assert len(server.posts()) <= 100


def test_a_local_braintrust_takes_a_row_beyond_its_limit() -> None:
    with LocalServer(limits=Limits(payload_max_bytes=100_000)) as local:
        processor = BraintrustSpanProcessor(
            api_key=local.api_key, app_url=local.url, api_url=local.url, project="large"
        )
        app = Application(processor)
        app.end_spans(3)
        app.end_spans(1, text="y" * 300_000)
        assert processor.flush(10.0).sent == 4
        texts = [row["metadata"].get("text") for row in local.rows("large")]
        assert "y" * 300_000 in texts
        processor.shutdown()


def test_shortening_reaches_into_lists_and_objects_and_copies_the_rest() -> None:
    value = {"a": ["x" * 100, {"b": "y" * 10}], "n": 1, "u": "\ud800" * 100}
    short = shorten(value, 50)
    assert short["a"][0].startswith("x" * 50 + "… [100 bytes, sha256 ")
    assert short["a"][1] == {"b": "y" * 10}
    assert short["n"] == 1
    assert "300 bytes" in short["u"]


def test_nothing_is_taken_out_of_a_row_that_is_only_its_place() -> None:
    row = {"id": "1" * 600, "span_id": "1" * 600, "root_span_id": "2", "span_parents": ["3"]}
    assert without_large_values(encode(row), 100) is None


def test_only_the_large_part_of_a_conversation_is_left_out() -> None:
    messages: list[Any] = [{"role": "user", "content": "hello"}]
    messages.append({"role": "user", "content": [{"type": "text", "text": "z" * 5000}]})
    place = Destination("project_id", "p")
    ticket = Ticket(None, None)
    parcel = seal(ticket, {"id": "1", "input": messages, "tags": ["t"] * 400}, place)
    smaller = without_large_values(parcel.row, 1500)
    assert smaller is not None
    row = json.loads(smaller)
    assert row["input"][0] == messages[0]
    assert row["input"][1]["content"][0]["text"].startswith("[input.1.content.0.text left out")
    assert row["tags"] == []
