"""Who could have given each field of a row, and who did: read off a reading that was recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from otel_braintrust.translation import context
from otel_braintrust.translation.explanation import Origin
from otel_braintrust.translation.reading import Candidate, Reading, Suggestion
from otel_braintrust.translation.recording import Mark, Recorder, Run
from otel_braintrust.translation.usage import COMPLETION, PROMPT, TOTAL, Usage

TYPE = "span_attributes.type"
DESTINATION = "the row's destination"

# What a usage record was changed in to mean the same for every producer.
_NORMALISED = {
    "added_cache": (PROMPT, "cache tokens added, which the producer leaves out"),
    "added_thoughts": (COMPLETION, "thoughts added, which only the total tells of"),
}

# Names of suggestions that compete for one entry.
_ENTRIES = {"request_model": "model", "response_model": "model"}


class Contests:
    """Every field's contenders, by what they are: an attribute's key, or an event by its run.

    Args:
        reading: a span, read with the recorder and written.
        recorder: what ran the rules.
        row: the row as it is in the end, perhaps changed by its trace.

    Attributes:
        metadata: the row's metadata.
        aside: what stands in it under `attributes`, since other entries have its names.
        origins: the row's fields, with who gave them.
        wins: fields that an attribute gave, alone (False) or with others (True).
        losses: fields that an attribute could have given, and who gave them.
        event_wins: as `wins`, of events, by the id of their run.
        event_losses: as `losses`, of events.
    """

    def __init__(self, reading: Reading, recorder: Recorder, row: Mapping[str, Any]) -> None:
        self.reading, self.recorder, self.row = reading, recorder, row
        self.metadata: Mapping[str, Any] = row.get("metadata") or {}
        aside = self.metadata.get("attributes")
        self.aside: Mapping[str, Any] = aside if isinstance(aside, dict) else {}
        self.origins: dict[str, Origin] = {}
        self.wins: dict[str, dict[str, bool]] = defaultdict(dict)
        self.losses: dict[str, dict[str, str]] = defaultdict(dict)
        self.event_wins: dict[int, dict[str, bool]] = defaultdict(dict)
        self.event_losses: dict[int, dict[str, str]] = defaultdict(dict)
        self.owners = {run.source: run.owner for run in recorder.runs if run.kind == "attribute"}
        self._contents()
        self._types()
        self._entries()
        self._usage()
        self._numbers()
        for run in recorder.runs:
            self._changes(run)
        self._errors()
        self._callers()

    # Who stands behind a value

    def _keys(self, made: Candidate | Suggestion) -> list[str]:
        """The attributes of which a candidate or suggestion was made."""
        attributes = self.reading.span.attributes
        if isinstance(made, Candidate):
            keys = [key for key in made.raw if key in attributes]
        elif made.key in attributes:
            keys = [made.key]
        else:
            keys = [k for k in made.raw if k in attributes] if isinstance(made.raw, dict) else []
        run = self.recorder.makers.get(id(made))
        return keys or ([run.source] if run is not None and run.kind == "attribute" else [])

    def _runs(self, made: Candidate | Suggestion) -> list[Run]:
        """The events that made or extended a candidate."""
        mark = ("candidate", str(id(made)))
        return [run for run in self.recorder.runs if run.kind == "event" and mark in run.marks]

    def name(self, made: Candidate | Suggestion) -> str:
        """Name what a value was made of, in a few words."""
        keys = self._keys(made)
        if keys:
            return keys[0] if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more"
        runs = self._runs(made)
        if runs:
            return f"event {runs[0].source}"
        run = self.recorder.makers.get(id(made))
        if run is None:
            return made.key if isinstance(made, Suggestion) else "the span"
        return f"event {run.source}" if run.kind == "event" else f"the rules of {run.owner}"

    # Noting who won

    def origin(self, field: str) -> Origin:
        """The field's origin, new if there is none yet."""
        return self.origins.setdefault(field, Origin(field))

    def won(self, field: str, key: str, *, shared: bool = False) -> None:
        """An attribute gave a field that is in the row."""
        self.wins[key][field] = shared
        self.origin(field).add(key, self.owners.get(key, ""))

    def _lost(self, field: str, key: str, to: str) -> None:
        if field not in self.wins.get(key, ()):
            self.losses[key].setdefault(field, to)

    def _event_won(self, field: str, run: Run, *, shared: bool = False) -> None:
        self.event_wins[id(run)][field] = shared
        self.origin(field).add(f"event {run.source}", run.owner)

    # The contests

    def _contents(self) -> None:
        for side, listed in (("input", self.reading.inputs), ("output", self.reading.outputs)):
            winner = self.reading.origins.get(side)
            if winner is None:
                continue
            self._content_won(side, winner)
            for candidate in listed:
                if candidate is winner or (candidate.raw and candidate.raw is winner.raw):
                    continue
                for key in self._keys(candidate):
                    self._lost(side, key, self.name(winner))
                for run in self._runs(candidate):
                    if side not in self.event_wins[id(run)]:
                        self.event_losses[id(run)][side] = self.name(winner)
        system = self.reading.system
        if system is not None and "input" in self.row:
            for key in self._keys(system):
                if key not in self.reading.leftovers:
                    self.won("input", key, shared=True)
            maker = self.recorder.makers.get(id(system))
            if maker is not None and maker.kind == "event":
                self._event_won("input", maker, shared=True)

    def _content_won(self, side: str, winner: Candidate) -> None:
        keys, runs = self._keys(winner), self._runs(winner)
        for key in keys:
            self.won(side, key, shared=len(keys) > 1)
        for run in runs:
            self._event_won(side, run, shared=len(runs) > 1)
        maker = self.recorder.makers.get(id(winner))
        if not keys and not runs:
            self.origin(side).add(self.name(winner), maker.owner if maker is not None else "")
        if maker is not None and maker.kind == "step" and maker.owner not in ("", None):
            self.origin(side).add(self.origin(side).sources[0], maker.owner)

    def _types(self) -> None:
        given = self.reading.origins.get("type")
        for run in self.recorder.runs:
            for _rank, _found, key in run.kinds:
                if key == given and run.kind == "attribute":
                    self.won(TYPE, run.source)
                elif key == given:
                    self.origin(TYPE).add(key, run.owner)
                elif run.kind == "attribute":
                    self._lost(TYPE, run.source, given or "the span's structure")

    def _entries(self) -> None:
        origins = self.reading.origins
        for name, suggestions in self.reading.named.items():
            field = f"metadata.{_ENTRIES.get(name, name)}"
            for suggestion in suggestions:
                self._entry(field, suggestion, origins.get(field))
                if name == "request_model" and suggestion.key == origins.get(f"metadata.{name}"):
                    self._entry("metadata.request_model", suggestion, suggestion.key)
        for field in ("metadata.provider", "metadata.model"):
            given = origins.get(field)
            if given is not None and self.has(field) and given not in self.origin(field).sources:
                if given in self.reading.span.attributes:
                    self.won(field, given)
                else:
                    self.origin(field).add(given)

    def _entry(self, field: str, suggestion: Suggestion, given: str | None) -> None:
        if given is None or not self.has(field):
            return  # not an entry of this type of span: the attribute is kept
        keys = self._keys(suggestion)
        if suggestion.key == given:
            for key in keys:
                self.won(field, key, shared=len(keys) > 1)
            if not keys:
                run = self.recorder.makers.get(id(suggestion))
                self.origin(field).add(suggestion.key, run.owner if run is not None else "")
            return
        for key in keys:
            self._lost(field, key, given)

    def has(self, field: str) -> bool:
        """Tell whether the row has a field, given by its path of one or two names."""
        part, _, name = field.partition(".")
        holder = self.row.get(part)
        if not name:
            return part in self.row
        return isinstance(holder, dict) and name in holder

    def metric(self, name: str) -> str:
        """The path at which a count stands: a metric of a model call, or the usage beneath."""
        if name in (self.row.get("metrics") or {}):
            return f"metrics.{name}"
        return "metadata.aggregated_usage"

    def _usage(self) -> None:
        found = self.reading.origins.get("usage")
        if not isinstance(found, Usage):
            return
        for key, family, name in dict.fromkeys(self._counts()):
            self._count(found, key, family, name)
        if TOTAL in found.counts and {PROMPT, COMPLETION} <= found.counts.keys():
            self.origin(self.metric(TOTAL)).add(f"{PROMPT} + {COMPLETION}")
        changed = _NORMALISED.get(found.normalised or "")
        if changed is not None and changed[0] in found.counts:
            self.origin(self.metric(changed[0])).note = changed[1]

    def _counts(self) -> Iterator[tuple[str, str, str]]:
        for run in self.recorder.runs:
            if run.kind == "attribute":
                for mark in run.marks:
                    if mark[0] == "usage":
                        yield run.source, mark[1], mark[2]
        for family, keys in self.reading.usage.keys.items():
            for name, key in keys.items():
                if key in self.reading.span.attributes:
                    yield key, family, name

    def _count(self, found: Usage, key: str, family: str, name: str) -> None:
        chosen = found.filled.get(name, found.family)
        theirs = self.reading.usage.keys.get(chosen, {}).get(name)
        if family != chosen and theirs is not None:
            self._lost(self.metric(name), key, theirs)
        elif name in found.rejected:
            self.won("metadata.rejected_usage", key)
        elif name == TOTAL and found.reported_total is not None:
            self.won("metadata.reported_total_tokens", key)
        elif name in found.counts:
            self.won(self.metric(name), key, shared=self.metric(name).startswith("metadata"))

    def _numbers(self) -> None:
        cost = "metrics.estimated_cost"
        cost = cost if self.has(cost) else "metadata.aggregated_cost"
        paid = self.metadata.get("cost_source")
        waited = self.reading.origins.get("metrics.time_to_first_token")
        self._number(cost, paid, (key for _, key, _ in self.reading.costs))
        self._number(
            "metrics.time_to_first_token", waited, (t[1] for t in self.reading.first_token)
        )

    def _number(self, field: str, given: str | None, keys: Iterable[str]) -> None:
        if given is None or not self.has(field):
            return
        for key in keys:
            if key not in self.reading.span.attributes:
                continue
            if key == given:
                self.won(field, key)
            else:
                self._lost(field, key, given)
        if given not in self.origin(field).sources:
            self.origin(field).add(given)

    def _changes(self, run: Run) -> None:
        """Note what a rule wrote straight into the row's fields."""
        fields = {field for mark in run.marks if (field := self._field(mark)) is not None}
        keys = [run.source] if run.kind == "attribute" else []
        if run.kind == "step":
            families = {mark for mark in run.marks if mark[0] == "group"}
            keys = [
                other.source
                for other in self.recorder.runs
                if other.kind == "attribute" and not families.isdisjoint(other.marks)
            ]
        for field in sorted(fields):
            for key in keys:
                self.won(field, key, shared=run.kind == "step" or field.endswith("tags"))
            if run.kind == "event":
                self._event_won(field, run)
            elif not keys:
                self.origin(field).add(f"the rules of {run.owner}", run.owner)

    def _field(self, mark: Mark) -> str | None:
        name = mark[-1]
        field = _FIELDS.get(mark[:2]) or _FIELDS.get(mark[:1])
        if field is None or field == DESTINATION:
            return field
        field = field.format(name=name)
        if field == "tags" and self.row.get("span_parents"):
            field = "metadata.tags"  # Braintrust takes tags on roots only
        if self.has(field):
            return field
        if field.startswith("metadata.") and name in self.aside:
            return f"metadata.attributes.{name}"
        return None

    def _errors(self) -> None:
        given = self.reading.origins.get("error")
        if given is None or "error" not in self.row:
            return
        if given in self.reading.span.attributes:
            self.won("error", given)
        elif given == "explicit":
            for run in self.recorder.runs:
                if ("errors",) in run.marks and run.kind == "attribute":
                    self.won("error", run.source)
        if not self.origin("error").sources:
            self.origin("error").add(given)

    def _callers(self) -> None:
        held = self.row.get("context") or {}
        for key, name in context.CALLER.items():
            is_used = key not in self.reading.leftovers and key not in self.wins
            if key in self.reading.span.attributes and is_used and name in held:
                self.won(f"context.{name}", key)


# The field of the row that a change of the reading is about; the change's last name fits in.
_FIELDS: dict[Mark, str] = {
    ("tags",): "tags",
    ("user_metadata",): "metadata.{name}",
    ("own", "metadata"): "metadata.{name}",
    ("own", "extra"): "metadata.{name}",
    ("own", "prompt"): "metadata.prompt",
    ("own", "metrics"): "metrics.{name}",
    ("own", "span_attributes"): "span_attributes.{name}",
    ("own", "context"): "context",
    ("own", "expected"): "expected",
    ("own", "origin"): "origin",
    ("own", "classifications"): "classifications",
    ("scores",): "scores.{name}",
    ("rejected_scores",): "metadata.rejected_scores",
    ("evaluations",): "metadata.evaluations",
    ("context",): "context",
    ("purpose",): "span_attributes.purpose",
    ("parent",): DESTINATION,
    ("preserve",): "metadata",
}
