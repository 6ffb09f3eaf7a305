"""Spans of one batch or file as rows, each with what it needs of its neighbours."""

from __future__ import annotations

import math
import operator
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from otel_braintrust.traces.kin import with_parent
from otel_braintrust.traces.log_events import LogEvents, log_event_of
from otel_braintrust.traces.model_calls import ModelCalls, lend_content
from otel_braintrust.traces.purposes import spread_purposes
from otel_braintrust.traces.tags import raise_tags
from otel_braintrust.translation import row as translation
from otel_braintrust.translation.conventions import Convention, Dispatch
from otel_braintrust.translation.conventions.users import checked, dispatch_for
from otel_braintrust.translation.recurring import Made, Recurring, whole_way
from otel_braintrust.translation.span import SpanView, sdk_span_view
from otel_braintrust.translation.strict import strict

# Event names by which instrumentations send content in log records.
CONTENT_EVENT_PREFIX = "gen_ai."


@dataclass(slots=True)
class AssembledSpan:
    """One span and its row.

    Attributes:
        span: the span's view.
        row: the row without its container; None for a placeholder that is no span of its own.
        parent: where the span says its row belongs (`braintrust.parent`), if it does.
    """

    span: SpanView
    row: dict[str, Any] | None
    parent: str | None


class TraceAssembler:
    """Turn ended spans into rows; thread-safe, bounded in count and time, without I/O.

    Args:
        max_spans: spans remembered for their log events, and for the calls beneath them.
        max_age_s: seconds after which what is remembered of a span is forgotten.
        clock: seconds, monotonic.
        conventions: a user's own dialects, see `otel_braintrust.conventions`.
        strict_rows: rows hold JSON's own types alone; without it whoever encodes them must care for
            the rare value that JSON cannot hold.

    Raises:
        TypeError: a convention is none.
        ValueError: a convention has no name, or a prefix without a dot at its end.

    Example:
        >>> from otel_braintrust.translation import OtlpSpan
        >>> span = OtlpSpan("0" * 31 + "1", "0" * 15 + "1", "hello", start_ns=0)
        >>> [assembled.row["id"] for assembled in TraceAssembler().assemble([span])]
        ['0000000000000001']
    """

    def __init__(
        self,
        *,
        max_spans: int = 10_000,
        max_age_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
        conventions: Sequence[Convention] = (),
        strict_rows: bool = True,
    ) -> None:
        self._strict_rows = strict_rows
        self._conventions = checked(conventions)
        self._recurring = Recurring()
        self._logs = LogEvents(
            max_spans=max_spans, max_events=1_000, max_age_s=max_age_s, clock=clock
        )
        self._calls = ModelCalls(max_spans=max_spans, max_age_s=max_age_s, clock=clock)
        self._lock = threading.Lock()

    def add_log_record(self, log_record: Any) -> bool:
        """Keep a log record that carries a span's content.

        Args:
            log_record: an SDK log record, or a `LogEvent`.

        Returns:
            True if it is content of a span and was kept.
        """
        event = log_event_of(log_record)
        if event is None or not event.name.startswith(CONTENT_EVENT_PREFIX):
            return False
        self._logs.add(event)
        return True

    def assemble(self, spans: Sequence[Any]) -> list[AssembledSpan]:
        """Translate spans, join their log events, and count each model call once.

        Args:
            spans: SDK spans or span views, in any order; those of one trace may come in several
                calls, children before parents.

        Returns:
            One entry for each span, in the order given. Never raises: each span is isolated.
        """
        with self._lock:
            # Here, because installed conventions are loaded with the first span, not before.
            self._use(dispatch_for(self._conventions))
            views = list(map(sdk_span_view, spans))
            assembled = self._assembled(views, self._made(views))
            rows = [entry.row for entry in assembled if entry.row is not None]
            self._count_calls_once(_children_first(assembled), rows)
        raise_tags(rows)
        spread_purposes(rows)
        return assembled

    def begin(self, span: Any, parent: Any) -> AssembledSpan:
        """Translate a span that is still open; nothing is noted of it, for its end comes as well.

        Args:
            span: a running SDK span.
            parent: the context of its parent, as it will be in its row; None for a root.

        Returns:
            The span and the row that it would have if it ended now.
        """
        with self._lock:
            view = sdk_span_view(with_parent(span, parent))
            self._use(dispatch_for(self._conventions))
            return self._assembled([view], [self._recurring.make(view)])[0]

    def _count_calls_once(
        self, assembled: Sequence[AssembledSpan], rows: Sequence[dict[str, Any]]
    ) -> None:
        self._calls.begin()
        here: set[int] | None = None
        for entry in assembled:
            inner = self._calls.settle(entry.row) if entry.row is not None else None
            if inner is not None and entry.row is not None:
                here = here if here is not None else set(map(id, rows))
                if id(inner) in here:
                    lend_content(entry.row, inner)
        self._calls.end()

    def _use(self, dispatch: Dispatch) -> None:
        if dispatch is not self._recurring.dispatch:
            self._recurring = Recurring(dispatch)

    def _made(self, spans: Sequence[SpanView]) -> list[Made]:
        """The rows of spans that ended, of which log records may tell."""
        if not len(self._logs):
            return self._recurring.make_all(spans)
        told = {
            place: logs
            for place, span in enumerate(spans)
            if (logs := self._logs.take(span.trace_id, span.span_id))
        }
        others = [span for place, span in enumerate(spans) if place not in told]
        made = iter(self._recurring.make_all(others))
        return [
            whole_way(span, self._recurring.dispatch, told[place]) if place in told else next(made)
            for place, span in enumerate(spans)
        ]

    def _assembled(self, spans: Sequence[SpanView], made: Sequence[Made]) -> list[AssembledSpan]:
        rows: Iterable[dict[str, Any] | None] = (row for row, _ in made)
        if self._strict_rows:
            rows = map(_strict, spans, rows)
        return [
            AssembledSpan(span, row, parent)
            for span, row, (_, parent) in zip(spans, rows, made, strict=True)
        ]


def _strict(span: SpanView, row: dict[str, Any] | None) -> dict[str, Any] | None:
    try:
        return strict(row)  # type: ignore[no-any-return]  # an object in, an object out
    except Exception as problem:  # noqa: BLE001 - one span's content must not harm the others
        return translation.bare(span, problem)


def _children_first(assembled: list[AssembledSpan]) -> list[AssembledSpan]:
    """Order spans as they ended; of two that ended at once the one that began later goes first."""
    ends = [entry.span.end_ns or math.inf for entry in assembled]
    if all(map(operator.lt, ends, ends[1:])):
        return assembled
    return sorted(assembled, key=_end_and_beginning)


def _end_and_beginning(entry: AssembledSpan) -> tuple[float, int]:
    span = entry.span
    return span.end_ns or math.inf, -span.start_ns
