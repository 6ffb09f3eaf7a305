"""What each rule did to a reading, noted while it is read: for `translate --explain` alone.

A recorder runs the rules in the place of the plain call. It compares the reading before and after
each, so no convention has to tell about itself, and reading costs nothing more when nobody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from otel_braintrust.translation.conventions import Dispatch
from otel_braintrust.translation.reading import Candidate, Reading, Suggestion
from otel_braintrust.translation.span import SpanEvent

# Something of a reading that a rule can change: what kind of thing, and which.
Mark = tuple[str, ...]


# What conventions set member by member.
_OBJECTS = frozenset({"context", "extra", "metadata", "metrics", "prompt", "span_attributes"})


@dataclass(slots=True)
class Run:
    """One call of a rule.

    Attributes:
        source: the attribute's key, or the event's name; of a step, its convention.
        owner: the convention whose rule it is.
        kind: `attribute`, `event` or `step`.
        taken: the attribute or event was used up.
        marks: what of the reading it changed.
        kinds: the span types it suggested.
        event: the event it read.
        rule: the rule itself.
    """

    source: str
    owner: str
    kind: str
    taken: bool = False
    marks: set[Mark] = field(default_factory=set)
    kinds: list[tuple[int, str, str]] = field(default_factory=list)
    event: SpanEvent | None = None
    rule: Any = None


class Recorder:
    """Runs rules and notes what each did; a rule that fails costs only itself.

    Args:
        dispatch: the tables, which say whose a rule is.
    """

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self.reading: Reading | None = None
        self.runs: list[Run] = []
        self.makers: dict[int, Run] = {}

    def __call__(self, reading: Reading, place: str, rule: Any, *arguments: Any) -> Any:
        """Run a rule as the translation does, and note what it did."""
        if reading is not self.reading:
            self.reading, self.runs, self.makers = reading, [], {}
        run = self._new_run(place, arguments)
        run.rule = rule
        before, kinds = dict(_marks(reading)), len(reading.kinds)
        try:
            taken = rule(reading, *arguments)
        except Exception as problem:  # noqa: BLE001 - whatever a span holds, the rest of it is read
            reading.problems.append(f"{place}: {type(problem).__name__}")
            taken = False
        after = dict(_marks(reading))
        run.taken = bool(taken)
        run.marks = {
            mark for mark in before.keys() | after.keys() if before.get(mark) != after.get(mark)
        }
        run.kinds = reading.kinds[kinds:]
        for made in _made(reading):
            self.makers.setdefault(id(made), run)
        self.runs.append(run)
        return taken

    def _new_run(self, place: str, arguments: tuple[Any, ...]) -> Run:
        owners = self._dispatch.owners
        if not arguments:
            return Run(place, place, "step")
        if isinstance(arguments[0], SpanEvent):
            owner = owners.get(f"event {place}", "")
            return Run(place, owner, "event", event=arguments[0])
        prefix = self._dispatch.prefix_of(place) if place not in self._dispatch.keys else None
        return Run(place, owners.get(prefix or place, ""), "attribute")


def _made(reading: Reading) -> Iterator[Candidate | Suggestion]:
    yield from reading.inputs
    yield from reading.outputs
    for suggestions in reading.named.values():
        yield from suggestions
    if reading.system is not None:
        yield reading.system


def _marks(reading: Reading) -> Iterator[tuple[Mark, Any]]:
    """Give everything of a reading that a rule may change, and how it is now."""
    for listed in ("tags", "errors", "evaluations", "costs", "first_token", "kinds"):
        yield (listed,), len(getattr(reading, listed))
    yield ("finish_reasons",), str(reading.finish_reasons)
    for name in ("purpose", "parent", "preserve", "placeholder_span"):
        yield (name,), getattr(reading, name)
    for holder in ("user_metadata", "scores", "rejected_scores", "context"):
        for name in getattr(reading, holder):
            yield (holder, name), True
    for name, value in reading.own.items():
        if name in _OBJECTS:
            for inner in value:
                yield ("own", name, str(inner)), True
        else:
            yield ("own", name), id(value)
    for family, gathered in reading.groups.items():
        yield ("group", family), (len(gathered.raw), sum(map(len, gathered.members.values())))
    for family, record in reading.usage.families.items():
        for name, count in record.items():
            yield ("usage", family, name), count
    for candidate in (*reading.inputs, *reading.outputs):
        size = len(candidate.value) if isinstance(candidate.value, (list, dict)) else 0
        yield ("candidate", str(id(candidate))), (size, len(candidate.raw))
    yield ("system",), id(reading.system)
