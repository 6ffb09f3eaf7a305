"""Every way out of the process is masked: files, live rows, forks, the client and the commands."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_braintrust
from otel_braintrust import BraintrustClient, MaskRule
from otel_braintrust.cli.application import run as run_command
from otel_braintrust.delivery.spool import FILE_NAME
from otel_braintrust.local.server import LocalServer
from tests.redaction.evidence import KEY, EchoingServer, Evidence, new_processor
from tests.redaction.planted import Plant, traces_of
from tests.scripted_server import Answer

SECRET = "sk-ant-api03-abcdefgh12345678abcdefgh"
MARKER = "[masked: anthropic key]"


def point_to(server_url: str, monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    """Set the environment of a command."""
    settings = {
        "BRAINTRUST_API_KEY": KEY,
        "BRAINTRUST_API_URL": server_url,
        "BRAINTRUST_APP_URL": server_url,
        **more,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


def wait_until_files(server: EchoingServer, count: int) -> None:
    deadline = time.monotonic() + 20.0
    while len(server.files) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_texts_of_attachments_and_their_names_are_masked(
    server: EchoingServer, evidence: Evidence, tmp_path: Path, global_provider: TracerProvider
) -> None:
    plant = Plant()
    processor = new_processor(server, tmp_path, evidence)
    global_provider.add_span_processor(processor)
    lying = tmp_path.with_name(f"{tmp_path.name}-lying") / "notes.txt"
    lying.parent.mkdir()
    lying.write_text("\n".join(plant() for _ in range(40)))
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
    said = "\n".join(plant() for _ in range(40)).encode()
    message = {"type": "file", "data": f"data:text/plain;base64,{base64.b64encode(said).decode()}"}
    with otel_braintrust.start_span(
        "files",
        input=[
            otel_braintrust.JSONAttachment({plant(): [plant() for _ in range(60)]}),
            otel_braintrust.Attachment(lying),
            otel_braintrust.Attachment(said, f"{plant('stripe')}.csv", "text/csv"),
            otel_braintrust.Attachment(picture, f"{plant('aws')}.png"),
            {"role": "user", "content": [message]},
        ],
    ) as span:
        span.log(metadata={"xml": otel_braintrust.Attachment(said, "a.xml", "application/xml")})
    otel_braintrust.update_span(span, output=otel_braintrust.JSONAttachment([plant()] * 60))
    assert processor.flush(30.0).ok
    wait_until_files(server, 6)
    processor.shutdown()

    assert picture in server.files.values()
    leaked = {
        text
        for text, secret in plant.secrets.items()
        for content in [*server.files.values(), json.dumps(server.announced).encode()]
        if any(trace in content for trace in traces_of(secret))
    }
    assert leaked == set()
    assert any(b"[masked: " in content for content in server.files.values())
    evidence.assert_without(plant, least=140)


def test_the_row_of_an_open_span_is_masked(
    server: EchoingServer, evidence: Evidence, tmp_path: Path, global_provider: TracerProvider
) -> None:
    processor = new_processor(server, tmp_path, evidence, live=True)
    global_provider.add_span_processor(processor)
    span = otel_braintrust.start_span(f"open {SECRET}", input={"api_key": "a", "text": SECRET})
    deadline = time.monotonic() + 20.0
    while not server.rows and time.monotonic() < deadline:
        processor.flush(0.5)
    [begun] = server.rows.values()
    span.end()
    assert processor.flush(20.0).ok
    processor.shutdown()

    assert begun["input"] == {"api_key": "[masked: password]", "text": MARKER}
    assert begun["span_attributes"]["name"] == f"open {MARKER}"
    assert SECRET.encode() not in b"".join(request.body for request in server.requests)


FORKING = f"""
import logging, os, sys
logging.basicConfig(level=logging.DEBUG)
from opentelemetry import trace
import otel_braintrust

otel_braintrust.configure(project="forked", spool_dir=sys.argv[1], spool_mode="always")
tracer = trace.get_tracer("forked")
tracer.start_span("parent", attributes={{"input.value": "{SECRET}"}}).end()
child = os.fork()
said = {{"input.value": "{SECRET}", "password": "hunter2hunter2"}}
tracer.start_span("both", attributes=said).end()
otel_braintrust.log_feedback(format(1, "016x"), comment="{SECRET}")
result = otel_braintrust.flush(float(sys.argv[2]))
if child:
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
@pytest.mark.parametrize("is_down", [False, True])
def test_a_forked_child_masks_and_so_does_whoever_sends_what_it_left(
    server: EchoingServer, tmp_path: Path, is_down: bool
) -> None:
    foreign = ("BRAINTRUST_", "OTEL_", "PYTEST_")
    environment = {name: each for name, each in os.environ.items() if not name.startswith(foreign)}
    environment |= {
        "BRAINTRUST_API_KEY": KEY,
        "BRAINTRUST_APP_URL": server.url,
        "OTEL_BRAINTRUST_MASK": "secrets",
        "OTEL_BRAINTRUST_EXIT_TIMEOUT": "2",
    }
    if is_down:
        server.always = Answer(503, b"not now")
    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(tmp_path), "1" if is_down else "20"],
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    if is_down:
        assert b"masked: anthropic key" in written
        server.always = None
        del environment["OTEL_BRAINTRUST_MASK"]
        replay = [str(Path(sys.executable).with_name("otel-braintrust")), "replay", str(tmp_path)]
        again = subprocess.run(
            replay, env=environment, capture_output=True, timeout=60, check=False
        )
        assert again.returncode == 0, again.stderr
        done.stderr += again.stderr
    names = [row["span_attributes"]["name"] for row in server.rows.values() if "span_id" in row]
    assert sorted(names) == ["both", "both", "parent"]
    found = b"".join([written, done.stderr, done.stdout, *(r.body for r in server.requests)])
    assert SECRET.encode() not in found
    assert b"hunter2hunter2" not in found
    assert (tmp_path / FILE_NAME).exists()


