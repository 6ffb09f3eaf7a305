"""Conversations that grow: what a call repeats of the turns before it is read and converted once.

An agent sends its model all that was said so far, with each call a little more. As JSON text a turn
begins with the text of the turn before it, up to the bracket at its end.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import orjson

from otel_braintrust.translation.decoding import parse
from otel_braintrust.translation.message_building import Message
from otel_braintrust.translation.messages import simple_messages, to_messages, without_repeats

# A shorter text is read as fast as it is looked up.
LEAST_CHARACTERS = 2_000
# How much of a text finds those that may be its earlier turns: these differ further on, mostly.
BEGINNING_CHARACTERS = 256
# The spans of a trace are translated one after the other, and few agents run at a time.
MAX_ALIKE = 8
MAX_CHARACTERS = 1_000_000


@dataclass(slots=True)
class _Told:
    """What was said up to a turn.

    Attributes:
        stem: the text up to the bracket that ends it; empty before the first turn.
        messages: the messages in it.
    """

    stem: str
    messages: list[Message]


class Conversations:
    """Reads the JSON text of messages; for one thread at a time.

    Args:
        least_characters: shorter texts are not remembered.
        max_characters: about how much text is remembered; what was not met lately is forgotten.
    """

    def __init__(
        self,
        *,
        least_characters: int = LEAST_CHARACTERS,
        max_characters: int = MAX_CHARACTERS,
    ) -> None:
        self._least = least_characters
        # In two parts: when the later one is full, the earlier one is forgotten at once.
        self._most = max_characters // 2
        self._later: dict[str, list[_Told]] = {}
        self._earlier: dict[str, list[_Told]] = {}
        self._characters = 0

    def __len__(self) -> int:
        alike = itertools.chain(self._later.values(), self._earlier.values())
        return sum(map(len, alike))

    def messages_in(self, text: str) -> list[Message] | None:
        """Convert the JSON text of a list of messages, as `to_messages` does.

        Args:
            text: the text.

        Returns:
            The messages, which rows of other turns may hold as well: none may be changed.

        Raises:
            ValueError: it is no JSON.
        """
        if len(text) < self._least:
            return to_messages(parse(text))
        told = self._told_before(text) or _Told("", [])
        try:
            added = orjson.loads(_after(told.stem, text))
        except ValueError:  # `parse` reads some of what orjson refuses
            return to_messages(parse(text))
        simple = simple_messages(added)
        if simple is None:  # one message may bear on the next
            return to_messages(parse(text) if told.stem else added)
        messages = [*told.messages, *simple]
        if messages:
            self._remember(text, messages)
        return without_repeats(messages) or None

    def _told_before(self, text: str) -> _Told | None:
        """The turn before, which is forgotten, for this one takes its place."""
        beginning = text[:BEGINNING_CHARACTERS]
        for known in (self._later, self._earlier):
            alike = known.get(beginning, [])
            for place in range(len(alike) - 1, -1, -1):
                if _goes_on(alike[place].stem, text):
                    told = alike.pop(place)
                    if known is self._later:
                        self._characters -= len(told.stem)
                    return told
        return None

    def _remember(self, text: str, messages: list[Message]) -> None:
        if len(text) > self._most:
            return
        self._characters += len(text)
        if self._characters > self._most:
            self._earlier, self._later, self._characters = self._later, {}, len(text)
        alike = self._later.setdefault(text[:BEGINNING_CHARACTERS], [])
        alike.append(_Told(text.rstrip()[:-1].rstrip(), messages))
        if len(alike) > MAX_ALIKE:
            alike.pop(0)


def _goes_on(stem: str, text: str) -> bool:
    """Tell whether a text is a list that begins with all that a stem holds."""
    return text.startswith(stem) and _rest(stem, text)[:1] in (",", "]")


def _after(stem: str, text: str) -> str:
    """The list of what a text holds beyond a stem, no JSON where the text is none."""
    if not stem:
        return text
    rest = _rest(stem, text)
    if rest[:1] == "]":
        return "[" + rest
    later = _rest(",", rest)
    return "[" + later if later[:1] != "]" else ""


def _rest(stem: str, text: str) -> str:
    return text[len(stem) :].lstrip(" \t\r\n")
