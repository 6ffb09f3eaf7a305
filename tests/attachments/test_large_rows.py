"""What a row is too large for goes beside it as a file."""

from __future__ import annotations

import json
from collections.abc import Callable

from otel_braintrust import BraintrustSpanProcessor, start_span
from tests.scripted_server import Answer, ScriptedServer

from .conftest import only_row

Configure = Callable[..., BraintrustSpanProcessor]


def test_a_text_that_is_cut_is_whole_in_a_file(
    server: ScriptedServer, configured: Configure
) -> None:
    processor = configured(max_field_bytes=1000)
    long, short = "ä" * 3000, "short"
    with start_span("ask", input={"pages": [short, long]}, metadata={"k": 1}):
        pass
    assert processor.flush(10.0).ok
    row = only_row(server)
    assert row["input"]["pages"][0] == short
    assert "cut it here" in row["input"]["pages"][1]
    assert len(row["input"]["pages"][1]) < 700
    assert row["metadata"]["k"] == 1
    whole = row["metadata"]["otel_braintrust.whole_texts"]["input.pages.1"]
    assert (whole["filename"], whole["content_type"]) == ("input.txt", "text/plain")
    assert server.files[whole["key"]].decode() == long


def test_a_masked_text_is_masked_in_its_file(server: ScriptedServer, configured: Configure) -> None:
    secret = "sk-proj-" + "a1B2c3D4e5F6g7H8" * 3
    processor = configured(max_field_bytes=1000, mask=["secrets", "key:diary"])
    with start_span("ask", input={"text": "x " * 2000 + secret, "diary": "y" * 5000}):
        pass
    assert processor.flush(10.0).ok
    [content] = server.files.values()
    assert secret.encode() not in content
    assert content.startswith(b"x x")


def test_a_row_that_goes_without_its_largest_values_is_whole_in_a_file(
    server: ScriptedServer, configured: Configure
) -> None:
    server.max_body_bytes = 20_000
    processor = configured()
    with start_span("ask", input={"large": "x" * 50_000, "small": 1}, output="kept"):
        pass
    assert processor.flush(10.0).ok
    row = only_row(server)
    assert row["output"] == "kept"
    assert "left out by otel-braintrust" in row["input"]["large"]
    reference = row["metadata"]["otel_braintrust.whole_row"]
    assert reference["filename"] == "row.json"
    whole = json.loads(server.files[reference["key"]])
    assert whole["input"] == {"large": "x" * 50_000, "small": 1}
    assert whole["span_id"] == row["span_id"]
    assert processor.ledger.attachments.uploaded == 1


def test_without_a_place_for_files_a_large_row_goes_as_before(
    server: ScriptedServer, configured: Configure
) -> None:
    server.scripted_path = "/attachment"
    server.always = Answer(404)
    server.max_body_bytes = 20_000
    processor = configured(max_field_bytes=15_000)
    for number in range(2):
        with start_span(f"ask {number}", input=["x" * 16_000, "y" * 14_000]):
            pass
        processor.flush(10.0)
    rows = {row["span_attributes"]["name"]: row for row in server.rows.values()}
    assert "otel_braintrust.whole_row" in rows["ask 0"]["metadata"]
    assert not any("whole" in key for key in rows["ask 1"]["metadata"])
    assert processor.ledger.sent == 2
