"""Explain a row: what gave its fields, and what became of everything the span held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otel_braintrust.translation.contests import DESTINATION, TYPE, Contests
from otel_braintrust.translation.context import MAX_EVENTS
from otel_braintrust.translation.decoding import is_placeholder
from otel_braintrust.translation.explanation import (
    DROPPED,
    GAVE,
    KEPT,
    LOST,
    MERGED,
    Explanation,
    Fate,
)
from otel_braintrust.translation.parameters import is_set
from otel_braintrust.translation.reading import Reading
from otel_braintrust.translation.recording import Recorder, Run
from otel_braintrust.translation.row import CHUNK_EVENTS
from otel_braintrust.translation.span import LogEvent
from otel_braintrust.translation.strict import text

SPAN_TIMES = "the span's times"

# Metadata entries that state facts on the span, and where those are from.
_FACTS = {
    "resource": "the span's resource",
    "otel": "the span",
    "otel.scope": "the span's scope",
    "links": "the span's links",
    "events": "the span's events",
    "chunk_count": "the span's events",
    "events_truncated": "the span's events",
    "provider_source": "the model's name",
    "mapping_error": "a failure of the translation",
    "braintrust.mapping.truncated": "content that was cut short",
    "original_type": "the span's trace",
    "content_from": "the span's trace",
    "attributes": "attributes whose names are taken",
}


def explain(
    reading: Reading,
    recorder: Recorder,
    row: Mapping[str, Any] | None,
    log_events: Sequence[LogEvent] = (),
) -> Explanation:
    """Explain how a span became its row.

    Args:
        reading: the span, read with the recorder and written.
        recorder: what ran the rules.
        row: the row as it is in the end; None for a placeholder.
        log_events: the log records that were joined to the span.
    """
    span = reading.span
    told = Explanation(span.trace_id, span.span_id, span.name, row is not None)
    if row is None:
        told.attributes = [
            Fate(key, DROPPED, because="the span is a placeholder of one that follows")
            for key in span.attributes
        ]
        told.notes.append("a placeholder of a span that follows: it has no row")
        return told
    contests = Contests(reading, recorder, row)
    told.attributes = [_fate(contests, key, value) for key, value in span.attributes.items()]
    told.events = _events(contests, log_events)
    _add_facts(contests, told.attributes)
    told.fields = sorted(
        (origin for origin in contests.origins.values() if origin.field != DESTINATION),
        key=lambda origin: _place(origin.field),
    )
    told.notes = list(_notes(contests))
    return told


def _fate(contests: Contests, key: str, value: Any) -> Fate:
    """Tell what became of one attribute."""
    owner, kept_as = contests.owners.get(key, ""), _kept_as(contests, key)
    wins, losses = contests.wins.get(key), contests.losses.get(key)
    if wins:
        fate = MERGED if all(wins.values()) else GAVE
        return Fate(key, fate, owner, sorted(wins, key=_place), kept_as=kept_as)
    if losses:
        field, to = next(iter(losses.items()))
        if kept_as:
            return Fate(key, LOST, owner, list(losses), to=to, kept_as=kept_as)
        said = "it is empty" if _is_empty(value) else f"it says the same as {to}"
        return Fate(key, DROPPED, owner, [field], to=to, because=said)
    if kept_as:
        return Fate(key, KEPT, owner, kept_as=kept_as)
    because = "it is empty" if _is_empty(value) else "other fields of the row say it"
    return Fate(key, DROPPED, owner, because=because)


def _is_empty(value: Any) -> bool:
    return is_placeholder(value) or not is_set(value)


def _kept_as(contests: Contests, key: str) -> str:
    """Tell where an attribute stands under its own name, all of it or what no field says."""
    reading, name = contests.reading, text(key)
    if name in contests.aside:
        return f"metadata.attributes.{name}"
    is_left = key in reading.leftovers or key in reading.remainders or reading.preserve
    return f"metadata.{name}" if is_left and name in contests.metadata else ""


def _events(contests: Contests, log_events: Sequence[LogEvent]) -> list[Fate]:
    """Tell what became of the span's own events and of those joined from logs, in this order."""
    own = contests.reading.span.events
    runs = {id(run.event): run for run in contests.recorder.runs if run.event is not None}
    known = {id(event) for event in own}
    of_logs = [run for run in contests.recorder.runs if run.event and id(run.event) not in known]
    kept = Counter(event["name"] for event in contests.reading.events)
    fates = [_event(contests, "event", e.name, runs.get(id(e)), kept) for e in own]
    for log in log_events:
        run = of_logs.pop(0) if of_logs and of_logs[0].source == log.name else None
        fates.append(_event(contests, "log event", log.name, run, kept))
    return fates


