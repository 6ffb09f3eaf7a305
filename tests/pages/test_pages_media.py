"""Attachments on the trace page, in a real browser: shown, played, saved, or merely named."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from otel_braintrust.local.server import LocalServer
from tests.pages.sample_traces import PIXEL, assistant, model_call, span

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

PNG = base64.b64decode(PIXEL.partition(",")[2])
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>window.hacked = 1</script></svg>'
HTML = b"<html><script>window.hacked = 1</script></html>"
TRACE = "/app/local/p/shop-support/logs?r=0af7651916cd43dd8448eb211c80319c"
Open = Callable[..., "Page"]
Log = Callable[..., None]


def sound() -> bytes:
    """A tenth of a second of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 1, 8000, 800, "NONE", "NONE"))
        written.writeframes(b"\x80" * 800)
    return file.getvalue()


@pytest.fixture
def store(local_braintrust: LocalServer) -> Callable[..., dict[str, Any]]:
    """Puts a file into the local Braintrust, or only announces it; its reference is returned."""

    def put(name: str, content_type: str, content: bytes | None) -> dict[str, Any]:
        uploads = local_braintrust.store.uploads
        uploads.announce(name, "attachment", filename=name, content_type=content_type)
        if content is not None:
            uploads.put(name, content)
        return {
            "type": "braintrust_attachment",
            "filename": name,
            "content_type": content_type,
            "key": name,
        }

    return put


def log_input(log: Log, content: Any, **fields: Any) -> None:
    row = model_call("b1", parents=[], start_s=1.0, lasted_s=1.0, input=content, **fields)
    log([row])


def test_pictures_sound_and_files_of_a_message_are_in_their_place(
    open_page: Open, log: Log, store: Callable[..., dict[str, Any]]
) -> None:
    content = [
        {"type": "text", "text": "Look and listen."},
        {"type": "image_url", "image_url": {"url": store("cat.png", "image/png", PNG)}},
        {"type": "input_audio", "input_audio": {"data": store("s.wav", "audio/wav", sound())}},
        {"type": "file", "file": {"file_data": store("a.pdf", "application/pdf", b"%PDF-1.4")}},
        {"type": "image", "source": store("d.png", "image/png", PNG)},
    ]
    log_input(log, [{"role": "user", "content": content}])
    page = open_page(TRACE)
    shown = page.locator(".part-input .attached")
    expect(shown).to_have_count(4)
    expect(shown.nth(0)).to_contain_text("cat.png · image/png")
    expect(shown.nth(0).locator("img")).to_have_js_property("naturalWidth", 1)
    expect(shown.nth(1).locator("audio")).to_have_js_property("error", None)
    expect(shown.nth(2)).to_contain_text("a.pdf · application/pdf")
    expect(shown.nth(3).locator("img")).to_have_js_property("naturalWidth", 1)
    with page.expect_download() as download:
        shown.nth(2).get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "a.pdf"
    assert download.value.path().read_bytes() == b"%PDF-1.4"


def test_attachments_anywhere_in_a_value_are_shown(
    open_page: Open, log: Log, store: Callable[..., dict[str, Any]]
) -> None:
    log_input(
        log,
        {"question": "What is it?", "pages": [{"scan": store("p1.png", "image/png", PNG)}]},
        output={"thumbnail": PIXEL, "n": 1},
        metadata={"contract": store("c.docx", "application/msword", b"PK")},
    )
    page = open_page(TRACE)
    expect(page.locator(".part-input .attached img")).to_have_js_property("naturalWidth", 1)
    expect(page.locator(".part-output img.picture")).to_have_attribute("src", PIXEL)
    expect(page.locator(".part-metadata .attached")).to_contain_text("c.docx")
    page.goto(page.url.partition("?")[0])
    expect(page.locator("tbody .said")).to_contain_text("What is it?")


def test_an_output_that_is_an_attachment_is_shown_and_named_in_the_list(
    open_page: Open, log: Log, store: Callable[..., dict[str, Any]]
) -> None:
    log([span("b1", "draw", start_s=1.0, lasted_s=1.0, output=store("x.png", "image/png", PNG))])
    page = open_page(TRACE)
    expect(page.locator(".part-output .attached img")).to_have_js_property("naturalWidth", 1)
    page.goto(page.url.partition("?")[0])
    expect(page.locator("tbody tr")).to_contain_text("[x.png]")


def test_a_file_that_comes_later_appears_without_moving_anything(
    open_page: Open, log: Log, store: Callable[..., dict[str, Any]], local_braintrust: LocalServer
) -> None:
    log_input(
        log, [{"role": "user", "content": [{"image_url": {"url": store("l", "image/png", None)}}]}]
    )
    page = open_page(TRACE)
    box = page.locator(".part-input .attached")
    expect(box).to_contain_text("not uploaded yet")
    before = page.locator(".part-metadata").bounding_box()
    local_braintrust.store.uploads.put("l", PNG)
    expect(box.locator("img")).to_have_js_property("naturalWidth", 1)
    assert page.locator(".part-metadata").bounding_box() == before


def test_a_failed_upload_says_why(
    open_page: Open, log: Log, store: Callable[..., dict[str, Any]], local_braintrust: LocalServer
) -> None:
    reference = store("f.png", "image/png", None)
    local_braintrust.store.uploads.set_status("f.png", "error", "<b>no such file</b>")
    log_input(log, {"file": reference})
    page = open_page(TRACE)
    expect(page.locator(".attached .failed")).to_have_text("not uploaded: <b>no such file</b>")


def test_what_lies_elsewhere_is_named_and_never_asked_for(open_page: Open, log: Log) -> None:
    scan = {
        "type": "external_attachment",
        "filename": "scan.png",
        "content_type": "image/png",
        "url": "https://elsewhere.example/scan.png",
    }
    content = [{"type": "image_url", "image_url": {"url": "https://elsewhere.example/a.png"}}]
    log_input(log, [{"role": "user", "content": content}], output={"scan": scan})
    page = open_page(TRACE)
    expect(page.locator(".part-input .medium")).to_contain_text("https://elsewhere.example/a.png")
    expect(page.locator(".part-output .medium")).to_contain_text("scan.png")
    expect(page.locator(".part-output .medium")).to_contain_text("not fetched")


def test_stored_svg_and_html_run_nothing(
    open_page: Open, log: Log, store: Callable[..., dict[str, Any]], local_braintrust: LocalServer
) -> None:
    files = [store("x.svg", "image/svg+xml", SVG), store("x.html", "text/html", HTML)]
    log_input(log, {"files": files}, output=assistant("ok"))
    page = open_page(TRACE)
    expect(page.locator(".attached")).to_have_count(2)
    expect(page.locator(".attached a")).to_have_count(2)
    expect(page.locator(".attached img")).to_have_count(0)
    for key in ("x.svg", "x.html"):
        with page.expect_download() as download:
            page.evaluate("(address) => { location = address; }", f"/ui/file?key={key}")
        assert download.value.suggested_filename == key
    assert page.evaluate("window.hacked") is None
