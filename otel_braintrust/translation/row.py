"""One span as one Braintrust row: read it once, decide each field, write the row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from otel_braintrust.translation import content, context, errors, metadata, metrics, span_types
from otel_braintrust.translation.conventions import DISPATCH, Dispatch, users
from otel_braintrust.translation.conventions.marks import EVENTS
from otel_braintrust.translation.decoding import as_mapping, native
from otel_braintrust.translation.further_parents import add_further_parents
from otel_braintrust.translation.reading import Reading
from otel_braintrust.translation.span import LogEvent, SpanEvent, SpanView
from otel_braintrust.translation.strict import strict
from otel_braintrust.translation.times import iso

Run = Callable[..., Any]

# Events of which a span may have hundreds, one a chunk: counted, not copied.
CHUNK_EVENTS = (
    "gen_ai.content.completion.chunk",
    "llm.content.completion.chunk",
    "mlflow.chunk.item.",
)


def make(
    span: SpanView,
    log_events: Sequence[LogEvent] = (),
    dispatch: Dispatch = DISPATCH,
    run: Run | None = None,
) -> tuple[Reading, dict[str, Any] | None]:
    """Read a span and write its row; without users' conventions where these make it impossible.

    Args:
        span: the span's view.
        log_events: log records of the span that carry its content.
        dispatch: the compiled tables; by default those of every convention of ours.
        run: what runs the rules, if not this module: a `Recorder` that notes what they do.

    Returns:
        What was read, and the row; no row for a placeholder that is no span of its own.
    """
    if not dispatch.users:
        reading = read(span, log_events, dispatch, run)
        return reading, _written(reading)
    made: tuple[Reading, dict[str, Any] | None] | None = None
    try:
        reading = read(span, log_events, dispatch, run)
        known = len(reading.problems)
        # What users' rules gave may be anything: whether JSON can hold it must be known here.
        made = reading, strict(_written(reading))
        if len(reading.problems) == known:
            return made
    except Exception:  # noqa: BLE001, S110 - told below, if it was for the users' conventions
        pass
    reading = read(span, log_events, run=run)
    known = len(reading.problems)
    row = _written(reading)
    if made is not None and len(reading.problems) > known:
        return made  # it fails without them too
    users.tell_unusable(dispatch)
    if row is not None:
        row["metadata"]["mapping_error"] = "left out: " + ", ".join(dispatch.users)
    return reading, row


def _written(reading: Reading) -> dict[str, Any] | None:
    return None if reading.placeholder_span else write(reading)


def read(
    span: SpanView,
    log_events: Sequence[LogEvent] = (),
    dispatch: Dispatch = DISPATCH,
    run: Run | None = None,
) -> Reading:
    """Read a span's attributes, events and logs through the dispatch table, once each.

    Args:
        span: the span's view.
        log_events: log records of the span that carry its content.
        dispatch: the compiled tables; by default those of every known convention.
        run: what runs the rules, if not this module: a `Recorder` that notes what they do.
    """
    events = [*span.events, *map(_as_span_event, log_events)]
    if run is not None:
        return read_into(Reading(span), span.attributes, events, dispatch, run)
    try:
        return read_into(Reading(span), span.attributes, events, dispatch)
    except Exception:  # noqa: BLE001 - a rule met what it was not made for: the others still count
        return read_into(Reading(span), span.attributes, events, dispatch, _apart)


def read_into(
    reading: Reading,
    attributes: Mapping[str, Any],
    events: Sequence[SpanEvent],
    dispatch: Dispatch,
    run: Run | None = None,
) -> Reading:
    """Read attributes and events into an empty reading, which is returned.

    Args:
        reading: the reading, of the span that conventions look at.
        attributes: those of the span's attributes that are read.
        events: its events.
        dispatch: the compiled tables.
        run: what runs the rules; None: they are called.
    """
    span, routes, leftovers = reading.span, dispatch.routes, reading.leftovers
    for scope, owner, step in dispatch.scopes:
        if span.scope_name.startswith(scope):
            _call(run, reading, owner, step)
    cued, steps = dispatch.cued, set(dispatch.uncued)
    for key, attribute in attributes.items():
        value = native(attribute)
        route = routes.get(key) or dispatch.route(key)
        if route.mark in cued:
            steps |= cued[route.mark]
        rule, rest = route.rule, route.rest
        if rule is None:
            taken = False
        elif run is not None:
            taken = run(reading, key, rule, *((key, value) if rest is None else (key, rest, value)))
        elif rest is None:
            taken = rule(reading, key, value)
        else:
            taken = rule(reading, key, rest, value)
        if not taken and key not in leftovers:
            leftovers[key] = value
    if events:
        read_events(reading, events, dispatch, run)
        steps |= cued[EVENTS]
        for event in events:  # whose attributes may mean what the span's own do
            steps.update(*(cued[key] for key in event.attributes if key in cued))
    if run is not None or dispatch.users:  # whoever runs them wants to see all
        for owner, step in dispatch.finish:
            _call(run, reading, owner, step)
    else:
        for place in sorted(steps):
            dispatch.finish[place][1](reading)
    for family in list(reading.groups):  # gathered by a rule, and put together by nobody
        reading.restore(reading.take(family)[1])
    return reading


def _call(run: Run | None, reading: Reading, place: str, rule: Any, *arguments: Any) -> Any:
    return rule(reading, *arguments) if run is None else run(reading, place, rule, *arguments)


def _apart(reading: Reading, place: str, rule: Any, *arguments: Any) -> Any:
    """Run a rule so that its failure costs only itself; its attribute stays in the metadata."""
    try:
        return rule(reading, *arguments)
    except Exception as problem:  # noqa: BLE001 - whatever a span holds, the rest of it is read
        reading.problems.append(f"{place}: {type(problem).__name__}")
        return False


def _as_span_event(log: LogEvent) -> SpanEvent:
    """Turn a log event into a span event: an object as body is fields, another is the content."""
    body = as_mapping(native(log.body))
    fields: dict[str, Any] = dict(body) if body is not None else {}
    if body is None and log.body is not None:
        fields["content"] = log.body
    return SpanEvent(log.name, {**fields, **log.attributes}, log.time_ns)


def read_events(
    reading: Reading, events: Sequence[SpanEvent], dispatch: Dispatch, run: Run | None = None
) -> None:
    """Read a span's events, after its attributes.

    Args:
        reading: where to.
        events: the events.
        dispatch: the compiled tables.
        run: what runs the rules; None: they are called.
    """
    chunks = 0
    for event in events:
        rule = dispatch.events.get(event.name)
        if rule is not None and _call(run, reading, event.name, rule, event):
            continue
        if event.name.startswith(CHUNK_EVENTS):
            chunks += 1
        elif len(reading.events) < context.MAX_EVENTS:
            reading.events.append(context.show_event(event.name, event.time_ns, event.attributes))
        else:
            reading.own.setdefault("extra", {})["events_truncated"] = True
    if chunks:
        reading.own.setdefault("extra", {})["chunk_count"] = chunks


def write(reading: Reading) -> dict[str, Any]:
    """Decide every field of a span that was read, and return the row.

    Args:
        reading: what `read` found.

    Returns:
        The row without its container (`project_id`, `experiment_id`); `strict` makes it JSON.
    """
    attempt = _Attempts(reading)
    span_type = attempt(span_types.decide, "task")
    asked, answered = attempt(content.decide, (content.UNSET, content.UNSET), span_type)
    entries = attempt(metadata.decide, {}, span_type)
    provider = entries.get("provider")
    numbers = attempt(metrics.decide, times(reading.span), span_type, provider, entries)
    error = attempt(errors.decide, None, span_type)
    if error is not None:
        _drop_said_exception(reading, error)
    described = attempt(context.describe, {})
    entries = attempt(metadata.finish, entries, entries)
    attempt(context.add_facts, None, entries)
    row = _composed(reading, span_type, asked, answered)
    if error is not None:
        row["error"] = error
    attempt(metadata.add_remainders, None, {**row, "metrics": numbers}, entries)
    if reading.problems:
        entries["mapping_error"] = "; ".join(reading.problems)
    row["metadata"] = entries
    row["metrics"] = numbers
    row["context"] = described
    return row


def _composed(reading: Reading, span_type: str, asked: Any, answered: Any) -> dict[str, Any]:
    """Write the fields of a row that stand before its metadata."""
    span = reading.span
    row = identity(span)
    if span.links:
        add_further_parents(span, row)
    own = reading.own
    row["span_attributes"] = span_attributes(span, span_type, reading)
    if asked is not content.UNSET:
        row["input"] = asked
    if answered is not content.UNSET:
        row["output"] = answered
    for name in _OWN_FIELDS:
        if name in own:
            row[name] = own[name]
    if reading.scores:
        row["scores"] = reading.scores
    if reading.tags:
        row["tags"] = list(reading.tags)
    return row


def span_attributes(span: SpanView, span_type: str, reading: Reading) -> dict[str, Any]:
    """Return what the row tells of the span itself: its name, type and purpose.

    Args:
        span: the span.
        span_type: its Braintrust type.
        reading: what was read of it.
    """
    named: dict[str, Any] = {"name": span.name, "type": span_type}
    if reading.purpose:
        named["purpose"] = reading.purpose
    if "span_attributes" in reading.own:
        named |= reading.own["span_attributes"]
    return named


# Fields that only `braintrust.*` attributes have.
_OWN_FIELDS = ("expected", "origin", "classifications")


class _Attempts:
    """Steps that must not fail: each gives its value, or a default and a note of what failed."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def __call__(self, step: Any, default: Any, *arguments: Any) -> Any:
        try:
            return step(self._reading, *arguments)
        except Exception as problem:  # noqa: BLE001 - what earlier steps gave is kept
            place = step.__module__.rpartition(".")[2]
            self._reading.problems.append(f"{place}: {type(problem).__name__}")
            return default


