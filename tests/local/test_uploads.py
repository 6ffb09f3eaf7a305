"""Files behind signed links: attachments, and rows too large to post."""

from __future__ import annotations

import orjson
import pytest
import requests

from otel_braintrust.local.store import Store

FILE = {"key": "k-1", "filename": "é.png", "content_type": "image/png", "org_id": "o"}


def put(url, content, **headers):
    return requests.put(url, data=content, headers=headers, timeout=10)


def test_an_attachment_is_announced_put_and_read(api):
    signed = api.post("/attachment", FILE).json()["signedUrl"]
    assert api.get("/attachment", params={"key": "k-1"}).json()["status"]["upload_status"] != "done"
    assert put(signed, b"\x89PNG").status_code == 200
    status = {"key": "k-1", "status": {"upload_status": "done"}}
    assert api.post("/attachment/status", status).status_code == 200
    found = api.get("/attachment", params={"key": "k-1"}).json()
    assert found["status"] == {"upload_status": "done"}
    read = requests.get(found["downloadUrl"], timeout=10)
    assert (read.content, read.headers["content-type"]) == (b"\x89PNG", "image/png")
    assert "sandbox" in read.headers["content-security-policy"]


@pytest.mark.parametrize("change", [("PUT", "GET"), ("k-1", "k-2"), ("signature=", "signature=0")])
def test_a_link_is_good_for_one_file_and_one_use(api, change):
    api.post("/attachment", {**FILE, "key": "k-2"})
    signed = api.post("/attachment", FILE).json()["signedUrl"]
    if change == ("PUT", "GET"):
        answer = requests.get(signed, timeout=10)
    else:
        answer = put(signed.replace(*change), b"x")
    assert answer.status_code == 403


def test_a_link_ends_after_its_time():
    now = [1000.0]
    store = Store(clock=lambda: now[0])
    signed = store.uploads.sign("k", "PUT")
    assert store.uploads.is_signed("k", "PUT", **signed)
    now[0] += 3601
    assert not store.uploads.is_signed("k", "PUT", **signed)
    store.close()


@pytest.mark.parametrize("body", [{}, {**FILE, "filename": ""}, {**FILE, "content_type": 5}])
def test_an_attachment_announced_wrongly_is_refused(api, body):
    assert api.post("/attachment", body).status_code == 400


def test_a_file_that_was_never_announced_is_not_found(api):
    assert api.get("/attachment", params={"key": "none"}).status_code == 404
    status = {"key": "none", "status": {"upload_status": "done"}}
    assert api.post("/attachment/status", status).status_code == 404


def test_rows_go_round_the_limit_once(api):
    body = orjson.dumps({"rows": [{"id": "big", "project_id": api.project}], "api_version": 2})
    announced = {"content_type": "application/json", "size_bytes": len(body), "rows": []}
    place = api.post("/logs3/overflow", announced).json()
    assert put(place["signedUrl"], body, **place["headers"]).status_code == 200
    reference = {"rows": {"type": "logs3_overflow", "key": place["key"]}, "api_version": 2}
    assert api.post("/logs3", reference).json()["ids"] == ["big"]
    assert api.post("/logs3", reference).status_code == 400


def test_a_bad_row_sent_round_the_limit_is_named_and_can_be_sent_again(api):
    place = api.post("/logs3/overflow", {"rows": []}).json()
    put(place["signedUrl"], orjson.dumps({"rows": [{"tags": 5}]}))
    reference = {"rows": {"type": "logs3_overflow", "key": place["key"]}}
    for _ in range(2):
        answer = api.post("/logs3", reference)
        assert answer.status_code == 400
        assert answer.text.startswith("rows[0].tags")


def test_a_failed_upload_says_why_until_it_is_tried_again(api):
    api.post("/attachment", FILE)
    failed = {"upload_status": "error", "error_message": "no such file"}
    assert api.post("/attachment/status", {"key": "k-1", "status": failed}).status_code == 200
    assert api.get("/attachment", params={"key": "k-1"}).json()["status"] == failed
    signed = api.post("/attachment", FILE).json()["signedUrl"]
    status = api.get("/attachment", params={"key": "k-1"}).json()["status"]
    assert status == {"upload_status": "uploading"}
    put(signed, b"x")
    status = api.get("/attachment", params={"key": "k-1"}).json()["status"]
    assert status == {"upload_status": "done"}


def test_an_external_attachment_is_read_from_where_it_is(api):
    asked = {"url": "https://example.com/a.png", "filename": "a.png", "content_type": "image/png"}
    found = api.get("/attachment", params=asked).json()
    assert found == {"downloadUrl": asked["url"], "status": {"upload_status": "done"}}
    assert api.get("/attachment", params={**asked, "url": "s3://b/k"}).status_code == 400


@pytest.mark.parametrize(
    ("content_type", "disposition"),
    [
        ("image/png", "inline"),
        ("text/plain; charset=utf-8", "inline"),
        ("image/svg+xml", "attachment"),
        ("text/html", "attachment"),
        ("application/pdf", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("text/javascript", "attachment"),
    ],
)
def test_a_stored_file_runs_nothing_in_a_browser(api, content_type, disposition):
    file = {**FILE, "content_type": content_type, "filename": 'a"\r\nX: y.html'}
    put(api.post("/attachment", file).json()["signedUrl"], b"<script>alert(1)</script>")
    link = api.get("/attachment", params={"key": "k-1"}).json()["downloadUrl"]
    page = f"{api.server.url}/ui/file?key=k-1"
    for answer in (requests.get(link, timeout=10), requests.get(page, timeout=10)):
        assert answer.headers["content-disposition"].startswith(f"{disposition};")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert "x" not in answer.headers


def test_the_pages_read_attachments_and_no_other_uploads(api):
    place = api.post("/logs3/overflow", {"rows": []}).json()
    put(place["signedUrl"], b"{}")
    key = {"key": place["key"]}
    assert api.get("/ui/attachment", params=key).json() == {"upload_status": "missing"}
    assert api.get("/ui/file", params=key).status_code == 404
