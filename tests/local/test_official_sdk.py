"""The official SDK, unchanged, pointed at the local server by its own environment variables."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest


@pytest.fixture
def run_sdk(api):
    """Run a script with the official SDK in a process of its own; its last line is returned."""

    def run(script: str) -> str:
        environment = {
            "BRAINTRUST_API_URL": api.server.url,
            "BRAINTRUST_APP_URL": api.server.url,
            "BRAINTRUST_API_KEY": api.server.api_key,
            "PATH": "/usr/bin:/bin",
        }
        finished = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        assert "Dropping" not in finished.stderr, finished.stderr
        return finished.stdout.strip().rpartition("\n")[2]

    return run


def by_name(api, project):
    """A project's events as fetched over HTTP, by the name of their span."""
    project_id = api.post("/v1/project", {"name": project}).json()["id"]
    events = api.post(f"/v1/project_logs/{project_id}/fetch", {}).json()["events"]
    return {event["span_attributes"]["name"]: event for event in events}


def test_nested_spans_and_feedback_are_read_back(api, run_sdk):
    root_id = run_sdk("""
        import braintrust

        logger = braintrust.init_logger(project="sdk")
        with logger.start_span(name="agent") as root:
            root.log(input={"q": "hi"}, output="done", tags=["prod"], metadata={"user_id": "u1"})
            with root.start_span(name="call", type="llm") as call:
                call.log(input=[{"role": "user", "content": "hi"}], metrics={"tokens": 7})
                with call.start_span(name="lookup", type="tool") as tool:
                    tool.log(error="no such order")
        logger.flush()
        logger.log_feedback(
            id=root.id, scores={"thumb": 1}, comment="good", metadata={"by": "u1"}, source="app"
        )
        logger.flush()
        print(root.id)
    """)
    events = by_name(api, "sdk")
    root, call, tool = events["agent"], events["call"], events["lookup"]
    assert root["id"] == root_id
    assert root["is_root"]
    assert call["span_parents"] == [root["span_id"]]
    assert tool["span_parents"] == [call["span_id"]]
    assert len({event["root_span_id"] for event in events.values()}) == 1
    assert call["metrics"]["tokens"] == 7
    assert tool["error"] == "no such order"
    assert root["scores"] == {"thumb": 1}
    assert root["tags"] == ["prod"]
    assert root["comments"][0]["comment"] == {"text": "good"}
    assert root["audit_data"][0]["metadata"] == {"by": "u1"}


def test_updates_resumed_spans_and_links_reach_their_rows(api, run_sdk):
    link = run_sdk("""
        import braintrust

        logger = braintrust.init_logger(project="sdk")
        with logger.start_span(name="first") as span:
            span.log(input=1)
        slug = span.export()
        logger.flush()
        with braintrust.start_span(name="later", parent=slug):
            pass
        braintrust.update_span(slug, output="updated", metadata={"late": True})
        logger.flush()
        print(braintrust.permalink(slug))
    """)
    events = by_name(api, "sdk")
    assert events["first"]["output"] == "updated"
    assert events["first"]["input"] == 1
    assert events["later"]["span_parents"] == [events["first"]["span_id"]]
    assert link.startswith(f"{api.server.url}/app/local/object?object_type=project_logs")
    assert events["first"]["id"] in link


def test_attachments_are_uploaded_and_can_be_downloaded(api, run_sdk):
    data = run_sdk("""
        import braintrust

        logger = braintrust.init_logger(project="sdk")
        file = braintrust.Attachment(data=b"\\x89PNG", filename="a.png", content_type="image/png")
        with logger.start_span(name="seen") as span:
            span.log(input={"image": file})
        logger.flush()
        read = braintrust.logger.ReadonlyAttachment(file.reference)
        print(read.data.hex())
    """)
    assert bytes.fromhex(data) == b"\x89PNG"
    reference = by_name(api, "sdk")["seen"]["input"]["image"]
    assert reference["type"] == "braintrust_attachment"
    status = api.get("/attachment", params={"key": reference["key"]}).json()["status"]
    assert status == {"upload_status": "done"}


def test_rows_larger_than_the_limit_go_round_it(api, run_sdk):
    run_sdk("""
        import braintrust

        logger = braintrust.init_logger(project="sdk")
        with logger.start_span(name="big") as span:
            span.log(input="x" * 8_000_000)
        logger.flush()
    """)
    assert len(by_name(api, "sdk")["big"]["input"]) == 8_000_000


