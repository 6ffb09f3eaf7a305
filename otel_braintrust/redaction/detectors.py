"""What finds a secret in text: an expression or a function, run only where one can be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

Spans = Iterable[tuple[int, int]]


@dataclass(frozen=True)
class Detector:
    """Finds one kind of secret.

    Attributes:
        name: What the marker says.
        find: Gives the places in a text, each as start and end.
        anchors: In lower case; a text without any of them is not looked at. Empty: all are.
        also: In lower case; a text must have all of these besides.
        is_run: A secret of this kind, with its anchor, is one long run of letters, digits, ``_``,
            ``-`` and ``.``, so that the anchors are searched for in such runs only.
        hint: A text in lower case in which it finds nothing is not looked at.
        own_marker: What to put in the place of a secret, if not the usual marker.
    """

    name: str
    find: Callable[[str], Spans]
    anchors: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    is_run: bool = False
    hint: re.Pattern[str] | None = None
    own_marker: str | None = None

    @property
    def marker(self) -> str:
        """What stands in the place of a secret: the detector's name, and nothing of the secret."""
        return marker_of(self.name) if self.own_marker is None else self.own_marker


_LONG_RUN = re.compile(r"[A-Za-z0-9+/_.-]{15,}")


def long_runs(text: str) -> str:
    """The long runs of letters, digits and the signs of keys and base64 in a text, by spaces."""
    return " ".join(_LONG_RUN.findall(text))


class Detectors:
    """Several detectors, of which those that may find something in a text are found out quickly.

    Most texts hold no trace of a secret. A search for a literal text costs half a nanosecond for
    each letter, an expression a hundred times as much.

    Args:
        detectors: In order; of two that find the same, the first names it.
    """

    def __init__(self, detectors: Sequence[Detector] = ()) -> None:
        self._all = tuple(detectors)
        self._in_runs = [
            (anchor, index)
            for index, each in enumerate(self._all)
            if each.is_run
            for anchor in each.anchors
        ]
        self._others = [(index, each) for index, each in enumerate(self._all) if not each.is_run]

    def __bool__(self) -> bool:
        """False when there is none."""
        return bool(self._all)

    def relevant(self, text: str, runs: str | None = None) -> list[Detector]:
        """Those that may find something in a text.

        Args:
            text: The text.
            runs: Its :func:`long_runs`, where they are known.
        """
        lowered = text.lower()
        found = {index for index, each in self._others if _may_find(each, lowered)}
        if self._in_runs:
            runs = (long_runs(text) if runs is None else runs).lower()
            if runs:
                found.update([index for anchor, index in self._in_runs if anchor in runs])
        return [self._all[index] for index in sorted(found)]


def _may_find(detector: Detector, lowered: str) -> bool:
    if detector.anchors:
        for anchor in detector.anchors:
            if anchor in lowered:
                break
        else:
            return False
    for word in detector.also:
        if word not in lowered:
            return False
    return detector.hint is None or detector.hint.search(lowered) is not None


MARKER_START = "[masked: "


def marker_of(name: str) -> str:
    """The marker of a rule."""
    return f"{MARKER_START}{name}]"


def expression(
    pattern: str | re.Pattern[str],
    *,
    group: int | str = 0,
    check: Callable[[re.Match[str]], bool] | None = None,
) -> Callable[[str], Spans]:
    """Make a finder of a regular expression.

    Args:
        pattern: The expression. It must take linear time, whatever the text: no repetition whose
            end depends on what follows.
        group: The group that is the secret.
        check: Looks at a match once more; False lets it stand.
    """
    compiled = re.compile(pattern)

    def find(text: str) -> Iterator[tuple[int, int]]:
        for match in compiled.finditer(text):
            start, end = match.span(group)
            if start < end and (check is None or check(match)):
                yield start, end

    return find
