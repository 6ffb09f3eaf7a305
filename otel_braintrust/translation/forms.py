"""What all spans of one shape have in their rows, and how the rest of a row is filled in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from operator import attrgetter
from typing import Any

from otel_braintrust.translation import content, metadata, metrics, usage
from otel_braintrust.translation import row as translation
from otel_braintrust.translation.blanks import Blanks, Draft, Varying
from otel_braintrust.translation.conventions import Dispatch
from otel_braintrust.translation.conventions.rules import Step
from otel_braintrust.translation.decoding import native
from otel_braintrust.translation.outlines import Outline
from otel_braintrust.translation.parameters import is_set
from otel_braintrust.translation.reading import Reading
from otel_braintrust.translation.remainder import Said, unsaid
from otel_braintrust.translation.settled import Common, Settle, Settled
from otel_braintrust.translation.simple_content import OddError
from otel_braintrust.translation.span import SpanView

# What no attribute of a form's spans may give: there it would have to be set against the rest.
RARE = (
    "rejected_scores",
    "evaluations",
    "errors",
    "groups",
    "problems",
    "preserve",
    "placeholder_span",
)
# What varying attributes must not give besides: it is the same for all.
_not_varying = attrgetter(*RARE, "context", "tags", "purpose", "parent")

Signs = tuple[bool, list[Any], bool, bool]


def signs_of(reading: Reading) -> Signs:
    """What the varying attributes of a span give that decides its type, as `span_types` reads it.

    Args:
        reading: these attributes, read; nothing is decided yet.
    """
    named = reading.named
    return bool(reading.usage), reading.kinds, "request_model" in named, "response_model" in named


class Form:
    """What the rows of all spans of one shape have in common.

    Args:
        span: one of them.
        span_type: their Braintrust type.
        settle: reads the attributes that do not vary.
        steps: what puts varying attributes together.
        dispatch: the compiled tables, for the events.
        varying: the span's varying attributes.
    """

    def __init__(
        self,
        span: SpanView,
        span_type: str,
        settle: Settle,
        steps: list[Step],
        dispatch: Dispatch,
        varying: Varying,
    ) -> None:
        # Held, so that no other object gets its id while the shape is known.
        self._held = span.scope_attributes
        self._span_type = span_type
        self._settled = Settled(span, span_type, settle)
        self._common, settled = self._settled.common, self._settled.reading
        self._span_attributes = translation.span_attributes(span, span_type, settled)
        self._excludes_cache = metrics.excludes_cache(settled)
        self._steps = steps
        self._tags = list(settled.tags)
        self._remainders = {
            key: rest
            for key, raw in settled.remainders.items()
            if (rest := unsaid(raw, self._common.said)) is not None
        }
        self._reasons = settled.finish_reasons
        self.parent = settled.parent
        self.blanks: dict[Outline, Blanks] = {}
        self._dispatch = dispatch
        self._has_events = bool(span.events)
        # What varying attributes and events show that decides the type.
        self._signs = signs_of(
            self._read(span, Blanks(varying, steps, has_events=self._has_events))
        )
        # A form outlives the span that it was made of, whose texts and files it must not hold.
        del settled.span

    @property
    def has_problems(self) -> bool:
        """Something of what is common could not be read."""
        return bool(self._settled.reading.problems)

    def no_blanks(self, outline: Outline) -> Blanks:
        """Leave all varying attributes of spans with some keys to their rules.

        Args:
            outline: the keys.
        """
        return Blanks(outline.varying, self._steps, has_events=self._has_events)

    def drafts(self, outline: Outline) -> Iterator[Blanks]:
        """Find who writes the varying attributes of spans of this form, by their keys.

        Args:
            outline: the keys.

        Yields:
            Ways to have them written, those first that leave least to the rules.
        """
        draft = Draft(
            outline.varying,
            span_type=self._span_type,
            taken=self._settled.names,
            reasons=self._reasons,
            steps=self._steps,
            has_events=self._has_events,
        )
        whole = (bool(draft.counts), [], False, False) == self._signs
        return (each for each in draft.all_blanks() if whole or not each.is_whole)

    def fill(self, span: SpanView, blanks: Blanks) -> dict[str, Any] | None:
        """Make the row of a span of this form; None if the span shows more than its shape tells.

        Args:
            span: the span's view.
            blanks: who writes its varying attributes.
        """
        try:
            return self._filled(span, blanks)
        except Exception:  # noqa: BLE001 - the whole way tells what failed, and keeps the rest
            return self.fill(span, blanks.otherwise) if blanks.otherwise is not None else None

    def _filled(self, span: SpanView, blanks: Blanks) -> dict[str, Any]:
        attributes = span.attributes
        row = translation.identity(span)
        row["span_attributes"] = self._span_attributes.copy()
        if blanks.asked is not None:
            row["input"] = blanks.asked(attributes)
        if blanks.answered is not None:
            row["output"] = blanks.answered(attributes)
        if self._tags:
            row["tags"] = self._tags.copy()
        counts = self._simple_counts(blanks, attributes) if blanks.is_whole else None
        if counts is None:
            self._add_rest(span, blanks, row)
        else:
            row["metadata"] = entries = self._common.entries.copy()
            self._add_blanks(blanks, attributes, entries)
            row["metrics"] = numbers = translation.times(span)
            if self._span_type == "llm":
                numbers |= counts
            elif counts:
                if "aggregated_usage" in entries:
                    raise OddError
                entries["aggregated_usage"] = counts
            if self._remainders:
                _add_remainders(self._remainders, row, self._common)
        row["context"] = self._common.context.copy()
        return row

    def _add_blanks(
        self, blanks: Blanks, attributes: Mapping[str, Any], entries: dict[str, Any]
    ) -> None:
        for key, value in zip(blanks.loose, blanks.loose_of(attributes), strict=True):
            entries[key] = metadata.shown(value)
        for name, key, is_kept in blanks.entries:
            value = attributes[key]
            if type(value) is not str or not is_set(value) or metadata.shown(value) is not value:
                raise OddError
            entries[name] = value
            if is_kept:
                entries[key] = value

    def _simple_counts(
        self, blanks: Blanks, attributes: Mapping[str, Any]
    ) -> dict[str, int] | None:
        """The token counts, where nothing has to be decided about them."""
        if not blanks.counts:
            return {}
        record: dict[str, int] = {}
        for (_, name, _), value in zip(blanks.counts, blanks.counts_of(attributes), strict=True):
            if type(value) is not int:
                raise OddError
            record[name] = value
        return usage.simple(record, excludes_cache=self._excludes_cache)

    def _add_rest(self, span: SpanView, blanks: Blanks, row: dict[str, Any]) -> None:
        """Have the rules read what is no blank, and decide what comes of it."""
        reading = self._read(span, blanks)
        if signs_of(reading) != self._signs:
            raise OddError
        if blanks.answered is not None and reading.finish_reasons != self._reasons:
            raise OddError
        if reading.inputs or reading.outputs or reading.system is not None:
            if blanks.asked is not None and (reading.inputs or reading.system is not None):
                raise OddError
            if blanks.answered is not None and reading.outputs:
                raise OddError
            asked, answered = content.decide(reading, self._span_type)
            if asked is not content.UNSET:
                row["input"] = asked
            if answered is not content.UNSET:
                row["output"] = answered
        common, named = self._common, dict[str, Any]()
        if reading.named:
            common, named = self._settled.amended(reading, blanks.named)
        counted: dict[str, Any] = {}
        row["metrics"] = metrics.decide(
            reading, self._span_type, common.entries.get("provider"), counted
        )
        if any(_not_varying(reading)) or not reading.own.keys() <= _OWN:
            raise OddError
        if "expected" in reading.own:
            row["expected"] = reading.own["expected"]
        if reading.scores:
            row["scores"] = reading.scores
        self._add_entries(reading, blanks, row, common, (named, counted))

    def _add_entries(
        self,
        reading: Reading,
        blanks: Blanks,
        row: dict[str, Any],
        common: Common,
        further: tuple[dict[str, Any], ...],
    ) -> None:
        if common is not self._common and not blanks.written.isdisjoint(common.entries):
            raise OddError
        row["metadata"] = entries = common.entries.copy()
        self._add_blanks(blanks, reading.span.attributes, entries)
        for added in further:
            _add(entries, added)
        own = reading.own
        if own:
            _add(entries, own.get("extra") or {})
        if reading.events:
            _add(entries, {"events": reading.events})
        if reading.truncated:
            _add(entries, {_TRUNCATED: sorted(set(reading.truncated))})
        aside = _add_behind(entries, reading.user_metadata, common.canonical)
        aside |= _add_behind(entries, metadata.opened(reading.leftovers), common.canonical)
        if aside:
            _add(entries, {"attributes": aside})
        if own:
            _add(entries, own.get("metadata") or {})
        if common is not self._common:  # it may say less than what the others have in common
            settled = self._settled.reading.remainders
        else:
            settled = self._remainders
        if reading.remainders or settled:
            opened = {key: reading.open(raw) for key, raw in reading.remainders.items()}
            _add_remainders({**settled, **opened}, row, common)

    def _read(self, span: SpanView, blanks: Blanks) -> Reading:
        reading = _Filling(span, self._settled.reading)
        attributes, loose = span.attributes, reading.leftovers
        for route, key in blanks.rest:
            value = native(attributes[key])
            if route.rule is None:
                taken = False
            elif route.rest is None:
                taken = route.rule(reading, key, value)
            else:
                taken = route.rule(reading, key, route.rest, value)
            if not taken and key not in loose:
                loose[key] = value
        if blanks.counts:
            _count(reading, blanks)
        if blanks.has_events:
            translation.read_events(reading, span.events, self._dispatch)
        for step in blanks.steps:
            step(reading)
        return reading


# What dialects' own fields may give that is another for each span.
_OWN = frozenset({"expected", "extra", "metadata", "metrics"})
# What JSON of an object, a list or a text begins with, or white space before these.
_OPENINGS = frozenset({*'{["', *" \t\r\n\v\f"})
_TRUNCATED = "braintrust.mapping.truncated"


class _Filling(Reading):
    """What the varying attributes of a span give, with what its form has settled behind it."""

    __slots__ = ("common",)

    def __init__(self, span: SpanView, settled: Reading) -> None:
        super().__init__(
            span,
            finish_reasons=settled.finish_reasons,
            is_embedding=settled.is_embedding,
            excludes_cache=settled.excludes_cache,
        )
        self.common = settled

    def best(self, name: str) -> Any:
        """The best real value suggested for a name so far, by attributes that do not vary."""
        if name in self.named:
            raise OddError
        return self.common.best(name)


def _count(reading: Reading, blanks: Blanks) -> None:
    values = blanks.counts_of(reading.span.attributes)
    for (family, name, key), value in zip(blanks.counts, values, strict=True):
        if type(value) is not int or not 0 <= value <= usage.MAX_TOKENS:
            raise OddError
        if not reading.usage.add(family, name, value, key):
            raise OddError


def _add_remainders(remainders: dict[str, Any], row: dict[str, Any], common: Common) -> None:
    """As `metadata.add_remainders`, with what is common known to be said."""
    entries = row["metadata"]
    remainders = {
        key: raw
        for key, raw in remainders.items()
        if type(raw) is not str or raw[:1] in _OPENINGS or raw not in common.said.texts
    }
    if not remainders:
        return
    said = Said(
        {name: value for name, value in row.items() if name != "metadata"},
        {name: entries[name] for name in entries.keys() - common.entries.keys()},
        base=common.said,
    )
    for key, raw in remainders.items():
        rest = unsaid(raw, said)
        if rest is not None and key not in entries:
            entries[key] = rest


def _add(entries: dict[str, Any], added: Mapping[str, Any]) -> None:
    for key, value in added.items():
        if key in entries:  # what becomes of the two is a longer story
            raise OddError
        entries[key] = value


def _add_behind(
    entries: dict[str, Any], added: Mapping[str, Any], canonical: Collection[str]
) -> dict[str, Any]:
    """Add entries where there are none of their names yet.

    Returns:
        Those that differ from canonical ones of the same names.
    """
    aside = {}
    for key, value in added.items():
        if key not in entries:
            entries[key] = value
        elif not _is_comparable(entries[key], value):
            raise OddError
        elif entries[key] != value:
            if key not in canonical:
                raise OddError
            aside[key] = value
    return aside


def _is_comparable(ours: Any, theirs: Any) -> bool:
    """Tell whether two values are equal only if they are the same: not 1 and True, nor lists."""
    kind = type(theirs)
    return type(ours) is kind and (kind in (int, float, bool) or (kind is str and theirs.isascii()))