def test_the_client_masks_what_it_inserts_and_the_feedback_it_gives(
    local_braintrust: LocalServer,
) -> None:
    with BraintrustClient(
        api_key=local_braintrust.api_key,
        api_url=local_braintrust.url,
        app_url=local_braintrust.url,
        mask=["secrets", MaskRule("customer", pattern=r"C-\d+")],
    ) as client:
        project_id = client.project_id("by hand", create=True)
        file = otel_braintrust.Attachment(f"{SECRET}".encode(), "a.txt")
        [row_id] = client.insert(
            project_id, [{"input": f"C-1 {SECRET}", "output": file, "metadata": {"pwd": "abcdef"}}]
        )
        client.feedback(
            project_id,
            [{"id": row_id, "rating": 5, "comment": f"C-2 {SECRET}", "expected": SECRET}],
        )
        row = client.fetch(project_id).logs[0]
        read = client.attachment(row["output"]).data

    assert row["input"] == f"[masked: customer] {MARKER}"
    assert row["metadata"] == {"pwd": "[masked: password]"}
    assert row["expected"] == MARKER
    assert row["scores"] == {"rating": 1.0}
    assert read == MARKER.encode()
    assert SECRET not in repr(local_braintrust.rows("by hand"))


def test_the_client_sends_no_content_where_none_may_go(local_braintrust: LocalServer) -> None:
    with BraintrustClient(
        api_key=local_braintrust.api_key,
        api_url=local_braintrust.url,
        app_url=local_braintrust.url,
        capture_content=False,
    ) as client:
        project_id = client.project_id("by hand", create=True)
        said = {"input": "said", "scores": {"good": 1}, "metadata": {"model": "m", "x": "said"}}
        [row_id] = client.insert(project_id, [said])
        client.feedback(project_id, [{"id": row_id, "comment": "said"}])
        client.feedback(project_id, [{"id": row_id, "scores": {"good": 0}, "comment": "said"}])
        [row] = client.fetch(project_id).logs

    assert "said" not in repr(row)
    assert row["metadata"] == {"model": "m"}
    assert row["scores"] == {"good": 0}


@pytest.mark.parametrize("command", ["insert", "import"])
def test_commands_mask_what_they_send(
    local_braintrust: LocalServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
) -> None:
    point_to(
        local_braintrust.url,
        monkeypatch,
        BRAINTRUST_API_KEY=local_braintrust.api_key,
        OTEL_BRAINTRUST_MASK="secrets",
    )
    file = tmp_path / "rows.json"
    row = {"id": "r1", "input": SECRET, "span_attributes": {"name": f"about {SECRET}"}}
    file.write_text(json.dumps(row))
    words = ["--file", str(file)] if command == "insert" else [str(file)]
    assert run_command([command, "--project", "by hand", *words]) == 0

    [found] = local_braintrust.rows("by hand")
    assert found["input"] == MARKER
    assert found["span_attributes"]["name"] == f"about {MARKER}"


def test_files_that_braintrusts_own_sdk_wrote_are_masked_when_they_are_replayed(
    server: EchoingServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    point_to(server.url, monkeypatch, OTEL_BRAINTRUST_MASK="secrets")
    body = {"rows": [{"id": "1", "project_id": "p", "log_id": "g", "input": SECRET}]}
    (tmp_path / "payload_1.0_aabbccdd.json").write_text(json.dumps(body))
    assert run_command(["replay", str(tmp_path)]) == 0

    assert server.rows["1"]["input"] == MARKER


def test_translate_prints_what_would_be_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    span: dict[str, Any] = {
        "traceId": "0" * 31 + "1",
        "spanId": "0" * 15 + "1",
        "name": "s",
        "startTimeUnixNano": "1",
        "endTimeUnixNano": "2",
        "attributes": [{"key": "input.value", "value": {"stringValue": SECRET}}],
    }
    file = tmp_path / "spans.json"
    file.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))

    assert run_command(["translate", str(file)]) == 0
    assert orjson.loads(capsys.readouterr().out)["input"] == SECRET
    monkeypatch.setenv("OTEL_BRAINTRUST_MASK", "keys")
    assert run_command(["translate", str(file)]) == 0
    assert orjson.loads(capsys.readouterr().out)["input"] == MARKER
    monkeypatch.setenv("OTEL_BRAINTRUST_MASK", "kyes")
    assert run_command(["translate", str(file)]) == 2
    assert "there are no patterns 'kyes'" in capsys.readouterr().err


def test_where_nothing_is_masked_no_pattern_is_even_loaded(local_braintrust: LocalServer) -> None:
    script = f"""
import sys, otel_braintrust
from opentelemetry import trace
otel_braintrust.configure(api_key="{local_braintrust.api_key}", app_url="{local_braintrust.url}")
with otel_braintrust.start_span("answer", input="hello"):
    pass
assert otel_braintrust.flush(20.0).ok
print([name for name in sys.modules if name.startswith("otel_braintrust.redaction")])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "[]\n", done.stderr
