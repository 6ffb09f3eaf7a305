"""The JSON values of a stream, one after the other, each with the line in which it begins.

A stream holds an array, one value a line, or values printed over several lines. Only one value is
in memory at a time; a line that is broken takes no other along.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson

CHUNK_BYTES = 1024 * 1024
WHITESPACE = b" \t\r\n"
# A string, perhaps without its end, or a sign that begins, ends or parts values.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*("?)|[{}\[\],]', re.DOTALL)
_OPENING, _CLOSING = b"{[", b"}]"
# orjson reads whole numbers beyond 64 bits as floats, which would change them.
_LONG_NUMBER = re.compile(rb"\d{19}")


class PieceError(ValueError):
    """A value that is no JSON; `line` counts within the value, from 0."""

    def __init__(self, problem: str, line: int = 0, column: int = 0) -> None:
        super().__init__(problem)
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Piece:
    """One JSON value, not read yet.

    Attributes:
        data: Its bytes.
        line: The line of the stream in which it begins, from 1.
    """

    data: bytes
    line: int

    def value(self) -> Any:
        """Read it, exactly: also whole numbers of any size and lone surrogates.

        Raises:
            PieceError: It is no JSON; says what and where.
        """
        try:
            return _read_slowly(self.data) if _LONG_NUMBER.search(self.data) else _read(self.data)
        except json.JSONDecodeError as error:
            raise PieceError(error.msg, error.lineno - 1, error.colno) from None
        except RecursionError:
            raise PieceError("the JSON is nested too deeply") from None
        except ValueError as error:
            raise PieceError(str(error)) from None


def pieces(stream: io.BufferedReader) -> Iterator[Piece]:
    """Split a stream into its JSON values.

    Args:
        stream: Bytes of JSON: an array, one value a line, or values over several lines.
    """
    line = _skip_blank(stream)
    if stream.peek(1)[:1] == b"[":
        yield from _Splitter(stream, stream.read(1), line, in_array=True)
        return
    begin = following = stream.readline()
    if _depth(begin):  # it goes on in the next line, or is broken
        following = begin + stream.readline()
        if not _is_object(following[len(begin) :]):
            yield from _Splitter(stream, following, line, in_array=False)
            return
    begun = following.splitlines(keepends=True)
    for number, text in enumerate(chain(begun, stream)):
        if number >= len(begun) and text.strip() == b"{":  # a value over several lines, after all
            yield from _Splitter(stream, text, line, in_array=False)
            return
        if text.strip():
            yield Piece(text.rstrip(WHITESPACE), line)
        line += 1


def _skip_blank(stream: io.BufferedReader) -> int:
    """Go to where the first value begins, and tell in which line that is."""
    line = 1
    while (ahead := stream.peek(1)) and ahead[:1] in WHITESPACE:
        blank = ahead[: len(ahead) - len(ahead.lstrip(WHITESPACE))]
        line += blank.count(b"\n")
        stream.read(len(blank))
    return line


def _read(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _read_slowly(data)


def _read_slowly(data: bytes) -> Any:
    return json.loads(data, parse_constant=_refuse, parse_float=_finite)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON: write null, or leave the field out")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text:.30} is too large")
    return number


def _is_object(data: bytes) -> bool:
    try:
        return isinstance(orjson.loads(data), dict)
    except orjson.JSONDecodeError:
        return False


def _depth(data: bytes) -> int:
    """How many objects and arrays are open at the end."""
    depth = 0
    for token in _TOKEN.finditer(data):
        sign = token[0]
        depth += (sign in _OPENING) - (sign in _CLOSING) if len(sign) == 1 else 0
    return depth


class _Splitter:
    """Finds where values begin and end, and leaves it to others whether they are right."""

    def __init__(
        self, stream: io.BufferedReader, begin: bytes, line: int, *, in_array: bool
    ) -> None:
        self._stream = stream
        self._buffer = begin
        self._line = line
        self._outer_depth = 1 if in_array else 0

    def __iter__(self) -> Iterator[Piece]:
        start, position, depth = 0, 0, 0
        if self._outer_depth:
            start = position = depth = 1
        while True:
            token = _TOKEN.search(self._buffer, position)
            is_open_string = token is not None and token[0][:1] == b'"' and not token[1]
            if token is None or is_open_string:
                position = token.start() if token is not None else len(self._buffer)
                position -= start
                self._drop(start)
                start = 0
                if not self._read_more():
                    break
                continue
            sign, position = token[0], token.end()
            if len(sign) > 1:
                continue
            depth += (sign in _OPENING) - (sign in _CLOSING)
            is_end = sign in _CLOSING and depth <= 0
            if depth == self._outer_depth and self._outer_depth and sign == b",":
                yield from self._cut(start, token.start())
                start = position
            elif is_end:
                # The end of the array itself, or of a value that stands alone.
                end = token.start() if self._outer_depth else position
                yield from self._cut(start, end)
                start, depth, self._outer_depth = position, 0, 0
        yield from self._cut(start, len(self._buffer))

    def _cut(self, start: int, end: int) -> Iterator[Piece]:
        data = self._buffer[start:end]
        begin = data.lstrip(WHITESPACE)
        if begin:
            skipped = data[: len(data) - len(begin)]
            before = self._buffer.count(b"\n", 0, start) + skipped.count(b"\n")
            yield Piece(begin.rstrip(WHITESPACE), self._line + before)

    def _drop(self, count: int) -> None:
        self._line += self._buffer.count(b"\n", 0, count)
        self._buffer = self._buffer[count:]

    def _read_more(self) -> bool:
        # As much again as is there: a huge value is scanned over a bounded number of times.
        more = self._stream.read(max(CHUNK_BYTES, len(self._buffer)))
        self._buffer += more
        return bool(more)
