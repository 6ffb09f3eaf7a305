"""The blanks of a form: varying attributes whose values are written straight into their places.

Most attributes that vary are the only ones of a span to speak of their field: a count, an id, the
messages of a call. For these no rule is run and nothing is decided. The rest is left to the rules.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from otel_braintrust.translation import metadata, simple_content
from otel_braintrust.translation.conventions import Route
from otel_braintrust.translation.conventions.marks import EVENTS, cue_of, is_needed, slot_of
from otel_braintrust.translation.conventions.rules import Step, place_of
from otel_braintrust.translation.conventions.slots import (
    Content,
    Count,
    Entry,
    Field,
    System,
    Texts,
)
from otel_braintrust.translation.conversations import Conversations
from otel_braintrust.translation.outlines import Values, values_of
from otel_braintrust.translation.parameters import is_set
from otel_braintrust.translation.simple_content import Attributes, OddError, Reader

# Blanks for the input, the output and the counts: of values that interweave, one or two are left.
_TRIED = tuple(itertools.product((True, False), repeat=3))

Varying = tuple[tuple[Route, str], ...]

_TEXT, _COUNT = {str}, {int}


@dataclass(slots=True, eq=False)
class Blanks:
    """Who writes each varying attribute of a span.

    Attributes:
        rest: attributes left to their rules.
        steps: what puts together what these read.
        loose: attributes that no dialect knows.
        entries: metadata entries: name, key, and whether the attribute stays as well.
        counts: token counts: family, name and key.
        asked: reads the row's input.
        answered: reads its output.
        otherwise: who writes them where a value is not as these expect.
        is_provisional: they may yet be found to be written more simply.
        has_events: there are events to be read besides.
        is_whole: nothing is left to be read, and one family tells the counts.
        named: the entries that attributes name.
        written: all metadata entries that are written.
    """

    rest: Varying
    steps: Sequence[Step] = ()
    loose: tuple[str, ...] = ()
    entries: tuple[tuple[str, str, bool], ...] = ()
    counts: tuple[tuple[str, str, str], ...] = ()
    asked: Reader | None = None
    answered: Reader | None = None
    otherwise: Blanks | None = None
    is_provisional: bool = True
    has_events: bool = False
    is_whole: bool = field(init=False)
    named: frozenset[str] = field(init=False)
    written: frozenset[str] = field(init=False)
    counts_of: Values = field(init=False)

    def __post_init__(self) -> None:
        self.counts_of = values_of([key for _, _, key in self.counts])
        families = {family for family, _, _ in self.counts}
        is_read = bool(self.rest or self.steps or self.has_events)
        self.is_whole = not is_read and len(families) < 2
        kept = (key for _, key, is_kept in self.entries if is_kept)
        self.named = frozenset(name for name, _, _ in self.entries)
        self.written = self.named.union(self.loose, kept)

    def fill_entries(
        self, common: dict[str, Any], attributes: Sequence[Attributes]
    ) -> list[dict[str, Any]]:
        """The metadata of several spans with these keys.

        Args:
            common: what all of them have.
            attributes: the spans'.

        Raises:
            OddError: a value is not of the simple kind.
        """
        entries = [common.copy() for _ in attributes]
        for key in self.loose:
            for own, values in zip(entries, attributes, strict=True):
                own[key] = metadata.shown(values[key])
        for name, key, is_kept in self.entries:
            column = [values[key] for values in attributes]
            if not (_TEXT.issuperset(map(type, column)) and all(map(_is_plain, column))):
                raise OddError
            for own, value in zip(entries, column, strict=True):
                own[name] = value
                if is_kept:
                    own[key] = value
        return entries

    def records(self, attributes: Sequence[Attributes]) -> list[dict[str, int]]:
        """The token counts of several spans with these keys.

        Args:
            attributes: the spans'.

        Raises:
            OddError: one of them is no whole number.
        """
        names = [name for _, name, _ in self.counts]
        columns = list(map(self.counts_of, attributes))
        if not all(_COUNT.issuperset(map(type, values)) for values in columns):
            raise OddError
        return [dict(zip(names, values, strict=True)) for values in columns]


def _is_plain(text: str) -> bool:
    return is_set(text) and metadata.shown(text) is text


class Draft:
    """Finds the blanks among the varying attributes of a span.

    Args:
        varying: the attributes, and who reads them.
        span_type: the span's Braintrust type.
        taken: metadata entries that other attributes of the span speak of.
        reasons: reasons why the model stopped, for answers that carry none.
        steps: what puts varying attributes together.
        has_events: the span has events besides.
        conversations: reads messages.
    """

    def __init__(
        self,
        varying: Varying,
        *,
        span_type: str,
        taken: Collection[str],
        reasons: Sequence[Any],
        steps: Sequence[Step],
        has_events: bool,
        conversations: Conversations,
    ) -> None:
        self._conversations = conversations
        self._varying = varying
        self._span_type = span_type
        self._taken = taken
        self._reasons = reasons
        self._steps = steps
        self._has_events = has_events
        slots = map(slot_of, steps)
        self._texts = {each.family: each for each in slots if isinstance(each, Texts)}
        self._cues: set[str] = set().union(*(cue_of(step) or () for step in steps))
        self._written: set[str] = set()

    @property
    def counts(self) -> bool:
        """Tell whether any attribute is a token count."""
        return bool(self._with(Count))

    def all_blanks(self) -> Iterator[Blanks]:
        """Blanks and what is left to the rules: first with every blank, then with fewer."""
        made: set[frozenset[str]] = set()
        for has_asked, has_answered, has_counts in _TRIED:
            blanks = self._blanks(
                has_asked=has_asked, has_answered=has_answered, has_counts=has_counts
            )
            if self._written not in made:
                made.add(frozenset(self._written))
                yield blanks

    def _blanks(self, *, has_asked: bool, has_answered: bool, has_counts: bool) -> Blanks:
        self._written = set()
        loose, entries = self._loose(), self._entries()
        counts = self._counts() if has_counts else ()
        asked = self._reader("input") if has_asked else None
        answered = self._reader("output") if has_answered else None
        rest = tuple(pair for pair in self._varying if pair[1] not in self._written)
        left = {route.mark for route, _ in rest}
        if self._has_events:
            left.add(EVENTS)
        steps = [step for step in self._steps if is_needed(step, left)]
        return Blanks(
            rest,
            steps,
            loose=loose,
            entries=entries,
            counts=counts,
            asked=asked,
            answered=answered,
            has_events=self._has_events,
        )

    def _with(self, slot_type: type) -> list[tuple[Any, Route, str]]:
        """The attributes of one kind of slot: slot, route and key."""
        return [
            (route.slot, route, key)
            for route, key in self._varying
            if isinstance(route.slot, slot_type)
        ]

    def _loose(self) -> tuple[str, ...]:
        names = {slot.name for slot, _, _ in self._with(Entry)}.union(self._taken, self._cues)
        loose = [key for route, key in self._varying if route.rule is None and key not in names]
        self._written.update(loose)
        return tuple(loose)

    def _entries(self) -> tuple[tuple[str, str, bool], ...]:
        found = [(slot.name, key, slot.is_kept) for slot, _, key in self._with(Entry)]
        names = [*self._taken, *(name for name, _, _ in found)]
        entries = [
            (name, key, is_kept)
            for name, key, is_kept in found
            if names.count(name) == 1 and not (is_kept and key in names)
        ]
        self._written.update(key for _, key, _ in entries)
        return tuple(entries)

    def _counts(self) -> tuple[tuple[str, str, str], ...]:
        counts = tuple((slot.family, slot.name, key) for slot, _, key in self._with(Count))
        if len({(family, name) for family, name, _ in counts}) < len(counts):
            return ()
        self._written.update(key for _, _, key in counts)
        return counts

    def _reader(self, side: str) -> Reader | None:
        """What reads the only source of a side; None where there are several, or not so simple."""
        keys = [key for slot, _, key in self._with(Content) if slot.side == side]
        families = {
            slot.family
            for slot, _, _ in self._with(Field)
            if slot.family in self._texts and self._texts[slot.family].side == side
        }
        systems = [key for _, _, key in self._with(System)] if side == "input" else []
        if len(keys) + len(families) != 1 or len(systems) > 1 or not self._cues.isdisjoint(keys):
            return None
        reader, used = self._of_family(families.pop()) if families else self._of_key(keys[0])
        if reader is None:
            return None
        if systems:
            reader = simple_content.with_system_of(systems[0], reader)
        self._written.update(used, systems)
        return reader

    def _of_key(self, key: str) -> tuple[Reader | None, list[str]]:
        slot = next(slot for slot, _, found in self._with(Content) if found == key)
        reader = simple_content.reader_of(
            slot.form, key, slot.side, self._span_type, self._reasons, self._conversations
        )
        return reader, [key]

    def _of_family(self, family: str) -> tuple[Reader | None, list[str]]:
        texts = self._texts[family]
        members: dict[int, dict[str, str]] = {}
        for slot, route, key in self._with(Field):
            place = place_of(route.rest or "")
            if slot.family == family and place is not None:
                members.setdefault(place[0], {})[place[1]] = key
        plain, reason = {texts.role, texts.text}, texts.reason or ""
        if any(fields.keys() - {reason} != plain for fields in members.values()):
            return None, []
        listed = [fields for _, fields in sorted(members.items())]
        triples = [(each[texts.role], each[texts.text], each.get(reason)) for each in listed]
        reader = simple_content.reader_of_texts(triples, texts.side, self._reasons)
        return reader, [key for triple in triples for key in triple if key is not None]
