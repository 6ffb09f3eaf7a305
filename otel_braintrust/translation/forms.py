"""What all spans of one shape have in their rows, and how the rest of a row is filled in."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from operator import attrgetter
from typing import Any

from otel_braintrust.translation import content, context, metadata, metrics
from otel_braintrust.translation import row as translation
from otel_braintrust.translation.conventions import Dispatch, Route
from otel_braintrust.translation.conventions.rules import Step
from otel_braintrust.translation.parameters import is_set
from otel_braintrust.translation.reading import Reading
from otel_braintrust.translation.recording import Recorder
from otel_braintrust.translation.remainder import Said, unsaid
from otel_braintrust.translation.span import SpanView
from otel_braintrust.translation.strict import strict_row

# The attributes of one span whose values differ from span to span: who reads each, key and value.
Varying = list[tuple[Route, str, Any]]

# What a model's payload says of these goes below what attributes say (`content._take_request`).
PAYLOAD_RANK = 80
_OF_MODELS = frozenset({"request_model", "response_model", "provider"})
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
        self._provider = entries.get("provider")
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

    def fill(self, span: SpanView, varying: Varying) -> dict[str, Any] | None:
        """Make the row of a span of this shape; None if the span shows more than its shape tells.

        Args:
            span: the span's view.
            varying: its attributes that vary.
        """
        try:
            reading = self._read(span, varying)
            if bool(reading.usage) is not self._has_usage:
                return None
            return self._written(span, reading)
        except Exception:  # noqa: BLE001 - the whole way tells what failed, and keeps the rest
            return None

    def _read(self, span: SpanView, varying: Varying) -> Reading:
        settled = self._settled
        reading = Reading(span)
        reading.finish_reasons = settled.finish_reasons
        reading.is_embedding = settled.is_embedding
        reading.excludes_cache = settled.excludes_cache
        loose = reading.leftovers
        for (rule, rest, _, _), key, value in varying:
            if rule is None:
                taken = False
            elif rest is None:
                taken = rule(reading, key, value)
            else:
                taken = rule(reading, key, rest, value)
            if not taken and key not in loose:
                loose[key] = value
        for step in self._steps:
            step(reading)
        return reading

    def _written(self, span: SpanView, reading: Reading) -> dict[str, Any] | None:
        asked = answered = content.UNSET
        if reading.inputs or reading.outputs or reading.system is not None:
            asked, answered = content.decide(reading, self._span_type)
        counted: dict[str, Any] = {}
        numbers = metrics.decide(reading, self._span_type, self._provider, counted)
        named = self._named(reading) if reading.named else _NO_ENTRIES
        if named is None or any(_not_varying(reading)):
            return None
        entries = self._entries.copy()
        for added in (named, counted, reading.user_metadata, metadata.opened(reading.leftovers)):
            for key, value in added.items():
                if key in entries:
                    return None
                entries[key] = value
        settled = self._settled
        row = translation.compose(span, self._span_type, settled, asked, answered)
        if reading.remainders or self._remainders:
            reading.remainders = {**self._remainders, **reading.remainders}
            metadata.add_remainders(reading, {**row, "metrics": numbers}, entries)
        row["metadata"] = entries
        row["metrics"] = numbers
        row["context"] = self._context.copy()
        return row

    def _named(self, reading: Reading) -> dict[str, Any] | None:
        """The entries that varying attributes name; None if these touch what is settled."""
        entries: dict[str, Any] = {}
        free = {}
        for name, suggestions in reading.named.items():
            if name not in self._ruled:
                if name in _OF_MODELS:
                    return None
                free[name] = suggestions
            elif any(each.rank < PAYLOAD_RANK for each in suggestions):
                return None
        if free:
            metadata.add_named(reading, free, self._span_type, entries)
        return entries


_NO_ENTRIES: dict[str, Any] = {}


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


def new_form(span: SpanView, varying: Varying, dispatch: Dispatch) -> Form | None:
    """Work out what all spans of this one's shape have in common.

    Args:
        span: a span without events and links.
        varying: its attributes that vary.
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
    unsettled = {key: route.rule for route, key, _ in varying if key in consulted}
    if any(rule is not None for rule in unsettled.values()) or "error" in row:
        return None
    if unsettled:
        raise UnsettledError(unsettled.keys())
    return _settled_form(span, varying, dispatch, steps, row["span_attributes"]["type"], has_usage)


def _steps(span: SpanView, dispatch: Dispatch) -> list[Step] | None:
    """The steps of the dialects that a span speaks; None if one of them may do anything."""
    spoken = {dispatch.owners.get(dispatch.route(key).mark) for key in span.attributes}
    steps = [step for owner, step in dispatch.finish if owner in spoken]
    return steps if all(hasattr(step, "varies") for step in steps) else None


def _settled_form(
    span: SpanView,
    varying: Varying,
    dispatch: Dispatch,
    steps: list[Step],
    span_type: str,
    has_usage: bool,
) -> Form | None:
    loose = {key for _, key, _ in varying}
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
