"""Base64 in any provider's message shape becomes a reference; whatever is none stays as it is."""

from __future__ import annotations

import base64
import copy
import json
import uuid
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_braintrust import BraintrustSpanProcessor, start_span
from otel_braintrust.enclosing import may_hold_files
from otel_braintrust.translation import inline_media
from otel_braintrust.translation.inline_media import InlineMedia, replace_media
from tests.scripted_server import ScriptedServer

from .conftest import only_row

Configure = Callable[..., BraintrustSpanProcessor]
DATA = b"\x89PNG\r\n\x1a\n" + bytes(range(60))
B64 = base64.b64encode(DATA).decode()
URL_SAFE = base64.urlsafe_b64encode(b"\xfb\xff\xfe" * 20).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + b"JFIF" * 8).decode()
REF = "REFERENCE"


def uri(content_type: str, data: str = B64) -> str:
    return f"data:{content_type};base64,{data}"


# Each shape: the value, the value with references in it, and the types of the files found.
SHAPES: dict[str, tuple[Any, Any, list[str]]] = {
    "OpenAI image_url": (
        {"type": "image_url", "image_url": {"url": uri("image/png"), "detail": "low"}},
        {"type": "image_url", "image_url": {"url": REF, "detail": "low"}},
        ["image/png"],
    ),
    "OpenAI file": (
        {"type": "file", "file": {"filename": "x.pdf", "file_data": uri("application/pdf")}},
        {"type": "file", "file": {"filename": "x.pdf", "file_data": REF}},
        ["application/pdf"],
    ),
    "OpenAI input_audio": (
        {"type": "input_audio", "input_audio": {"data": B64, "format": "mp3"}},
        {"type": "input_audio", "input_audio": {"data": REF, "format": "mp3"}},
        ["audio/mpeg"],
    ),
    "OpenAI Responses input_image": (
        {"type": "input_image", "image_url": uri("image/webp")},
        {"type": "input_image", "image_url": REF},
        ["image/webp"],
    ),
    "OpenAI generated image": (
        {"type": "image_generation_call", "id": "ig_1", "result": B64, "output_format": "jpeg"},
        {"type": "image_generation_call", "id": "ig_1", "result": REF, "output_format": "jpeg"},
        ["image/jpeg"],
    ),
    "OpenAI images": (
        {"created": 1, "data": [{"b64_json": B64, "revised_prompt": "a cat"}]},
        {"created": 1, "data": [{"b64_json": REF, "revised_prompt": "a cat"}]},
        ["image/png"],
    ),
    "Anthropic": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": B64}},
        {"type": "image", "source": REF},
        ["image/gif"],
    ),
    "Gemini image": (
        {"inline_data": {"mime_type": "image/png", "data": URL_SAFE}},
        {"image_url": {"url": REF}},
        ["image/png"],
    ),
    "Gemini file, in camel case": (
        {"inlineData": {"mimeType": "video/mp4", "data": B64}, "thought": False},
        {"file": {"file_data": REF}, "thought": False},
        ["video/mp4"],
    ),
    "Gemini blob": (
        {"mime_type": "audio/wav", "data": B64},
        {"mime_type": "audio/wav", "data": REF},
        ["audio/wav"],
    ),
    "Bedrock": (
        [
            {"image": {"format": "png", "source": {"bytes": B64}}},
            {"audio": {"format": "mp4", "source": {"bytes": B64}}},
            {"video": {"format": "mp4", "source": {"bytes": uri("application/octet-stream")}}},
            {"document": {"format": "pdf", "name": "n", "source": {"bytes": DATA}}},
        ],
        [
            {"image": {"format": "png", "source": {"bytes": REF}}},
            {"audio": {"format": "mp4", "source": {"bytes": REF}}},
            {"video": {"format": "mp4", "source": {"bytes": REF}}},
            {"document": {"format": "pdf", "name": "n", "source": {"bytes": REF}}},
        ],
        ["image/png", "audio/mp4", "video/mp4", "application/pdf"],
    ),
    "OpenTelemetry blob": (
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": B64},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": REF},
        ["image/png"],
    ),
    "Pydantic AI binary": (
        {"type": "binary", "media_type": "text/csv", "content": URL_SAFE},
        {"type": "binary", "media_type": "text/csv", "content": REF},
        ["text/csv"],
    ),
    "AI SDK 4 image": (
        {"type": "image", "image": B64, "mimeType": "image/png"},
        {"type": "image", "image": REF, "mimeType": "image/png"},
        ["image/png"],
    ),
    "AI SDK 5 file": (
        {"type": "file", "data": B64, "mediaType": "text/plain", "filename": "a.txt"},
        {"type": "file", "data": REF, "mediaType": "text/plain", "filename": "a.txt"},
        ["text/plain"],
    ),
    "LangChain": (
        {"type": "image", "source_type": "base64", "base64": B64, "mime_type": "image/jpeg"},
        {"type": "image", "source_type": "base64", "base64": REF, "mime_type": "image/jpeg"},
        ["image/jpeg"],
    ),
    "MCP": (
        {"content": [{"type": "image", "data": B64, "mimeType": "image/png"}], "isError": False},
        {"content": [{"type": "image", "data": REF, "mimeType": "image/png"}], "isError": False},
        ["image/png"],
    ),
    "MCP resource": (
        {"type": "resource", "resource": {"uri": "x://y", "mimeType": "image/png", "blob": B64}},
        {"type": "resource", "resource": {"uri": "x://y", "mimeType": "image/png", "blob": REF}},
        ["image/png"],
    ),
    "Ollama": (
        {"role": "user", "content": "see", "images": [JPEG, "not/base64", B64]},
        {"role": "user", "content": "see", "images": [REF, "not/base64", REF]},
        ["image/jpeg", "image/png"],
    ),
    "Braintrust inline": (
        {
            "type": "inline_attachment",
            "src": uri("image/png"),
            "content_type": "image/png",
            "filename": "p.png",
        },
        {REF: REF, "filename": "p.png"},
        ["image/png"],
    ),
    "a text that is nothing else": (uri("image/png"), REF, ["image/png"]),
}