def test_an_experiment_is_logged_and_read_back(run_sdk):
    outputs = run_sdk("""
        import braintrust

        experiment = braintrust.init(project="sdk", experiment="e1")
        for number in range(3):
            experiment.log(input=number, output=number * 2, scores={"exact": 1})
        experiment.flush()
        print(sorted(row["output"] for row in experiment.fetch()))
    """)
    assert outputs == "[0, 2, 4]"


def test_odd_values_as_the_sdk_serialises_them_are_stored(api, run_sdk):
    run_sdk("""
        import braintrust, datetime

        logger = braintrust.init_logger(project="sdk")
        with logger.start_span(name="odd") as span:
            span.log(
                input={"nan": float("nan"), 1: "key", "when": datetime.date(2026, 1, 1)},
                output="lone \\ud800 surrogate",
                metadata={"big": 2**70},
            )
        logger.flush()
    """)
    event = by_name(api, "sdk")["odd"]
    assert event["input"] == {"nan": "NaN", "1": "key", "when": "2026-01-01"}
    assert event["output"] == "lone \ufffd surrogate"
    assert event["metadata"]["big"] == pytest.approx(2**70)


def test_attachments_are_uploaded_and_read_back(api, run_sdk):
    content = run_sdk("""
        import braintrust
        from braintrust.logger import ReadonlyAttachment

        logger = braintrust.init_logger(project="sdk")
        picture = braintrust.Attachment(
            data=bytes(range(256)), filename="p.png", content_type="image/png"
        )
        external = braintrust.ExternalAttachment(
            url="s3://bucket/scan.pdf", filename="scan.pdf", content_type="application/pdf"
        )
        missing = braintrust.Attachment(
            data="/nowhere/at/all.txt", filename="all.txt", content_type="text/plain"
        )
        data = braintrust.JSONAttachment({"a": [1, 2]})
        with logger.start_span(name="look") as span:
            span.log(input={"deep": [{"picture": picture}], "scan": external}, output=data,
                     metadata={"missing": missing})
        try:
            logger.flush()
        except RuntimeError as error:  # the SDK's own flush raises what became of the last one
            assert "No such file" in str(error)
        print(ReadonlyAttachment(picture.reference).data.hex())
    """)
    assert content == bytes(range(256)).hex()
    row = by_name(api, "sdk")["look"]
    assert row["input"]["scan"] == {
        "type": "external_attachment",
        "filename": "scan.pdf",
        "content_type": "application/pdf",
        "url": "s3://bucket/scan.pdf",
    }
    picture = row["input"]["deep"][0]["picture"]
    assert picture["type"] == "braintrust_attachment"
    status = {}
    for reference in (picture, row["output"], row["metadata"]["missing"]):
        found = api.get("/attachment", params={"key": reference["key"]}).json()
        status[reference["filename"]] = found["status"]
    assert status["p.png"] == status["data.json"] == {"upload_status": "done"}
    assert status["all.txt"]["upload_status"] == "error"
    assert "No such file" in status["all.txt"]["error_message"]


def test_the_official_sdk_reads_our_attachments_and_our_client_reads_its(
    api, run_sdk, local_braintrust
):
    from otel_braintrust import Attachment, BraintrustClient

    with BraintrustClient(
        api_key=local_braintrust.api_key, api_url=local_braintrust.url, app_url=local_braintrust.url
    ) as client:
        ours = Attachment(b"\x00\xffours", "ours.bin")
        client.insert(api.project, [{"id": "r1", "input": {"file": ours}}])
        stored = api.row("r1")["input"]["file"]
        assert stored == ours.reference
        said = run_sdk(f"""
            import braintrust
            from braintrust.logger import ReadonlyAttachment

            logger = braintrust.init_logger(project="sdk")
            print(ReadonlyAttachment({stored!r}).data.hex())
            with logger.start_span(name="theirs") as span:
                span.log(output=braintrust.Attachment(
                    data=b"theirs", filename="t.txt", content_type="text/plain"))
            logger.flush()
            print(ReadonlyAttachment({stored!r}).data.hex())
        """)
        assert bytes.fromhex(said) == b"\x00\xffours"
        theirs = client.attachment(by_name(api, "sdk")["theirs"]["output"])
        assert theirs.data == b"theirs"
        assert (theirs.filename, theirs.content_type) == ("t.txt", "text/plain")
