"""A stream of JSON is split into its values, however they are laid out, and never read whole."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_braintrust.imports import pieces as splitting
from otel_braintrust.imports.pieces import PieceError, pieces

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
JSON_VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.lists(st.dictionaries(st.text(), JSON_VALUES, max_size=4), max_size=5)


def split(data: bytes, buffer_bytes: int = 16) -> list[splitting.Piece]:
    return list(pieces(io.BufferedReader(io.BytesIO(data), buffer_bytes)))


def read_or_none(piece: splitting.Piece) -> Any:
    try:
        return piece.value()
    except PieceError:
        return None


@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize("indent", [None, 1])
@settings(max_examples=100, deadline=None)
@given(values=OBJECTS)
def test_every_layout_gives_the_same_values(
    escaped: bool, indent: int | None, values: list[dict[str, Any]]
) -> None:
    def dumped(value: Any) -> str:
        return json.dumps(value, indent=indent, ensure_ascii=escaped)

    try:
        dumped(values).encode()
    except UnicodeEncodeError:  # half of a pair, which UTF-8 cannot hold unescaped
        return
    before, splitting.CHUNK_BYTES = splitting.CHUNK_BYTES, 7
    try:
        for text in (dumped(values), "\n".join(map(dumped, values)), dumped(values) + "\n\n"):
            assert [piece.value() for piece in split(text.encode())] == values
    finally:
        splitting.CHUNK_BYTES = before


def test_each_value_knows_its_line() -> None:
    assert [p.line for p in split(b'\n\n {"a":1}\n{"b":2}\n\n{"c":3}')] == [3, 4, 6]
    assert [p.line for p in split(b'[\n {"a":1},\n\n {"b":2} ]')] == [2, 4]
    assert [p.line for p in split(b'{\n"a":1\n}\n{\n"b":2\n}')] == [1, 4]


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (b'{"a": 1}\n{"b": \n{"c": 3}\n', [{"a": 1}, {"c": 3}]),
        (b'{"b": \n{"a": 1}\n{"c": 3}\n', [{"a": 1}, {"c": 3}]),
        (b'{"a": 1}\n}\n{"c": "x\n{"d": 4}', [{"a": 1}, {"d": 4}]),
        (b'[{"a": 1}, {"b": ]}, {"c": 3}]', [{"a": 1}]),
        (b'[{"a": 1}, {"b" 2}, {"c": 3}]', [{"a": 1}, {"c": 3}]),
        (b'[{"a": 1}, {"b": 2}', [{"a": 1}, {"b": 2}]),
    ],
)
def test_a_broken_value_takes_few_others_along(text: bytes, good: list[Any]) -> None:
    assert [value for piece in split(text) if (value := read_or_none(piece)) is not None] == good


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999"])
def test_numbers_that_are_none_are_refused(number: bytes) -> None:
    [piece] = split(b'{"a": ' + number + b"}")
    with pytest.raises(PieceError):
        piece.value()


def test_nesting_without_end_is_refused_and_no_crash() -> None:
    [piece] = split(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    with pytest.raises(PieceError):
        piece.value()


class _Counting(io.RawIOBase):
    """A long array on one line, which counts what was read of it."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.read_bytes = 0
        self._waiting = b"["

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while len(self._waiting) < len(buffer) and self.left:
            self.left -= 1
            end = b"]" if not self.left else b","
            self._waiting += b'{"input":"' + b"x" * 1000 + b'"}' + end
        taken, self._waiting = self._waiting[: len(buffer)], self._waiting[len(buffer) :]
        buffer[: len(taken)] = taken
        self.read_bytes += len(taken)
        return len(taken)


def test_an_array_on_one_line_is_read_as_it_is_needed() -> None:
    stream = _Counting(5_000)
    values = pieces(io.BufferedReader(stream))
    for _ in range(10):
        next(values)
    assert stream.read_bytes < 2 * splitting.CHUNK_BYTES
    assert 10 + sum(1 for _ in values) == 5_000