def replaced(value: Any) -> tuple[Any, list[InlineMedia]]:
    """The value with a stand-in for each reference, and what was found."""
    found: list[InlineMedia] = []

    def refer(media: InlineMedia) -> Any:
        found.append(media)
        # The one shape that adds to a reference needs an object.
        return {REF: REF} if "Braintrust" in current[0] else REF

    return replace_media(value, refer), found


current = [""]


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_is_found_anywhere_and_its_siblings_stay(name: str) -> None:
    current[0] = name
    value, expected, types = SHAPES[name]
    holder = {"steps": [{"request": ({"messages": [value]},)}]}
    before = copy.deepcopy(holder)
    result, found = replaced(holder)
    assert json.loads(json.dumps(result)) == {"steps": [{"request": [{"messages": [expected]}]}]}
    assert [media.content_type for media in found] == types
    assert holder == before


@pytest.mark.parametrize("name", SHAPES)
def test_no_shape_is_passed_over_in_encoded_rows(name: str) -> None:
    value, _, types = SHAPES[name]
    row = orjson.dumps({"id": "1", "input": [{"role": "user", "content": value}]}, default=str)
    assert may_hold_files(row) or not types


WORDS = st.sampled_from(
    [
        *(B64, URL_SAFE, JPEG, uri("image/png"), uri("image/png").replace("data:", "DATA:")),
        *("image/png", "text/csv", "png", "pdf", "mp3", "base64", "blob", "binary", "file"),
        *("image_generation_call", "inline_attachment", "data", "words of prose: none"),
    ]
)
NAMES = st.sampled_from(
    [
        *inline_media.TYPE_KEYS,
        *("data", "base64", "blob", "bytes", "file_data", "image", "content", "src", "result"),
        *("type", "kind", "format", "output_format", "source", "images", "b64_json", "name"),
        *("inline_data", "inlineData", "input_audio", "audio", "document"),
    ]
)
LIKE_FILES = st.recursive(
    WORDS,
    lambda inner: (
        st.dictionaries(NAMES, inner, max_size=4)
        | st.lists(WORDS, min_size=1, max_size=3)
        | st.lists(st.dictionaries(NAMES, inner, max_size=4), max_size=2)
    ),
    max_leaves=12,
)


