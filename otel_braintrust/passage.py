"""From a span's end to the queue: is it selected, under which parent, is its trace sampled."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from otel_braintrust.accounts import Ledger, Ticket
from otel_braintrust.delivery.alarm import Alarm
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.routing import PARENT_KEY, inherited_parent, routed, said_parent
from otel_braintrust.selection import Selection
from otel_braintrust.settings import Settings
from otel_braintrust.traces.kin import Kin
from otel_braintrust.traces.reparenting import Reparenting
from otel_braintrust.traces.sampling import TailSampling

Stamp = Callable[[Any, "Context | None"], object]


class Passage:
    """What lies between a span and the queue; settles those that don't go.

    Args:
        settings: The options.
        ledger: Where spans that don't go are counted.
        troubles: Where trouble is told.
        hand_on: Takes the tickets of spans that go, also from a thread of its own.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        troubles: Troubles,
        hand_on: Callable[[Sequence[Ticket]], object],
    ) -> None:
        self._ledger = ledger
        self._troubles = troubles
        self._hand_on = hand_on
        self._route = settings.route
        self._tells_parents = True
        selection = Selection(
            settings.mode,
            rules=settings.span_rules,
            span_filter=settings.span_filter,
            infrastructure=settings.infrastructure_scopes,
            on_failure=self._tell_filter,
        )
        self._tree = Reparenting(selection, self._filter)
        self._sampling: TailSampling | None = None
        if settings.tail_ratio is not None:
            self._sampling = TailSampling(
                settings.tail_ratio,
                slow_s=settings.tail_slow_s,
                max_bytes=settings.tail_max_bytes,
                max_s=settings.tail_max_s,
            )
        self._alarm = Alarm(self._next_at, self._ring)
        # Tickets leave in the order in which they were let go, whoever lets them go.
        self._leaving = threading.RLock()

    def on_start(self, span: Any, parent_context: Context | None, stamps: Sequence[Stamp]) -> None:
        """Follow a span, judge what is certain of it, and write on it where it goes.

        Args:
            span: The span that starts.
            parent_context: Where it starts; None: the current context.
            stamps: What else writes on it, afterwards.
        """
        if not span.context.trace_flags.sampled:
            return
        context = parent_context if parent_context is not None else otel_context.get_current()
        if self._tells_parents:
            self._watch_parent(span)
        said = said_parent(span, context)
        answer: str | bool | None = None
        if self._route is not None and said is None:
            answer = self._routed(span)
        kin, ready = self._tree.on_start(span, goes_here=answer is not False)
        if isinstance(answer, str):
            kin.route = answer
        elif self._route is None or said is not None:
            said = said or inherited_parent(context)
        if self._sampling is not None:
            self._sampling.start(span.context.trace_id)
        if ready:
            self._let_go(ready)
        if said is not None or stamps:
            _stamp(kin, span, parent_context, said, stamps)

    def on_end(self, span: Any, ticket: Ticket) -> Sequence[Ticket]:
        """Judge a span that ended.

        Returns:
            The tickets that go now; this one, others that waited for it, or none.
        """
        if self._route is not None:
            kin = self._tree.kin_of(span.context)
            ticket.route = kin.route if kin is not None else None
        ready: list[Ticket] = self._tree.on_end(span, ticket)
        if self._sampling is not None:
            ready = self._sampled(span.context.trace_id, ready)
        if ticket.column is None and not (len(ready) == 1 and ready[0] is ticket):
            self._alarm.wake()
        return ready

    def release(self) -> None:
        """Let everything go that waits, by what is known now."""
        ready: list[Ticket] = self._tree.release()
        if self._sampling is not None:
            ready = [*self._sampling.take(ready), *self._sampling.release()]
        self._hand_on(ready)

    def stop(self) -> None:
        """Let everything go that waits, and end the alarm."""
        self._alarm.stop()
        self.release()

    def keep_trace(self, trace_id: int) -> None:
        """Something speaks for a trace: tail sampling keeps it, unless it is left out already."""
        if self._sampling is not None:
            self._hand_on(self._sampling.keep(trace_id))

    def is_left_out(self, trace_id: int) -> bool:
        """Tell whether tail sampling left a trace out, so that feedback to it goes nowhere."""
        return self._sampling is not None and self._sampling.decision(trace_id) is False

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child."""
        self._leaving = threading.RLock()
        self._tree.reset_after_fork()
        if self._sampling is not None:
            self._sampling.reset_after_fork()
        self._alarm.reset_after_fork()

    def __len__(self) -> int:
        return len(self._tree) + (len(self._sampling) if self._sampling is not None else 0)

    def _let_go(self, ready: list[Ticket]) -> None:
        if self._sampling is not None:
            ready = self._sampling.take(ready)
        self._hand_on(ready)

    def _sampled(self, trace_id: int, ready: list[Ticket]) -> list[Ticket]:
        if self._sampling is None:
            return ready
        go: list[Ticket] = self._sampling.take(ready)
        ended, out = self._sampling.end(trace_id)
        if out:
            self._filter(out)
        return [*go, *ended]

    def _routed(self, span: Any) -> str | bool | None:
        """What the application's function says, or said of the span above."""
        if self._route is None:
            return None
        answer = routed(self._route, span, self._tell_route)
        if answer is not None or span.parent is None or span.parent.is_remote:
            return answer
        above = self._tree.kin_of(span.parent)
        if above is None:
            return None
        return above.route if above.goes_here else False

    def _next_at(self) -> float | None:
        dues = [self._tree.next_release_at]
        if self._sampling is not None:
            dues.append(self._sampling.next_release_at)
        return min((due for due in dues if due is not None), default=None)

    def _ring(self) -> None:
        try:
            ready: list[Ticket] = self._tree.release(everything=False)
            if self._sampling is not None:
                ready = self._sampling.take(ready)
                ready += self._sampling.release(everything=False)
            self._hand_on(ready)
        except Exception as error:  # noqa: BLE001  (the alarm must go on ringing)
            self._troubles.tell(
                "internal",
                logging.ERROR,
                "spans that waited could not be sent: %s; please report it",
                type(error).__name__,
            )

    def _filter(self, tickets: list[Ticket]) -> None:
        self._ledger.settle(tickets, "filtered")
        for ticket in tickets:
            ticket.span = None

    def _watch_parent(self, span: Any) -> None:
        parent = span.parent
        if parent is None or parent.trace_flags.sampled:
            return
        self._tells_parents = False
        self._troubles.tell(
            "unsampled_parent",
            logging.WARNING,
            "span %r is sampled, but its %s parent is not, so that its trace is not whole; another "
            "tracing library may share this context (told once)",
            span.name,
            "remote" if parent.is_remote else "local",
        )

    def _tell_filter(self, error: Exception) -> None:
        self._troubles.tell(
            "span_filter",
            logging.WARNING,
            "span_filter failed (%s); the span is kept",
            type(error).__name__,
        )

    def _tell_route(self, error: Exception) -> None:
        self._troubles.tell(
            "route",
            logging.WARNING,
            "route failed (%s); the span goes where its parent goes",
            type(error).__name__,
        )


def _stamp(
    kin: Kin, span: Any, context: Context | None, said: str | None, stamps: Sequence[Stamp]
) -> None:
    """Write on the span, and note what was written, for rules are about the span as it was made."""
    before = dict(span.attributes or {})
    if said is not None and PARENT_KEY not in before and span.is_recording():
        span.set_attribute(PARENT_KEY, said)
    for stamp in stamps:
        stamp(span, context)
    attributes = span.attributes or {}
    if len(attributes) != len(before) or attributes != before:
        kin.stamp = {key: value for key, value in attributes.items() if before.get(key) != value}
