"""Secrets in one text, also where they are escaped, percent-encoded or in base64."""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from otel_braintrust.redaction.detectors import Detector, Detectors

Found = tuple[int, int, Detector]

# JSON's and Python's escapes, and percent-encoding; one view undoes them all.
_ESCAPE = re.compile(
    r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[/\"'\\nrtbf]|%[0-9A-Fa-f]{2}", re.ASCII
)
# In a text that is percent-encoded as forms are, a + is a space.
_FORM_ESCAPE = re.compile(rf"{_ESCAPE.pattern}|\+", re.ASCII)
_SHORT = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
# Base64 of text in ASCII: the high bit of each byte is 0, which leaves each letter of four its own
# half of the alphabet. Ids, paths and words of prose do not keep to that for long.
_QUARTET = (
    r"[CDI-Za-f][ACDEFGHQSTUVWXgijklmnwyz0123]"
    r"[ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]"
)
_FIRST = r"[CDI-Za-f](?<![A-Za-z0-9+][CDI-Za-f])"
_BASE64_RUN = re.compile(
    rf"{_FIRST}{_QUARTET[len('[CDI-Za-f]') :]}(?:{_QUARTET}){{2}}[A-Za-z0-9+/_-]*={{0,2}}"
)
_BASE64_HINT = re.compile(rf"(?:{_QUARTET}){{4}}")
_URL_SAFE = str.maketrans("-_", "+/")
# JSON in JSON, percent-encoded, in base64, and so on: what is wrapped more often is left alone.
MAX_WRAPPINGS = 6
_PROBE_CHARS = 64


def mask_text(text: str, detectors: Detectors, wrapped: Detectors | None = None) -> str:
    """A text with a marker in the place of each secret in it; the same object if there is none.

    Args:
        text: The text.
        detectors: What to look for; of two that find the same, the first names it.
        wrapped: What to look for where the text is escaped or encoded; default the same.
    """
    pieces: list[str] = []
    done = 0
    for start, end, detector in merged(
        spans(text, detectors, detectors if wrapped is None else wrapped)
    ):
        pieces += (text[done:start], detector.marker)
        done = end
    if not done:
        return text
    pieces.append(text[done:])
    return "".join(pieces)


def merged(found: Iterable[Found]) -> list[Found]:
    """Places in order, those that overlap as one: that of the first, then of the longest."""
    result: list[Found] = []
    for start, end, detector in sorted(found, key=lambda each: (each[0], -each[1])):
        if result and start < result[-1][1]:
            before, last_end, first = result[-1]
            result[-1] = before, max(end, last_end), first
        else:
            result.append((start, end, detector))
    return result


def spans(
    text: str,
    detectors: Detectors,
    wrapped: Detectors,
    wrappings: int = 0,
    *,
    is_form: bool = False,
) -> Iterator[Found]:
    """Where secrets are in a text: start, end, and what found them."""
    for detector in detectors.relevant(text) if detectors else ():
        for start, end in detector.find(text):
            yield start, end, detector
    if wrappings >= MAX_WRAPPINGS or not wrapped:
        return
    for view, view_is_form in _views(text, is_form=is_form):
        inside = spans(view.text, wrapped, wrapped, wrappings + 1, is_form=view_is_form)
        for start, end, detector in inside:
            yield *view.origin(start, end), detector
    for match in _BASE64_RUN.finditer(text):
        inner = _decoded(match[0])
        if inner is not None:
            first = next(spans(inner, wrapped, wrapped, wrappings + 1, is_form=is_form), None)
            if first is not None:
                # What stands in base64 cannot be masked in part.
                yield match.start(), match.end(), first[2]


def may_be_wrapped(text: str, runs: str) -> bool:
    """Tell at little cost whether JSON holds text that is escaped or encoded once more.

    Args:
        text: JSON, in which one backslash of a text stands as two.
        runs: Its long runs.
    """
    return (
        "\\\\" in text
        or ("%" in text and _PERCENT.search(text) is not None)
        or _BASE64_HINT.search(runs) is not None
    )


def _views(text: str, *, is_form: bool) -> Iterator[tuple[_View, bool]]:
    """The text without its escapes, and once on the way also as a form writes it, + for a space."""
    if "\\" in text or "%" in text:
        view = _View(text, _ESCAPE)
        if view.is_other:
            yield view, is_form
    if not is_form and "+" in text and _PERCENT.search(text) is not None:
        yield _View(text, _FORM_ESCAPE), True


class _View:
    """A text without its escapes, and where in the text each part of the view comes from."""

    def __init__(self, text: str, escape: re.Pattern[str]) -> None:
        pieces: list[str] = []
        # For each escape and each stretch between two: where it begins in the view and the text,
        # and how long it is in the text if it is an escape.
        self._view_starts: list[int] = []
        self._origins: list[tuple[int, int]] = []
        self._length = 0
        done = 0
        for match in escape.finditer(text):
            if match.start() > done:
                self._add(pieces, text[done : match.start()], done, 0)
            self._add(pieces, _unescaped(match[0]), match.start(), match.end() - match.start())
            done = match.end()
        self.is_other = done > 0
        if done < len(text):
            self._add(pieces, text[done:], done, 0)
        self.text = "".join(pieces)

    def _add(self, pieces: list[str], piece: str, origin: int, escape_chars: int) -> None:
        self._view_starts.append(self._length)
        self._origins.append((origin, escape_chars))
        pieces.append(piece)
        self._length += len(piece)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The place in the text of a place in the view."""
        return self._origin(start), self._origin(end - 1, is_end=True)

    def _origin(self, position: int, *, is_end: bool = False) -> int:
        index = bisect_right(self._view_starts, position) - 1
        origin, escape_chars = self._origins[index]
        if escape_chars:
            return origin + (escape_chars if is_end else 0)
        return origin + position - self._view_starts[index] + is_end


def _unescaped(escape: str) -> str:
    if escape == "+":
        return " "
    kind = escape[1] if escape[0] == "\\" else "%"
    digits = escape[2:] if kind in "ux" else escape[1:] if kind == "%" else ""
    return chr(int(digits, 16)) if digits else _SHORT.get(kind, kind)


def _decoded(run: str) -> str | None:
    """The text that base64 stands for; None for anything but text, such as an image or a word."""
    plain = run.rstrip("=").translate(_URL_SAFE)
    if len(plain) > _PROBE_CHARS and _as_text(plain[:_PROBE_CHARS]) is None:
        return None
    return _as_text(plain)


def _as_text(plain: str) -> str | None:
    # A run may end in the middle of four; what is over tells less than a byte.
    whole = plain[: len(plain) // 4 * 4 + (len(plain) % 4 if len(plain) % 4 > 1 else 0)]
    try:
        data = base64.b64decode(whole + "=" * (-len(whole) % 4))
    except (binascii.Error, ValueError):
        return None
    text = data.decode("utf-8", "ignore")
    # A cut may part a letter of several bytes, but nothing more may be missing.
    if len(text.encode()) < len(data) - 3 or any(ord(c) < 32 and c not in "\t\r\n" for c in text):
        return None
    return text
