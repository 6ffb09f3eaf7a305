"""Span slugs of both versions, as Braintrust's own SDK writes and reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from braintrust.span_identifier_v3 import SpanComponentsV3, SpanObjectTypeV3
from braintrust.span_identifier_v4 import SpanComponentsV4
from hypothesis import given
from hypothesis import strategies as st

from otel_braintrust.slugs import Slug, decode_slug, encode_slug

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "slug_vectors.json").read_text(encoding="utf-8")
)
NAMES = {"compute_object_metadata_args": "object_arguments"}


def slug_of(fields: dict[str, Any]) -> Slug:
    return Slug(**{NAMES.get(name, name): value for name, value in fields.items()})


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"].split()[0])
def test_every_vector_is_written_to_the_byte(vector: dict[str, Any]) -> None:
    version = vector["hand_decoded"]["version"]
    assert encode_slug(slug_of(vector["input"]), version=version) == vector["slug"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"].split()[0])
def test_every_vector_is_read_as_the_official_sdk_reads_it(vector: dict[str, Any]) -> None:
    assert decode_slug(vector["slug"]) == slug_of(vector["decoded_by_sdk"])


def test_the_official_sdk_reads_what_is_written_and_the_other_way_round() -> None:
    slug = Slug(
        "experiment",
        object_id="not a uuid",
        row_id="row ü",
        span_id="00000000000000aa",
        root_span_id="000000000000000000000000000000bb",
        propagated_event={"metadata": {"ü": [1, None]}},
    )
    read = SpanComponentsV4.from_str(encode_slug(slug))
    assert (read.object_id, read.row_id, read.span_id) == ("not a uuid", "row ü", slug.span_id)
    assert read.propagated_event == slug.propagated_event
    assert decode_slug(read.to_str()) == slug
    assert encode_slug(decode_slug(read.to_str())) == read.to_str()


IDS = st.uuids().map(str) | st.text(min_size=1, max_size=8)
SPANS = st.none() | st.fixed_dictionaries(
    {
        "row_id": IDS,
        "span_id": st.text("0123456789abcdef", min_size=16, max_size=16) | IDS,
        "root_span_id": st.text("0123456789abcdef", min_size=32, max_size=32) | IDS,
    }
)


@pytest.mark.parametrize("reader", [SpanComponentsV3, SpanComponentsV4])
@given(
    object_type=st.sampled_from(SpanObjectTypeV3),
    object_id=st.none() | IDS,
    arguments=st.dictionaries(st.text(), st.none() | st.text(), min_size=1),
    span=SPANS,
    event=st.none() | st.dictionaries(st.text(min_size=1), st.integers() | st.text(), min_size=1),
)
def test_slugs_of_any_content_mean_the_same_to_the_official_sdk(
    reader: Any,
    object_type: SpanObjectTypeV3,
    object_id: str | None,
    arguments: dict[str, str | None],
    span: dict[str, str] | None,
    event: dict[str, Any] | None,
) -> None:
    fields = {
        "object_id": object_id,
        "compute_object_metadata_args": None if object_id else arguments,
        "propagated_event": event,
        **(span or {}),
    }
    theirs = reader(object_type=object_type, **fields).to_str()
    ours = decode_slug(theirs)
    version = 3 if reader is SpanComponentsV3 else 4
    assert encode_slug(ours, version=version) == theirs
    again = reader.from_str(encode_slug(ours, version=version))
    for name in ("object_id", "row_id", "span_id", "root_span_id", "propagated_event"):
        assert getattr(again, name) == getattr(ours, name)


def test_ids_are_opentelemetrys_though_version_3_writes_them_as_a_uuid() -> None:
    slug = Slug(
        "project_logs",
        object_id="p",
        row_id="r",
        span_id="0123456789abcdef",
        root_span_id="000102030405060708090a0b0c0d0e0f",
    )
    read = decode_slug(encode_slug(slug, version=3))
    assert read.hex_ids == ("000102030405060708090a0b0c0d0e0f", "0123456789abcdef")


@pytest.mark.parametrize(
    "text", ["", "0123456789abcdef", "BAICAwEj", "BAIA", "AwkA", "BAIAe30=", "BAIAW10="]
)
def test_what_is_no_slug_is_a_value_error_that_says_why(text: str) -> None:
    with pytest.raises(ValueError, match=r"its? "):
        decode_slug(text)


def test_a_slug_with_half_a_span_is_refused() -> None:
    with pytest.raises(ValueError, match="not all of them"):
        Slug("project_logs", object_id="p", span_id="0123456789abcdef")
