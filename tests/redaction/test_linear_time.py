"""No text and no shape of an object makes masking slow, not even one that is made for it."""

from __future__ import annotations

import time

import pytest

from otel_braintrust.redaction import Redaction, read_mask
from tests.redaction.planted import Plant

ALL = Redaction(read_mask("all"))

ADVERSARIAL = (
    "eyJ_" * 60_000,
    "eyJ" * 80_000,
    "eyJaaaaaaaaaaaa." * 15_000,
    "sk-" * 80_000,
    "://" * 80_000,
    "@" * 200_000,
    "://a:" * 40_000 + "@",
    "http://a:b" * 20_000 + "@c",
    "-----BEGIN PRIVATE KEY-----" * 9_000,
    "-----BEGIN " + "A" * 200_000,
    "password=" * 25_000,
    'password: "' + '\\"' * 100_000,
    "token" + " " * 200_000 + "=",
    "authorization: " * 15_000,
    "cookie:" * 30_000,
    "4" * 200_000,
    "4 " * 100_000,
    "DE89" * 50_000,
    "1.1." * 50_000,
    "+1" * 100_000,
    "a" * 200_000,
    "A" * 200_000 + "!",
    "a@" * 100_000,
    "a." * 100_000 + "@" + "b." * 100_000,
    "\\u005c" * 30_000,
    "\\" * 200_000,
    "%25" * 70_000,
    "-" * 200_000,
    " --" * 70_000,
    " -u a" * 40_000,
    "<a" * 100_000,
    "<password>" * 20_000,
    "secret" * 40_000,
    "api_" * 50_000,
    "%2B+" * 50_000,
    "+%255c%255c" * 20_000,
    "SG." * 70_000,
    "bearer " * 30_000,
    "[" * 200_000,
    '{"a":' * 40_000,
    "QUJD" * 50_000,
    "ya29." * 40_000,
    "123456789:AA" * 20_000,
)


def test_no_shape_of_an_object_makes_masking_slow() -> None:
    broad: object = "x"
    for _ in range(5):
        broad = {f"a{number}": broad for number in range(6)}
    deep: object = "x"
    for _ in range(120):
        deep = {"a": [deep, "b"]}
    long = {"tokens": ["sk-"] * 20_000, "names": [{"name": "password", "value": 1}] * 2000}
    value = {"password": "a", "key": Plant()("openai"), "b": broad, "d": deep, "l": long}
    started = time.process_time()
    row = ALL({"id": "1", "input": value})
    assert time.process_time() - started < 10.0
    assert "ERROR" not in repr(row)


@pytest.mark.parametrize("text", ADVERSARIAL, ids=lambda text: text[:16])
def test_no_text_makes_masking_slow(text: str) -> None:
    started = time.process_time()
    row = ALL({"id": "1", "input": {"text": text}})
    # 200 kB, of which a quadratic search would take minutes; a loaded machine gets its share, too.
    assert time.process_time() - started < 10.0
    assert "ERROR" not in repr(row)
