"""Every dialect of spans: one file each, all of one shape, compiled into one dispatch table.

The next dialect is one new file with a `CONVENTION`, and its name in `CONVENTIONS` below. Users add
theirs from outside: see `users.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from otel_braintrust.translation.conventions import (
    agentops,
    agentscope,
    braintrust,
    claude_code,
    crewai,
    evaluations,
    genai,
    genai_events,
    google_adk,
    google_genai,
    haystack,
    honeyhive,
    laminar,
    langfuse,
    langsmith,
    langwatch,
    litellm,
    livekit,
    mastra,
    mcp,
    mlflow,
    model_clients,
    openai_agents,
    openinference,
    openlit,
    openllmetry,
    other_frameworks,
    pipecat,
    pydantic_ai,
    pydantic_evals,
    spring_ai,
    strands,
    traceai,
    vector_databases,
    vercel_ai,
)
from otel_braintrust.translation.conventions.marks import EVENTS, cue_of, settled_of, slot_of
from otel_braintrust.translation.conventions.rules import (
    Convention,
    EventRule,
    PrefixRule,
    Rule,
    Step,
)
from otel_braintrust.translation.conventions.slots import Slot

CONVENTIONS: tuple[Convention, ...] = tuple(
    module.CONVENTION
    for module in (
        braintrust,
        genai,
        genai_events,
        openinference,
        openllmetry,
        vercel_ai,
        pydantic_ai,
        langsmith,
        langfuse,
        google_adk,
        strands,
        litellm,
        haystack,
        mcp,
        mlflow,
        vector_databases,
        claude_code,
        pydantic_evals,
        crewai,
        laminar,
        livekit,
        pipecat,
        spring_ai,
        google_genai,
        traceai,
        langwatch,
        agentops,
        agentscope,
        honeyhive,
        mastra,
        openai_agents,
        openlit,
        evaluations,
        model_clients,
        other_frameworks,
    )
)


class Route(NamedTuple):
    """Who reads an attribute.

    Attributes:
        rule: its rule; None: no dialect knows the key.
        rest: what is left of the key after the prefix whose rule it is; None: it is the key's own.
        mark: the key, or the prefix.
        varies: its value differs from span to span, and nothing hangs on it: see `marks.varying`.
        slot: what becomes of its value where no other attribute speaks of the same.
    """

    rule: Any
    rest: str | None
    mark: str
    varies: bool = True
    slot: Slot | None = None


# Keys of numbered families are endless; beyond so many the table begins anew.
MAX_ROUTES = 20_000


@dataclass(slots=True)
class Dispatch:
    """All tables in one: a key is looked up once, whatever number of dialects there are.

    Attributes:
        keys: attribute key to rule.
        prefixes: key prefix to rule.
        heads: what stands before the first dot of the prefixes.
        events: event name to rule.
        scopes: instrumentation scope prefix, the convention's name, and its step.
        finish: the convention's name and its step.
        owners: the convention's name for a key, a prefix, or an `event NAME`.
        users: names of the conventions that are not ours.
        routes: who reads each key met so far.
        cued: for a key or a prefix, the places in `finish` of the steps that it is a cue of.
        uncued: the places of the steps without a cue.
    """

    keys: dict[str, Rule] = field(default_factory=dict)
    prefixes: dict[str, PrefixRule] = field(default_factory=dict)
    heads: frozenset[str] = frozenset()
    events: dict[str, EventRule] = field(default_factory=dict)
    scopes: tuple[tuple[str, str, Step], ...] = ()
    finish: tuple[tuple[str, Step], ...] = ()
    owners: dict[str, str] = field(default_factory=dict)
    users: tuple[str, ...] = ()
    routes: dict[str, Route] = field(default_factory=dict)
    cued: dict[str, set[int]] = field(init=False)
    uncued: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        uncued = []
        self.cued = {EVENTS: set()}
        for place, (_, step) in enumerate(self.finish):
            cue = cue_of(step)
            if cue is None:
                uncued.append(place)
            for mark in cue or ():
                self.cued.setdefault(mark, set()).add(place)
        self.uncued = frozenset(uncued)

    def route(self, key: str) -> Route:
        """Who reads an attribute, by its key."""
        found = self.routes.get(key)
        return found if found is not None else self._new_route(key)

    def _new_route(self, key: str) -> Route:
        rule = self.keys.get(key)
        if rule is not None:
            route = Route(rule, None, key, hasattr(rule, "varies"), slot_of(rule))
        elif key.partition(".")[0] in self.heads and (prefix := self.prefix_of(key)) is not None:
            prefix_rule = self.prefixes[prefix]
            rest = key[len(prefix) :]
            varies = hasattr(prefix_rule, "varies") and rest not in settled_of(prefix_rule)
            route = Route(prefix_rule, rest, prefix, varies, slot_of(prefix_rule))
        else:
            route = Route(None, None, key)
        if len(self.routes) >= MAX_ROUTES:
            self.routes.clear()
        self.routes[key] = route
        return route

    def prefix_of(self, key: str) -> str | None:
        """The longest prefix in the tables with which a key starts."""
        end = key.rfind(".")
        while end > 0:
            prefix = key[: end + 1]
            if prefix in self.prefixes:
                return prefix
            end = key.rfind(".", 0, end)
        return None


def compile_dispatch(
    conventions: Iterable[Convention] = CONVENTIONS, users: Sequence[Convention] = ()
) -> Dispatch:
    """Compile tables into one; where two dialects claim a key, the first in order has it.

    Args:
        conventions: the dialects, those of more authority first.
        users: dialects of users: they go before all of ours but the first, `braintrust.*`.
    """
    first, *others = conventions
    ordered = (first, *users, *others)
    dispatch = Dispatch(
        users=tuple(user.name for user in users),
        finish=tuple((each.name, step) for each in ordered for step in each.finish),
    )
    scopes: list[tuple[str, str, Step]] = []
    for convention in ordered:
        name = convention.name
        for key, rule in convention.keys.items():
            dispatch.keys.setdefault(key, rule)
            dispatch.owners.setdefault(key, name)
        for prefix, prefix_rule in convention.prefixes.items():
            dispatch.prefixes.setdefault(prefix, prefix_rule)
            dispatch.owners.setdefault(prefix, name)
        for event, event_rule in convention.events.items():
            dispatch.events.setdefault(event, event_rule)
            dispatch.owners.setdefault(f"event {event}", name)
        scopes.extend((scope, name, step) for scope, step in convention.scopes.items())
    dispatch.scopes = tuple(scopes)
    dispatch.heads = frozenset(prefix.partition(".")[0] for prefix in dispatch.prefixes)
    return dispatch


DISPATCH: Dispatch = compile_dispatch()

__all__ = ["CONVENTIONS", "DISPATCH", "Convention", "Dispatch", "Route", "compile_dispatch"]
