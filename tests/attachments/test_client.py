"""The client: attachments of inserted events uploaded, those of fetched rows read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust import Attachment, BraintrustClient, ExternalAttachment, JSONAttachment
from otel_braintrust.client import AttachmentError
from otel_braintrust.local.limits import Limits
from otel_braintrust.local.server import LocalServer

from .conftest import KEY


@pytest.fixture
def client(local_braintrust: LocalServer) -> Iterator[BraintrustClient]:
    with BraintrustClient(
        api_key=local_braintrust.api_key, api_url=local_braintrust.url, app_url=local_braintrust.url
    ) as made:
        yield made


def fetched(client: BraintrustClient, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    project = client.project_id("files", create=True)
    client.insert(project, events)
    rows = {row["id"]: row for row in client.fetch(project).logs}
    return [rows[event["id"]] for event in events]


def test_inserted_attachments_are_read_back(client: BraintrustClient, tmp_path: Path) -> None:
    picture = Attachment(b"\x89PNG", "p.png")
    events = [
        {"id": "r1", "input": {"list": [picture, picture]}, "output": JSONAttachment({"a": 1})},
        {"id": "r2", "input": "words", "metadata": {"scan": ExternalAttachment("s3://b/s.pdf")}},
    ]
    first, second = fetched(client, events)
    assert first["input"]["list"] == [picture.reference] * 2
    read = client.attachment(first["input"]["list"][0])
    assert (read.filename, read.content_type, read.data) == ("p.png", "image/png", b"\x89PNG")
    assert read.status() == {"upload_status": "done"}
    assert read.save(tmp_path) == tmp_path / "p.png"
    assert (tmp_path / "p.png").read_bytes() == b"\x89PNG"
    assert client.attachment(first["output"]).json() == {"a": 1}
    assert second["metadata"]["scan"]["type"] == "external_attachment"


def test_a_web_page_is_a_file_like_any_other(client: BraintrustClient) -> None:
    page = b"<!doctype html><html></html>"
    [row] = fetched(client, [{"id": "r1", "input": Attachment(page, "page.html")}])
    assert client.attachment(row["input"]).data == page


def test_a_name_that_was_logged_says_nothing_about_where_a_file_is_saved(
    client: BraintrustClient, tmp_path: Path
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    events = [
        {"id": f"r{number}", "input": Attachment(b"x", name)}
        for number, name in enumerate(("../../evil", "..\\..\\evil", "/etc/evil", ".."))
    ]
    for row in fetched(client, events):
        client.attachment(row["input"]).save(inside)
    assert [each.name for each in tmp_path.iterdir()] == ["inside"]
    assert {each.name for each in inside.iterdir()} == {"evil", "attachment"}


def test_what_is_not_uploaded_cannot_be_read(
    client: BraintrustClient, local_braintrust: LocalServer
) -> None:
    reference = Attachment(b"x", "a.txt").reference
    uploads = local_braintrust.store.uploads
    uploads.announce(reference["key"], "attachment", filename="a.txt", content_type="text/plain")
    attachment = client.attachment(reference)
    with pytest.raises(AttachmentError, match="'uploading'"):
        _ = attachment.data
    uploads.set_status(reference["key"], "error", "disk full")
    with pytest.raises(AttachmentError, match="disk full"):
        _ = attachment.data


@pytest.mark.parametrize(
    "value",
    [None, "text", {}, {"type": "other"}, {"type": ["x"]}, {"type": "braintrust_attachment"}],
)
def test_what_is_no_reference_is_told(client: BraintrustClient, value: Any) -> None:
    with pytest.raises(AttachmentError, match="reference"):
        client.attachment(value)


def test_an_upload_that_fails_is_told_and_the_events_are_in() -> None:
    with (
        LocalServer(limits=Limits(upload_max_bytes=5)) as server,
        BraintrustClient(api_key=KEY, api_url=server.url, app_url=server.url) as client,
    ):
        files = [Attachment(b"too large", "bad.png"), Attachment(b"small", "good.png")]
        project = client.project_id("files", create=True)
        with pytest.raises(AttachmentError, match=r"1 of 2 attachments .*bad\.png.* 413"):
            client.insert(project, [{"id": "r1", "input": files}])
        [row] = client.fetch(project).logs
        assert client.attachment(row["input"][1]).data == b"small"
        with pytest.raises(AttachmentError, match="cannot be read"):
            _ = client.attachment(row["input"][0]).data
