"""What all spans of one shape have in their rows, and how the rest of a row is filled in."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from operator import attrgetter
from typing import Any

from otel_braintrust.translation import content, context, metadata, metrics, usage
from otel_braintrust.translation import row as translation
from otel_braintrust.translation.blanks import Blanks, Draft
from otel_braintrust.translation.conventions import Dispatch
from otel_braintrust.translation.conventions.rules import Step, slot_of
from otel_braintrust.translation.conventions.slots import Texts
from otel_braintrust.translation.decoding import native
from otel_braintrust.translation.outlines import Outline
from otel_braintrust.translation.parameters import is_set
from otel_braintrust.translation.reading import Reading
from otel_braintrust.translation.recording import Recorder
from otel_braintrust.translation.remainder import Said, unsaid
from otel_braintrust.translation.simple_content import OddError
from otel_braintrust.translation.span import SpanView
from otel_braintrust.translation.strict import strict_row

# What a model's payload says of these goes below what attributes say (`content._take_request`).
PAYLOAD_RANK = 80
_OF_MODELS = frozenset({"request_model", "response_model", "provider"})
_OF_TOOLS = frozenset({"tool_name", "tool_call_id"})
# What no attribute of a form's spans may give: there it would have to be set against the rest.
_RARE = (
    "scores",
    "rejected_scores",
    "evaluations",
    "errors",
    "groups",
    "problems",
    "events",
    "context",
    "truncated",
    "preserve",
    "placeholder_span",
)
# What settled attributes must not give besides: it is another for each span.
_not_settled = attrgetter(*_RARE, "inputs", "outputs", "system", "usage", "costs", "first_token")
# What varying attributes must not give besides: it is the same for all.
_not_varying = attrgetter(*_RARE, "own", "tags", "kinds")


class UnsettledError(Exception):
    """Attributes that no rule reads decide something all the same, so that they are settled.

    Args:
        keys: their keys.
    """

    def __init__(self, keys: Collection[str]) -> None:
        super().__init__(*keys)
        self.keys = frozenset(keys)


class Form:
    """What the rows of all spans of one shape have in common.

    Args:
        span: one of them.
        span_type: their Braintrust type.
        has_usage: whether they tell token counts.
        settled: what was read of the attributes that do not vary.
        entries: the metadata that comes of these.
        described: the row's context.
        steps: what puts varying attributes together.
    """

    def __init__(
        self,
        span: SpanView,
        *,
        span_type: str,
        has_usage: bool,
        settled: Reading,
        entries: dict[str, Any],
        described: dict[str, Any],
        steps: list[Step],
    ) -> None:
        # Held, so that no other object gets their ids while the shape is known.
        self._held = (span.scope_attributes, span.resource)
        self._span_type = span_type
        self._has_usage = has_usage
        self._settled = settled
        self._entries = strict_row(entries)
        self._context = strict_row(described)
        self._span_attributes = translation.span_attributes(span, span_type, settled)
        self._provider = entries.get("provider")
        self._excludes_cache = metrics.excludes_cache(settled)
        self._steps = steps
        said = Said(entries)
        self._remainders = {
            key: raw for key, raw in settled.remainders.items() if unsaid(raw, said) is not None
        }
        self._ruled = frozenset(
            name
            for name, suggestions in settled.named.items()
            if any(is_set(each.value) and each.rank < PAYLOAD_RANK for each in suggestions)
        )
        self.parent = settled.parent
        self.blanks: dict[Outline, Blanks] = {}

    def draft(self, outline: Outline) -> Blanks:
        """Find who writes the varying attributes of spans of this form, by their keys.

        Args:
            outline: the keys.
        """
        taken = {*self._entries, *self._ruled, *_OF_MODELS}
        if self._span_type == "llm":
            taken |= _OF_TOOLS
        draft = Draft(
            outline.varying,
            span_type=self._span_type,
            taken=taken,
            reasons=self._settled.finish_reasons,
            texts=[slot for step in self._steps if isinstance(slot := slot_of(step), Texts)],
        )
        return draft.blanks()

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
        if self._settled.tags:
            row["tags"] = list(self._settled.tags)
        row["metadata"] = entries = self._entries.copy()
        for key, value in zip(blanks.loose, blanks.loose_of(attributes), strict=True):
            entries[key] = metadata.shown(value)
        for name, key, is_kept in blanks.entries:
            value = attributes[key]
            if type(value) is not str or not is_set(value) or metadata.shown(value) is not value:
                raise OddError
            entries[name] = value
            if is_kept:
                entries[key] = value
        row["metrics"] = numbers = translation.times(span)
        if blanks.counts:
            self._add_counts(blanks, attributes, numbers, entries)
        if blanks.rest:
            self._add_rest(span, blanks, row)
        elif self._remainders or bool(blanks.counts) is not self._has_usage:
            raise OddError
        row["context"] = self._context.copy()
        return row

    def _add_counts(
        self,
        blanks: Blanks,
        attributes: Mapping[str, Any],
        numbers: dict[str, Any],
        entries: dict[str, Any],
    ) -> None:
        record: dict[str, int] = {}
        for (name, _), value in zip(blanks.counts, blanks.counts_of(attributes), strict=True):
            if type(value) is not int or not 0 < value <= usage.MAX_TOKENS:
                raise OddError
            record[name] = value
        counts = usage.simple(record)
        if counts is None:
            found = usage.resolve(
                usage.UsageRecords({blanks.family: record}),
                excludes_cache=self._excludes_cache,
                provider=self._provider,
                is_embedding=self._settled.is_embedding,
            )
            if found is None or found.normalised or found.rejected or found.reported_total:
                raise OddError
            counts = found.counts
        if self._span_type == "llm":
            numbers |= counts
        else:
            self._add(entries, {"aggregated_usage": counts})

    def _add_rest(self, span: SpanView, blanks: Blanks, row: dict[str, Any]) -> None:
        """Have the rules read what is no blank, and decide what comes of it."""
        reading = self._read(span, blanks)
        if bool(blanks.counts or reading.usage) is not self._has_usage:
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
        counted: dict[str, Any] = {}
        if blanks.counts and (reading.usage or reading.costs):
            raise OddError
        row["metrics"] |= metrics.decide(reading, self._span_type, self._provider, counted)
        named = self._named(reading, blanks) if reading.named else {}
        if any(_not_varying(reading)):
            raise OddError
        entries = row["metadata"]
        for added in (named, counted, reading.user_metadata, metadata.opened(reading.leftovers)):
            self._add(entries, added)
        if reading.remainders or self._remainders:
            reading.remainders = {**self._remainders, **reading.remainders}
            metadata.add_remainders(reading, row, entries)

    def _add(self, entries: dict[str, Any], added: Mapping[str, Any]) -> None:
        for key, value in added.items():
            if key in entries:  # what becomes of the two is a longer story
                raise OddError
            entries[key] = value

    def _read(self, span: SpanView, blanks: Blanks) -> Reading:
        settled = self._settled
        reading = Reading(span)
        reading.finish_reasons = settled.finish_reasons
        reading.is_embedding = settled.is_embedding
        reading.excludes_cache = settled.excludes_cache
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
        for step in self._steps:
            step(reading)
        return reading

    def _named(self, reading: Reading, blanks: Blanks) -> dict[str, Any]:
        """The entries that attributes name which are no blanks."""
        entries: dict[str, Any] = {}
        free = {}
        ruled = self._ruled.union(name for name, _, _ in blanks.entries)
        for name, suggestions in reading.named.items():
            if name not in ruled:
                if name in _OF_MODELS:
                    raise OddError
                free[name] = suggestions
            elif any(each.rank < PAYLOAD_RANK for each in suggestions):
                raise OddError
        if free:
            metadata.add_named(reading, free, self._span_type, entries)
        return entries


class _Watched(dict[str, Any]):
    """Attributes that note which of them are looked at by name."""

    def __init__(self, values: Mapping[str, Any], consulted: set[str]) -> None:
        super().__init__(values)
        self._consulted = consulted

    def __getitem__(self, key: str) -> Any:
        self._consulted.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._consulted.add(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self._consulted.add(key)
        return super().pop(key, *default)


def new_form(span: SpanView, outline: Outline, dispatch: Dispatch) -> Form | None:
    """Work out what all spans of this one's shape have in common.

    Args:
        span: a span without events and links.
        outline: its keys.
        dispatch: the compiled tables.

    Returns:
        The form, or None where there is none: what the span tells is interwoven.

    Raises:
        UnsettledError: an attribute that was taken for varying decides something.
    """
    steps = _steps(span, dispatch)
    if steps is None:
        return None
    consulted: set[str] = set()
    watched = copy.copy(span)
    watched.attributes = _Watched(span.attributes, consulted)  # type: ignore[misc]
    whole = Reading(watched, leftovers=_Watched({}, consulted))
    recorder = Recorder(dispatch)
    translation.read_into(whole, span.attributes, (), dispatch, recorder)
    finish = {step for _, step in dispatch.finish if not hasattr(step, "varies")}
    if any(run.marks and run.rule in finish for run in recorder.runs):
        return None
    has_usage = bool(whole.usage)
    row = translation.write(whole)
    unsettled = {key: route.rule for route, key in outline.varying if key in consulted}
    if any(rule is not None for rule in unsettled.values()) or "error" in row:
        return None
    if unsettled:
        raise UnsettledError(unsettled.keys())
    return _settled_form(span, outline, dispatch, steps, row["span_attributes"]["type"], has_usage)


def _steps(span: SpanView, dispatch: Dispatch) -> list[Step] | None:
    """The steps of the dialects that a span speaks; None if one of them may do anything."""
    spoken = {dispatch.owners.get(dispatch.route(key).mark) for key in span.attributes}
    steps = [step for owner, step in dispatch.finish if owner in spoken]
    return steps if all(hasattr(step, "varies") for step in steps) else None


def _settled_form(
    span: SpanView,
    outline: Outline,
    dispatch: Dispatch,
    steps: list[Step],
    span_type: str,
    has_usage: bool,
) -> Form | None:
    loose = {key for _, key in outline.varying}
    attributes = {key: value for key, value in span.attributes.items() if key not in loose}
    settled = Reading(span)
    translation.read_into(settled, attributes, (), dispatch)
    if any(_not_settled(settled)):
        return None
    if not settled.own.keys() <= {"span_attributes", "prompt"}:
        return None
    entries = metadata.decide(settled, span_type)
    described = context.describe(settled)
    entries = metadata.finish(settled, entries)
    context.add_facts(settled, entries)
    if settled.problems:
        return None
    return Form(
        span,
        span_type=span_type,
        has_usage=has_usage,
        settled=settled,
        entries=entries,
        described=described,
        steps=steps,
    )
