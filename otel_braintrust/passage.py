"""From a span's end to the queue: is it selected, under which parent, is its trace sampled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from otel_braintrust.accounts import Ledger, Ticket
from otel_braintrust.delivery.alarm import Alarm
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.selection import Selection
from otel_braintrust.settings import Settings
from otel_braintrust.surroundings import Surroundings
from otel_braintrust.traces.kin import Hold
from otel_braintrust.traces.reparenting import Reparenting
from otel_braintrust.traces.sampling import TailSampling
from otel_braintrust.verdicts import Verdict

# What waits because the attributes of a span above it decide on that, waits as long as this ...
HOLD_S = 5.0
# ... and where a function judges, which is asked of ended spans only, as long as agents run.
HOLD_FOR_FUNCTION_S = 300.0


class Passage:
    """What lies between a span and the queue; settles those that don't go.

    Args:
        settings: The options.
        ledger: Where spans that don't go are counted.
        troubles: Where trouble is told.
        hand_on: Takes the tickets of spans that go, also from a thread of its own.
        inherits: See :class:`otel_braintrust.traces.reparenting.Reparenting`.

    Attributes:
        tree: Spans of which something is certain may be shown to it alone.
        certain: What is certain of every span of a scope, as far as nothing else is asked of them.
        is_swift: Scope, attributes and the spans above and beneath say all: nothing else is asked.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        troubles: Troubles,
        hand_on: Callable[[Sequence[Ticket]], object],
        inherits: Callable[[Ticket, int], object],
    ) -> None:
        self._ledger = ledger
        self._troubles = troubles
        self._hand_on = hand_on
        self.surroundings = Surroundings(settings.route, self._tell_route)
        self._has_route = settings.route is not None
        self._tells_parents = True
        selection = Selection(
            settings.mode,
            rules=settings.span_rules,
            span_filter=settings.span_filter,
            infrastructure=settings.infrastructure_scopes,
            on_failure=self._tell_filter,
        )
        asks_for_all = settings.live or settings.route is not None
        asks_for_all = asks_for_all or settings.tail_ratio is not None
        self.is_swift = not asks_for_all and settings.span_filter is None
        self.certain: Mapping[str, Verdict] = {} if asks_for_all else selection.certain
        self.tree = Reparenting(
            selection,
            self._filter,
            inherits=inherits,
            follows_all=asks_for_all,
            hold_s=HOLD_S if settings.span_filter is None else HOLD_FOR_FUNCTION_S,
        )
        self._sampling: TailSampling | None = None
        if settings.tail_ratio is not None:
            self._sampling = TailSampling(
                settings.tail_ratio,
                self._filter,
                slow_s=settings.tail_slow_s,
                max_bytes=settings.tail_max_bytes,
                max_s=settings.tail_max_s,
            )
        self._alarm = Alarm(self._next_at, self._ring)

    def look_at_clock(self) -> None:
        """Do what it is time for; called when spans come, and once for many."""
        try:
            ready = self.tree.look_at_clock()
            if ready:
                self._let_go(ready)
        except Exception as error:  # noqa: BLE001  (what waits must not stop what comes)
            self._tell_internal(error)

    def start(self, span: Any, stamp: Mapping[str, Any] | None, answer: str | bool | None) -> None:
        """Follow a span that started, and judge what is certain of it.

        Args:
            span: The running span.
            stamp: What was written on it because of where it started.
            answer: What the application's function says of where it goes.
        """
        if self._has_route and answer is None:
            answer = self._route_above(span)
        kin, ready = self.tree.on_start(span, goes_here=answer is not False, stamp=stamp)
        if kin is not None and isinstance(answer, str):
            kin.route = answer
        if self._sampling is not None:
            is_beneath = span.parent is not None and not span.parent.is_remote
            self._hand_on(self._sampling.start(span.context.trace_id, is_beneath=is_beneath))
        if ready:
            self._let_go(ready)

    def end(self, span: Any, ticket: Ticket) -> Sequence[Ticket]:
        """Judge a span that ended.

        Returns:
            The tickets that go now; this one, others that waited for it, or none.
        """
        if self._has_route:
            kin = self.tree.followed.get(span.context)
            ticket.route = kin.route if kin is not None else None
        ready: Sequence[Ticket]
        if self._sampling is None:
            ready = self.tree.on_end(span, ticket)
        else:
            ready = self._sampled(self._sampling, span, ticket)
        if self._tells_parents and ticket.is_local_root:
            self._watch_parent(span)
        if ticket.column is None and not (len(ready) == 1 and ready[0] is ticket):
            self._alarm.wake()
        return ready

    def hold_of(self, span: Any) -> Hold | None:
        """Where an open span is certain to hang; None: that, or whether it goes, is not certain.

        Args:
            span: A running span whose start was entered.
        """
        if self._sampling is not None and not self._sampling.decision(span.context.trace_id):
            return None
        kin = self.tree.followed.get(span.context)
        return kin.hold if kin is not None else None

    def release(self) -> None:
        """Let everything go that waits, by what is known now."""
        ready: list[Ticket] = self.tree.release()
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

    def keep_span(self, span_id: int) -> None:
        """As :meth:`keep_trace`, where only the span is known."""
        if self._sampling is not None:
            trace_id = self.tree.followed.trace_of(span_id) or self._sampling.trace_of(span_id)
            if trace_id is not None:
                self.keep_trace(trace_id)

    def is_left_out(self, trace_id: int) -> bool:
        """Tell whether tail sampling left a trace out, so that feedback to it goes nowhere."""
        return self._sampling is not None and self._sampling.decision(trace_id) is False

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child."""
        self.tree.reset_after_fork()
        if self._sampling is not None:
            self._sampling.reset_after_fork()
        self._alarm.reset_after_fork()

    def __len__(self) -> int:
        return len(self.tree) + (len(self._sampling) if self._sampling is not None else 0)

    def _let_go(self, ready: Sequence[Ticket]) -> None:
        self._hand_on(ready if self._sampling is None else self._sampling.take(ready))

    def _sampled(self, sampling: TailSampling, span: Any, ticket: Ticket) -> list[Ticket]:
        has_begun_here = span.context.span_id in self.tree.followed.open
        ready: list[Ticket] = sampling.take(self.tree.on_end(span, ticket))
        return [*ready, *sampling.end(span.context.trace_id)] if has_begun_here else ready

    def _route_above(self, span: Any) -> str | bool | None:
        """What the application's function said of the span above."""
        above = self.tree.followed.get(span.parent)
        if above is None:
            return None
        return above.route if above.goes_here else False

    def _next_at(self) -> float | None:
        dues = [self.tree.next_release_at]
        if self._sampling is not None:
            dues.append(self._sampling.next_release_at)
        return min((due for due in dues if due is not None), default=None)

    def _ring(self) -> None:
        try:
            ready: list[Ticket] = self.tree.release(everything=False)
            if self._sampling is not None:
                ready = self._sampling.take(ready)
                ready += self._sampling.release(everything=False)
            self._hand_on(ready)
        except Exception as error:  # noqa: BLE001  (the alarm must go on ringing)
            self._tell_internal(error)

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
            "span %s is sampled, but its %s parent is not, so that its trace is not whole; another "
            "tracing library may share this context (told once)",
            format(span.context.span_id, "016x"),
            "remote" if parent.is_remote else "local",
        )

    def _tell_internal(self, error: Exception) -> None:
        self._troubles.tell(
            "internal",
            logging.ERROR,
            "spans that waited could not be sent: %s; please report it",
            type(error).__name__,
        )

    def _tell_filter(self, error: BaseException) -> None:
        self._troubles.tell(
            "span_filter",
            logging.WARNING,
            "span_filter failed (%s); the span is kept",
            type(error).__name__,
        )

    def _tell_route(self, error: BaseException) -> None:
        self._troubles.tell(
            "route",
            logging.WARNING,
            "route failed (%s); the span goes where its parent goes",
            type(error).__name__,
        )
