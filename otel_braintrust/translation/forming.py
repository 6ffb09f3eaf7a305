"""How a form is made of a span: what of it is the same for all spans of its shape."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from otel_braintrust.translation import (
    content,
    context,
    errors,
    metadata,
    metrics,
    span_types,
)
from otel_braintrust.translation import row as translation
from otel_braintrust.translation.amending import RARE
from otel_braintrust.translation.conventions import Dispatch
from otel_braintrust.translation.conventions.marks import EVENTS, cue_of, scopes_of
from otel_braintrust.translation.conventions.rules import Step
from otel_braintrust.translation.conversations import Conversations
from otel_braintrust.translation.forms import Form
from otel_braintrust.translation.outlines import Outline
from otel_braintrust.translation.reading import Reading
from otel_braintrust.translation.recording import Recorder
from otel_braintrust.translation.span import SpanView

# What settled attributes must not give besides: it is another for each span.
_not_settled = attrgetter(
    *RARE, "scores", "inputs", "outputs", "system", "usage", "costs", "first_token"
)


# What dialects' own fields may give that is the same for all spans.
_OWN = frozenset({"context", "prompt", "span_attributes"})


class UnsettledError(Exception):
    """Attributes that no rule reads decide something all the same, so that they are settled.

    Args:
        keys: their keys.
    """

    def __init__(self, keys: Collection[str]) -> None:
        super().__init__(*keys)
        self.keys = frozenset(keys)


@dataclass(slots=True)
class _Watch:
    """Which attributes were looked at by name, while it was on.

    Attributes:
        keys: their keys.
        is_on: whether it is.
    """

    keys: set[str]
    is_on: bool = True

    def note(self, key: str) -> None:
        """Note that an attribute was looked at."""
        if self.is_on:
            self.keys.add(key)


class _Watched(dict[str, Any]):
    """Attributes that note which of them are looked at by name."""

    def __init__(self, values: Mapping[str, Any], watch: _Watch) -> None:
        super().__init__(values)
        self._watch = watch

    def __getitem__(self, key: str) -> Any:
        self._watch.note(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._watch.note(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self._watch.note(key)
        return super().pop(key, *default)


class _Watcher(Recorder):
    """Records what rules do, and watches all but those that are run for each span again."""

    def __init__(self, dispatch: Dispatch, watch: _Watch) -> None:
        super().__init__(dispatch)
        self._watch = watch

    def __call__(self, reading: Reading, place: str, rule: Any, *arguments: Any) -> Any:
        """Run a rule, watched unless it varies."""
        self._watch.is_on = not hasattr(rule, "varies")
        try:
            return super().__call__(reading, place, rule, *arguments)
        finally:
            self._watch.is_on = True


def new_form(
    span: SpanView, outline: Outline, dispatch: Dispatch, conversations: Conversations
) -> Form | None:
    """Work out what all spans of this one's shape have in common.

    Args:
        span: a span without links.
        outline: its keys.
        dispatch: the compiled tables.
        conversations: reads messages.

    Returns:
        The form, or None where there is none: what the span tells is interwoven.

    Raises:
        UnsettledError: an attribute that was taken for varying decides something.
    """
    steps = _steps(span, dispatch)
    if steps is None or not all(_may_vary(event.name, dispatch) for event in span.events):
        return None
    loose = {key for _, key in outline.varying}
    settled_keys = [key for key in span.attributes if key not in loose]

    settling = tuple(each for each in dispatch.finish if not hasattr(each[1], "varies"))
    settled_dispatch = replace(dispatch, finish=settling)

    def settle(each: SpanView) -> Reading:
        attributes = {key: each.attributes[key] for key in settled_keys}
        return translation.read_into(Reading(each), attributes, (), settled_dispatch)

    try:
        settled = settle(span)
        if any(_not_settled(settled)) or not settled.own.keys() <= _OWN:
            return None
        span_type = _type_of(span, outline, dispatch)
        if span_type is None:
            return None
        form = Form(span, span_type, settle, steps, dispatch, outline.varying, conversations)
    except UnsettledError:
        raise
    except Exception:  # noqa: BLE001 - the whole way tells what failed, and keeps the rest
        return None
    return None if form.has_problems else form


def _type_of(span: SpanView, outline: Outline, dispatch: Dispatch) -> str | None:
    """A span's type; None where something is decided that a form does not cover.

    Raises:
        UnsettledError: an attribute that was taken for varying decides something.
    """
    watch = _Watch(set())
    watched = copy.copy(span)
    watched.attributes = _Watched(span.attributes, watch)  # type: ignore[misc]
    whole = Reading(watched, leftovers=_Watched({}, watch))
    recorder = _Watcher(dispatch, watch)
    translation.read_into(whole, span.attributes, span.events, dispatch, recorder)
    finish = {step for _, step in dispatch.finish if not _is_known(step)}
    if any(run.marks and run.rule in finish for run in recorder.runs):
        return None
    span_type = span_types.decide(whole)
    if _is_by_answers(whole):
        return None
    watch.is_on = False  # this is decided for each span again
    content.decide(whole, span_type)
    watch.is_on = True
    entries = metadata.decide(whole, span_type)
    watch.is_on = False
    metrics.decide(whole, span_type, entries.get("provider"), entries)
    watch.is_on = True
    error = errors.decide(whole, span_type)
    context.describe(whole)
    context.add_facts(whole, metadata.finish(whole, entries))
    unsettled = {key: route.rule for route, key in outline.varying if key in watch.keys}
    if any(rule is not None for rule in unsettled.values()) or error is not None:
        return None
    if unsettled:
        raise UnsettledError(unsettled.keys())
    return span_type


def _is_by_answers(whole: Reading) -> bool:
    """Tell whether the type may hang on whether there is an answer."""
    return (
        "type" not in whole.origins
        and "request_model" in whole.named
        and "response_model" not in whole.named
        and not whole.usage
    )


def _is_known(step: Step) -> bool:
    return hasattr(step, "varies") or hasattr(step, "settles")


def _steps(span: SpanView, dispatch: Dispatch) -> list[Step] | None:
    """The steps that put a span's varying attributes together; None if one may do anything."""
    routes = [dispatch.route(key) for key in span.attributes]
    spoken = {dispatch.owners.get(route.mark) for route in routes}
    present = {route.mark for route in routes}
    if span.events:
        present.add(EVENTS)
        present.update(key for event in span.events for key in event.attributes)
    steps = []
    for owner, step in dispatch.finish:
        if _may_act(step, span, present) if _is_cued(step) else owner in spoken:
            if not _is_known(step):
                return None
            if hasattr(step, "varies"):
                steps.append(step)
    return steps


def _may_vary(event: str, dispatch: Dispatch) -> bool:
    rule = dispatch.events.get(event)
    return rule is None or hasattr(rule, "varies")


def _is_cued(step: Step) -> bool:
    return bool(scopes_of(step)) or cue_of(step) is not None


def _may_act(step: Step, span: SpanView, present: Collection[str]) -> bool:
    cue, scopes = cue_of(step), scopes_of(step)
    if scopes and not span.scope_name.startswith(scopes):
        return False
    return cue is None or not cue.isdisjoint(present)