@given(LIKE_FILES)
def test_whatever_holds_a_file_is_not_passed_over_in_encoded_rows(value: Any) -> None:
    current[0] = ""
    _, found = replaced(value)
    assert may_hold_files(orjson.dumps({"id": "1", "input": value})) or not found


def test_the_type_of_something_is_no_hint_of_a_file() -> None:
    row = {"type": "text", "span_type": "llm", "data": {"type": "x"}, "images": [], "bytes": 5}
    assert not may_hold_files(
        orjson.dumps([{"id": "data", "at": "09:40", "metadata": "y: ", **row}])
    )


def test_every_shape_in_the_table_is_tested() -> None:
    used = set()

    def watched(hint: str, shape: Any) -> Any:
        def call(*arguments: Any) -> Any:
            new = shape(*arguments)
            if new is not None:
                used.add((hint, shape.__name__))
            return new

        return hint, call

    original = inline_media._SHAPES
    inline_media._SHAPES = tuple(watched(*each) for each in original)
    try:
        for name, (value, _, _) in SHAPES.items():
            current[0] = name
            replaced(value)
        replaced([{"type": "braintrust_attachment", "key": uri("image/png")}])
    finally:
        inline_media._SHAPES = original
    shapes = {shape.__name__ for _, shape in original}
    assert {name for _, name in used} == shapes


@pytest.mark.parametrize(
    "value",
    [
        f"Look: {uri('image/png')}",
        uri("image/png", B64[:-1]),
        uri("image/png", B64[:-4] + "...x"),
        uri("image/png", "iVBORw0KGgo="),
        uri("image/png", "__REDACTED__"),
        uri("image/*"),
        uri(""),
        "data:text/plain,hello%20world%20hello%20world",
        "data:",
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "<cut>"}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        {"type": "text", "mime_type": "text/plain", "content": "abcdefghijklmnopqrstuvwx"},
        {"mime_type": "text/plain", "data": "abcdefghijklmnopqrstuvwx"},
        {"input_audio": {"data": B64}},
        {"document": {"format": "unheard-of", "source": {"bytes": B64}}},
        {"inline_data": None, "inlineData": 5},
        {"images": ["a", 5, None], "b64_json": None, "data": [B64]},
        {"id": B64, "hash": "a" * 64},
        {"type": ["image"], "source": 3, "mime_type": 7, "format": {}},
        [None, True, 1.5, "data:image/png;base64", "", b"bytes"],
    ],
)
def test_what_is_no_whole_file_of_a_known_type_stays(value: Any) -> None:
    result, found = replaced(value)
    assert result is value
    assert found == []


def test_a_value_that_is_deep_or_goes_in_circles_ends() -> None:
    deep: Any = uri("image/png")
    for _ in range(5000):
        deep = [deep]
    assert replaced(deep)[1] == []
    circle: dict[str, Any] = {"data": "x"}
    circle["self"] = circle
    replaced(circle)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(uri("image/png")) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "data", "source", "inline_data", "mime_type", "image", "format", "images"]
            )
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_value_is_ever_changed_itself_or_makes_it_fail(value: Any) -> None:
    current[0] = ""
    before = copy.deepcopy(value)
    result, found = replaced(value)
    assert value == before
    assert bool(found) == (result is not value)


def test_files_of_one_kind_are_named_by_it() -> None:
    names = {
        kind: InlineMedia(kind, b"").filename
        for kind in ("image/png", "image/jpeg", "application/pdf", "audio/mpeg", "text/plain")
    }
    assert names == {
        "image/png": "attachment.png",
        "image/jpeg": "attachment.jpg",
        "application/pdf": "attachment.pdf",
        "audio/mpeg": "attachment.mp3",
        "text/plain": "attachment.txt",
    }


