"""Marks of rules and steps: whether what they decide is the same for all spans of one shape.

See `recurring`. A rule without a mark decides by its value: spans with another value are of another
shape. A step without a mark may do anything: the spans that it may act on go the whole way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from otel_braintrust.translation.conventions.slots import Slot

Marked = Callable[..., Any]
AnyRule = TypeVar("AnyRule", bound=Marked)

# The cue of a step that looks at a span's events.
EVENTS = "span events"


def varying(rule: AnyRule, slot: Slot | None = None) -> AnyRule:
    """Mark a rule whose value differs from span to span and decides nothing but its own field.

    Such a rule may offer content, a count, a cost, a time, an identifier or a user's own entry, and
    suggest what it reads in a payload: a type, a model, parameters. Beside its value it looks at
    nothing that varies. A rule of events that is marked may do the same with an event.

    Args:
        rule: the rule.
        slot: what becomes of the value where no other attribute speaks of the same field.
    """
    rule.varies = True  # type: ignore[attr-defined]  # functions take any attribute
    rule.slot = slot  # type: ignore[attr-defined]
    return rule


def gathering(
    *cue: str, slot: Slot | None = None, always: bool = False
) -> Callable[[AnyRule], AnyRule]:
    """Mark a step that puts together what varying rules read, and looks at nothing else but this.

    Args:
        cue: keys and prefixes: without one of them the step does nothing.
        slot: what becomes of it where no other attribute speaks of the same field.
        always: it also acts where the cue's values were written straight into their places, or
            where the cue itself does not vary.
    """

    def mark(step: AnyRule) -> AnyRule:
        step.cue, step.always = frozenset(cue), always  # type: ignore[attr-defined]  # as above
        return varying(step, slot)

    return mark


def settling(*cue: str) -> Callable[[AnyRule], AnyRule]:
    """Mark a step that looks at nothing that varies: it does the same for all spans of a shape.

    Args:
        cue: as for `gathering`; none: any key of its dialect.
    """

    def mark(step: AnyRule) -> AnyRule:
        step.settles = True  # type: ignore[attr-defined]  # as above
        if cue:
            step.cue = frozenset(cue)  # type: ignore[attr-defined]  # as above
        return step

    return mark


def of_scope(*prefixes: str) -> Callable[[AnyRule], AnyRule]:
    """Mark a step that does nothing but on spans of some instrumentation scopes.

    Args:
        prefixes: what the names of these begin with.
    """

    def mark(step: AnyRule) -> AnyRule:
        step.scopes = prefixes  # type: ignore[attr-defined]  # as above
        return step

    return mark


def scopes_of(step: Marked) -> tuple[str, ...]:
    """The beginnings of the names of the scopes on whose spans alone a step acts; none: on all."""
    return getattr(step, "scopes", ())


def cue_of(step: Marked) -> frozenset[str] | None:
    """The keys and prefixes without which a step does nothing, if that can be said."""
    return getattr(step, "cue", None)


def is_needed(step: Marked, left: Collection[str]) -> bool:
    """Tell whether a step has anything to do where some attributes are left to their rules.

    Args:
        step: the step, which puts varying attributes together.
        left: the keys and prefixes of these.
    """
    cue = cue_of(step)
    if cue is None:
        return bool(left)
    return not cue.isdisjoint(left) or getattr(step, "always", False)


def settled_of(rule: Marked) -> frozenset[str]:
    """What of a varying prefix does not vary: names that mean something besides."""
    return getattr(rule, "settled", frozenset())


def slot_of(rule: Marked) -> Slot | None:
    """What becomes of the values that a rule or a step reads, if that can be said at once."""
    return getattr(rule, "slot", None)
