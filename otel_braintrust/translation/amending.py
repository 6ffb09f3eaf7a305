"""What is no blank of a form: rules read it, and it is set against what spans have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import attrgetter
from typing import Any

from otel_braintrust.translation import content, metadata, metrics, usage
from otel_braintrust.translation import row as translation
from otel_braintrust.translation.blanks import Blanks
from otel_braintrust.translation.conventions import Dispatch
from otel_braintrust.translation.decoding import native
from otel_braintrust.translation.reading import Reading
from otel_braintrust.translation.remainder import Said, unsaid
from otel_braintrust.translation.settled import Common, Settled
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


# What dialects' own fields may give that is another for each span.
_OWN = frozenset({"expected", "extra", "metadata", "metrics"})
# What JSON of an object, a list or a text begins with, or white space before these.
_OPENINGS = frozenset({*'{["', *" \t\r\n\v\f"})
_TRUNCATED = "braintrust.mapping.truncated"


class Amender:
    """Adds to rows of a form what is no blank.

    Args:
        span: a span of the form.
        settled: what is common to its spans.
        span_type: their Braintrust type.
        dispatch: the compiled tables, for the events.
        blanks: leaves all varying attributes to their rules.

    Attributes:
        signs: what varying attributes and events show that decides the type.
    """

    def __init__(
        self,
        span: SpanView,
        settled: Settled,
        *,
        span_type: str,
        dispatch: Dispatch,
        blanks: Blanks,
    ) -> None:
        self._settled = settled
        self._common = settled.common
        self._span_type = span_type
        self._dispatch = dispatch
        self._reasons = settled.reading.finish_reasons
        self._remainders = {
            key: rest
            for key, raw in settled.reading.remainders.items()
            if (rest := unsaid(raw, self._common.said)) is not None
        }
        self.signs = signs_of(self._read(span, blanks))

    def add_remainders(self, row: dict[str, Any]) -> None:
        """Add what settled payloads say that no field of a row says."""
        if self._remainders:
            _add_remainders(self._remainders, row, self._common)

    def amend(self, row: dict[str, Any], span: SpanView, blanks: Blanks) -> None:
        """Have the rules read what is no blank, and decide what comes of it.

        Args:
            row: the span's row, as far as it is filled in.
            span: the span's view.
            blanks: who writes its varying attributes.

        Raises:
            Exception: the span shows more than its shape tells.
        """
        reading = self._read(span, blanks)
        if signs_of(reading) != self.signs:
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
        (entries,) = blanks.fill_entries(common.entries, [reading.span.attributes])
        row["metadata"] = entries
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