def test_base64_of_a_foreign_span_is_uploaded_and_referred_to(
    server: ScriptedServer, configured: Configure
) -> None:
    processor = configured()
    parts = [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": B64}]
    messages = json.dumps([{"role": "user", "parts": parts}])
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": messages}
    with start_span("chat", attributes=attributes):
        pass
    assert processor.flush(10.0).ok
    [part] = only_row(server)["input"][0]["content"]
    reference = part["image_url"]["url"]
    assert reference == {
        "type": "braintrust_attachment",
        "filename": "attachment.png",
        "content_type": "image/png",
        "key": reference["key"],
    }
    assert uuid.UUID(reference["key"]).version == 4
    assert server.files == {reference["key"]: DATA}
    assert B64.encode() not in b"".join(each.body for each in server.requests)


def test_a_picture_in_one_of_many_spans_is_found_and_the_others_stay(
    server: ScriptedServer, configured: Configure
) -> None:
    processor = configured(project=None, project_id="p")  # known, so that rows go together
    for number in range(20):
        shown = uri("image/png") if number == 7 else "data"
        with start_span(f"{number}", input={"shown": shown, "mime_type": "of something"}):
            pass
    assert processor.flush(10.0).ok
    shown_by_name = {
        row["span_attributes"]["name"]: row["input"]["shown"] for row in server.rows.values()
    }
    reference = shown_by_name.pop("7")
    assert server.files == {reference["key"]: DATA}
    assert shown_by_name == {str(each): "data" for each in range(20) if each != 7}
    assert {row["project_id"] for row in server.rows.values()} == {"p"}


def test_a_picture_shown_turn_after_turn_is_uploaded_once(
    server: ScriptedServer, configured: Configure
) -> None:
    processor = configured()
    for turn in range(6):
        with start_span(f"turn {turn}", input=[{"role": "user", "content": uri("image/png")}]):
            pass
        if turn % 2:
            assert processor.flush(10.0).ok
    keys = {row["input"][0]["content"]["key"] for row in server.rows.values()}
    assert len(server.rows) == 6
    assert keys == set(server.files)
    assert len(server.files) == 1


def test_conversion_can_be_switched_off(
    server: ScriptedServer, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINTRUST_AUTO_CONVERT_AI_ATTACHMENTS", "false")
    processor = configured()
    with start_span("ask", input=uri("image/png")):
        pass
    assert processor.flush(10.0).ok
    assert only_row(server)["input"] == uri("image/png")
    assert server.files == {}


def test_a_file_longer_than_a_field_may_be_goes_whole(
    server: ScriptedServer, configured: Configure
) -> None:
    processor = configured(max_field_bytes=1000)
    long = base64.b64encode(b"z" * 30_000).decode()
    with start_span("ask", input=uri("image/png", long)):
        pass
    assert processor.flush(10.0).ok
    assert server.files[only_row(server)["input"]["key"]] == b"z" * 30_000


def _say_again(messages: list[dict[str, Any]]) -> None:
    """Make the span of a model call that tells of all of these."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.input.messages": json.dumps(messages),
    }
    with start_span("chat") as span:
        span.set_attributes(attributes)


@pytest.mark.parametrize("has_mask", [False, True])
def test_what_is_done_to_a_message_in_one_turn_is_done_once_in_each_turn_that_tells_it_again(
    server: ScriptedServer, configured: Configure, has_mask: bool
) -> None:
    def mask(value: Any) -> Any:
        for message in value if isinstance(value, list) else ():
            message["content"] = [message["content"], "masked"]
        return value

    processor = configured(mask=mask if has_mask else None)
    messages = [{"role": "user", "content": "Where? " * 400}]
    for _ in range(6):
        messages.append({"role": "user", "content": uri("image/png")})
        _say_again(messages)
        assert processor.flush(10.0).sent == 1
    rows = sorted(server.rows.values(), key=lambda row: len(row["input"]))
    assert [len(row["input"]) for row in rows] == [2, 3, 4, 5, 6, 7]
    for row in rows:
        told = [message["content"] for message in row["input"]]
        if has_mask:
            assert all(after == "masked" for _, after in told)
            told = [before for before, _ in told]
        assert told[0] == messages[0]["content"]
        assert all(each["type"] == "braintrust_attachment" for each in told[1:])