def times(span: SpanView) -> dict[str, Any]:
    """Return the metrics that every row has: start and end in seconds since 1970."""
    if span.end_ns:
        return {"start": span.start_ns / 1e9, "end": span.end_ns / 1e9}
    return {"start": span.start_ns / 1e9}


def identity(span: SpanView) -> dict[str, Any]:
    """Return the fields that every row has: ids, parents and creation time.

    The row's id is the span's: a retry replaces the same row, and feedback finds it offline.
    """
    return {
        "id": span.span_id,
        "span_id": span.span_id,
        "root_span_id": span.trace_id,
        "span_parents": [span.parent_span_id] if span.parent_span_id else None,
        "created": iso(span.start_ns),
    }


def _drop_said_exception(reading: Reading, error: Any) -> None:
    """Drop the exception event that became the row's error, if the error says all of it."""
    for index in range(len(reading.events) - 1, -1, -1):
        event = reading.events[index]
        if event["name"] != "exception":
            continue
        attributes = event.get("attributes", {})
        texts = [attributes.get(f"exception.{name}") for name in ("message", "stacktrace")]
        if all(not text or str(text) in str(error) for text in texts):
            reading.events.pop(index)
        return


def bare(span: SpanView, problem: BaseException) -> dict[str, Any]:
    """Return the least row of a span whose translation failed: ids, times, raw attributes.

    Args:
        span: the span's view.
        problem: what went wrong; its class is named, its text may hold content and is not.
    """
    row = identity(span)
    row["span_attributes"] = {"name": span.name}
    row["metadata"] = {
        "mapping_error": f"translation failed: {type(problem).__name__}",
        **{str(key): value for key, value in _items(span.attributes)},
    }
    row["metrics"] = times(span)
    return strict(row)  # type: ignore[no-any-return]  # an object in, an object out


def _items(attributes: Mapping[str, Any]) -> list[tuple[str, Any]]:
    try:
        return list(attributes.items())
    except RuntimeError:  # changed by another thread while being read
        return []