def _event(contests: Contests, kind: str, name: str, run: Run | None, kept: Counter[Any]) -> Fate:
    owner = run.owner if run is not None else ""
    wins = contests.event_wins.get(id(run), {}) if run is not None else {}
    losses = contests.event_losses.get(id(run), {}) if run is not None else {}
    kept_as = ""
    if (run is None or not run.taken) and kept[name] > 0:
        kept[name] -= 1
        kept_as = "metadata.events"
    fields = sorted(wins, key=_place)
    if contests.reading.origins.get("error") == f"event {name}" and "error" in contests.row:
        fields.append("error")
        wins = {**wins, "error": False}
    if wins:
        fate = MERGED if all(wins.values()) else GAVE
        return Fate(name, fate, owner, fields, kept_as=kept_as, kind=kind)
    if losses and not kept_as:
        field, to = next(iter(losses.items()))
        return Fate(name, DROPPED, owner, [field], to, f"{to} gave it", kind=kind)
    if kept_as:
        return Fate(name, KEPT, owner, kept_as=kept_as, kind=kind)
    if name.startswith(CHUNK_EVENTS):
        return Fate(name, MERGED, owner, ["metadata.chunk_count"], kind=kind)
    because = "other fields of the row say it"
    if (contests.reading.own.get("extra") or {}).get("events_truncated"):
        because = f"the row has {MAX_EVENTS} events already"
    return Fate(name, DROPPED, owner, because=because, kind=kind)


def _add_facts(contests: Contests, fates: Sequence[Fate]) -> None:
    """Add the fields that no attribute gave: times, facts on the span, what was computed."""
    row, metadata = contests.row, contests.metadata
    if TYPE not in contests.origins:
        contests.origin(TYPE).add("the span's structure")
    if is_demoted(contests.reading, row):
        contests.origin(TYPE).note = "a call beneath it is the one that is billed"
    for name in row.get("metrics") or {}:
        source = SPAN_TIMES if name in ("start", "end") else "the call's usage"
        if f"metrics.{name}" not in contests.origins:
            contests.origin(f"metrics.{name}").add(source)
    kept = {fate.kept_as for fate in fates}
    for name in metadata:
        field = f"metadata.{name}"
        if field not in contests.origins and field not in kept:
            contests.origin(field).add(_FACTS.get(name, _derived(contests, name)))
    for side in ("input", "output"):
        if side in row and side not in contests.origins:
            lender = _lender(contests)
            contests.origin(side).add(f"span {lender}" if lender else "the span")


def _derived(contests: Contests, name: str) -> str:
    if name.startswith(("usage", "aggregated", "reported", "rejected")):
        return "the call's usage"
    if name == "cost_source":
        return "the call's cost"
    event = next((run for run in contests.recorder.runs if run.event), None)
    if event is not None and name in contests.reading.leftovers:
        return f"event {event.source}"
    return "the span"


_ORDER = ("span_attributes", "input", "output", "expected", "error", "scores", "tags", "metrics")


def _place(field: str) -> tuple[int, str]:
    part = field.partition(".")[0]
    return _ORDER.index(part) if part in _ORDER else len(_ORDER), field


def is_demoted(reading: Reading, row: Mapping[str, Any]) -> bool:
    """Tell whether its trace made a model call a task, as a call beneath it is the billed one.

    Args:
        reading: the span, read.
        row: its row in the end.
    """
    is_task = (row.get("span_attributes") or {}).get("type") == "task"
    return is_task and _set_by_trace(reading, row, "original_type") == "llm"


def _lender(contests: Contests) -> Any:
    return _set_by_trace(contests.reading, contests.row, "content_from")


def _set_by_trace(reading: Reading, row: Mapping[str, Any], name: str) -> Any:
    held = (row.get("metadata") or {}).get(name)
    return None if name in reading.leftovers or name in reading.user_metadata else held


def _notes(contests: Contests) -> Iterator[str]:
    reading = contests.reading
    if reading.truncated:
        yield f"cut short where it was recorded: {', '.join(sorted(set(reading.truncated)))}"
    if (reading.own.get("extra") or {}).get("events_truncated"):
        yield f"more than {MAX_EVENTS} events: the rest is left out"
    if lender := _lender(contests):
        yield f"input or output lent by span {lender}"
    if reading.problems:
        yield f"not all could be read: {'; '.join(reading.problems)}"
