"""What finds a secret in text: an expression or a function, run only where one can be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
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
        own_marker: What to put in the place of a secret, if not the usual marker.
    """

    name: str
    find: Callable[[str], Spans]
    anchors: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    own_marker: str | None = None

    @property
    def marker(self) -> str:
        """What stands in the place of a secret: the detector's name, and nothing of the secret."""
        return marker_of(self.name) if self.own_marker is None else self.own_marker

    def may_find(self, lowered: str) -> bool:
        """Tell at little cost whether a text, in lower case, can hold such a secret."""
        if self.anchors and not any(anchor in lowered for anchor in self.anchors):
            return False
        return all(word in lowered for word in self.also)


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
