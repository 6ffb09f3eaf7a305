"""Which ended spans go, and under which parent: no child is left under a span that does not go.

A span's verdict is often certain when it begins (by its scope); then nothing waits. Where it is
known only at the end (a user's function, an attribute), a kept child that ends before is held back
until its ancestor has ended, for a few seconds at most; then it goes under the next ancestor that
is known to go. An infrastructure span goes when a kept span is beneath it, so it needs no holding
back of its children; if it ends before what is beneath it has been judged, it waits itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from opentelemetry.trace import SpanContext

from otel_braintrust.contexts import IS_REMOTE, SAMPLED, SPAN_ID, TRACE_FLAGS
from otel_braintrust.traces.followed import Followed
from otel_braintrust.traces.kin import Kin, as_made, with_parent
from otel_braintrust.traces.leaves import Judge, Leaves
from otel_braintrust.traces.waiting import Waiting
from otel_braintrust.verdicts import Verdict

KEEP, DROP, IF_BENEATH, OPEN = Verdict.KEEP, Verdict.DROP, Verdict.IF_BENEATH, Verdict.OPEN


class Ticket(Protocol):
    """What stands for an ended span; its span is replaced where its parent changes."""

    span: Any
    size_bytes: int
    is_local_root: bool


class Reparenting:
    """Follows the spans of this process from start to end; thread-safe, bounded in count and time.

    Time passes for it with :meth:`look_at_clock`, which whoever shows it many spans calls once.

    Attributes:
        followed: What is known of spans that are open, or were dropped.
        leaves: Knows of many spans that end what becomes of them, which then need not be shown to
            :meth:`on_end`.

    Args:
        judge: Says which spans go.
        filtered: Called with the tickets of spans that don't.
        inherits: Called with the ticket of a span that goes as a root because nothing above it in
            this process does, and the id of the outermost of those spans.
        follows_all: Follow also spans that are sure to go and need nothing of others: what is known
            of them is asked for.
        hold_s: Longest time that a span waits for the verdict on another, in seconds.
        max_held: Most spans that wait.
        max_held_bytes: Most bytes of spans that wait, about.
        max_open: Most spans followed; the oldest are forgotten first.
        max_dropped: Most dropped spans remembered, for children that begin after their end.
        max_age_s: Time after which a span that never ends, or was dropped, is forgotten.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        judge: Judge,
        filtered: Callable[[list[Any]], object],
        *,
        inherits: Callable[[Any, int], object] | None = None,
        follows_all: bool = False,
        hold_s: float = 5.0,
        max_held: int = 10_000,
        max_held_bytes: int = 64 * 1024 * 1024,
        max_open: int = 20_000,
        max_dropped: int = 10_000,
        max_age_s: float = 3_600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._judge = judge
        self._filtered = filtered
        self._inherits = inherits
        self._follows_all = follows_all
        self._clock = clock
        self.followed = Followed(max_open=max_open, max_dropped=max_dropped, max_age_s=max_age_s)
        self.leaves = Leaves(judge, self.followed)
        self._held = Waiting(
            hold_s=hold_s, max_count=max_held, max_bytes=max_held_bytes, clock=clock
        )
        self._begin()

    def _begin(self) -> None:
        self.followed.clear()
        self.followed.now = self._clock()
        self._held.clear()

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child; spans open in the parent end there.

        What is beneath them here hangs on those that are sure to go there, and on no other.
        """
        followed = self.followed
        above = [*followed.dropped.values(), *followed.open.values()][-followed.max_dropped :]
        for kin in above:
            kin.is_kept = kin.is_kept or (not kin.is_dropped and self._will_be_kept(kin))
            kin.is_dropped = not kin.is_kept
            kin.span = kin.ticket = kin.waiters = None
        self._begin()
        followed.dropped.update((kin.span_id, kin) for kin in above)

    def __len__(self) -> int:
        return len(self.followed) + len(self._held)

    @property
    def next_release_at(self) -> float | None:
        """When the first span that is held back is let go, on the clock; None: none is held."""
        with self.followed.lock:
            return self._held.next_release_at

    def on_start(
        self, span: Any, *, goes_here: bool = True, stamp: Mapping[str, Any] | None = None
    ) -> tuple[Kin | None, Sequence[Any]]:
        """Follow a span, unless it is sure to go and to hang on its own parent.

        Args:
            span: The running span.
            goes_here: False: it is dropped, whatever the judge would say.
            stamp: Attributes that were written on it; it is judged as it was made.

        Returns:
            What is known of it if it is followed, and tickets that may go now.
        """
        made = span if stamp is None else as_made(span, stamp)
        early = self._judge.early(made) if goes_here else DROP
        return self.follow(span, span.context, span.parent, early, goes_here, stamp)

    def follow(
        self,
        span: Any,
        context: SpanContext,
        parent: SpanContext | None,
        early: Verdict,
        goes_here: bool = True,
        stamp: Mapping[str, Any] | None = None,
    ) -> tuple[Kin | None, Sequence[Any]]:
        """As :meth:`on_start`, for a span of which is known what is certain of it.

        Args:
            span: The running span.
            context: Its own context.
            parent: Its parent's.
            early: What is certain of it.
            goes_here: See :meth:`on_start`.
            stamp: See :meth:`on_start`.
        """
        followed = self.followed
        above = followed.get(parent)
        if early is KEEP and not self._follows_all and (above is None or above.is_kept):
            return None, ()
        kin = Kin(span, context, parent, early, above, followed.now)
        kin.goes_here = goes_here
        kin.stamp = stamp
        ready: list[Any] = []
        dropped: list[Any] = []
        with followed.lock:
            followed.open[kin.span_id] = kin
            if early is KEEP:
                self._mark(above, ready)
                kin.is_kept = True
            elif above is not None and not above.is_decided:
                above.undecided += 1
                kin.is_counted = True
            while (forgotten := followed.forget_open()) is not None:
                self._forget(forgotten, ready, dropped)
        if dropped:
            self._filtered(dropped)
        return kin, ready

    def look_at_clock(self) -> list[Any]:
        """Do what it is time for: forget what is too old, let go what has waited long enough.

        Returns:
            The tickets that may go now.
        """
        followed = self.followed
        followed.now = now = self._clock()
        ready: list[Any] = []
        if not len(self):
            return ready
        dropped: list[Any] = []
        with followed.lock:
            followed.forget_dropped()
            self._let_go(now, ready, dropped)
        if dropped:
            self._filtered(dropped)
        return ready

    def on_end(self, span: Any, ticket: Ticket) -> Sequence[Any]:
        """Judge a span that ended.

        Returns:
            The tickets that may go now, in the order in which they ended.
        """
        context, parent = span.context, span.parent
        span_id = context[SPAN_ID]
        followed = self.followed
        kin = followed.open.get(span_id)
        if kin is not None and (kin.early is KEEP or kin.early is DROP):
            verdict = kin.early
        else:
            made = span if kin is None or kin.stamp is None else as_made(span, kin.stamp)
            verdict = self._judge.final(made)
        if kin is None and verdict is KEEP and self._stays(ticket, parent):
            return (ticket,)
        ready: list[Any] = []
        dropped: list[Any] = []
        with followed.lock:
            if followed.open.pop(span_id, None) is None or kin is None:
                # Its start was not seen, or it was forgotten; a child may hang on it.
                kin = Kin(span, context, parent, OPEN, followed.get(parent), followed.now)
                kin.keeps_beneath = True
            kin.span, kin.ticket = None, ticket
            if kin.is_kept or verdict is KEEP or (verdict is IF_BENEATH and kin.keeps_beneath):
                self._keep(kin, ready)
            elif verdict is IF_BENEATH and kin.undecided:
                kin.waits_for_beneath = True
                followed.open[span_id] = kin
                self._held.add(kin)
            else:
                self._drop(kin, ready, dropped)
            if self._held:
                self._let_go(followed.now, ready, dropped)
        if dropped:
            self._filtered(dropped)
        return ready

    def release(self, *, everything: bool = True) -> list[Any]:
        """Let go what is held back, by what is known now; with a flush, everything.

        Args:
            everything: False: only what has waited for its time.

        Returns:
            The tickets that may go now.
        """
        ready: list[Any] = []
        dropped: list[Any] = []
        with self.followed.lock:
            now = float("inf") if everything else self._clock()
            self._let_go(now, ready, dropped)
        if dropped:
            self._filtered(dropped)
        return ready

    def _stays(self, ticket: Ticket, parent: SpanContext | None) -> bool:
        """Tell whether a span that goes and is not followed stays where it is."""
        above = self.followed.get(parent)
        if above is not None:
            return above.is_kept
        ticket.is_local_root = parent is None or parent[IS_REMOTE]
        return ticket.is_local_root or bool(parent is None or parent[TRACE_FLAGS] & SAMPLED)

    def _keep(self, kin: Kin, ready: list[Any]) -> None:
        if not kin.is_decided:
            self._mark(kin.above, ready)
            kin.is_kept = True
        self._release_waiters(kin, ready)
        kin.uncount()
        self._send(kin, ready)

    def _mark(self, above: Kin | None, ready: list[Any]) -> None:
        """Tell a span, and those above it, that a kept one is beneath them."""
        while above is not None and not above.is_kept and not above.keeps_beneath:
            following = above.above
            above.keeps_beneath = True
            if not above.is_dropped and (above.early is IF_BENEATH or above.waits_for_beneath):
                above.is_kept = True
                above.uncount()
                self._release_waiters(above, ready)
                if above.waits_for_beneath:
                    above.waits_for_beneath = False
                    self.followed.open.pop(above.span_id, None)
                    self._send(above, ready)
            above = following

    def _drop(self, kin: Kin, ready: list[Any], dropped: list[Any]) -> None:
        """Drop a span, and what above it waited for this verdict alone."""
        falling: Kin | None = kin
        while falling is not None:
            falling.is_dropped = True
            falling.waits_for_beneath = False
            self._held.remove(falling)
            if falling.ticket is not None:
                dropped.append(falling.ticket)
                falling.ticket = None
            self.followed.drop(falling)
            self._release_waiters(falling, ready)
            falling = self._emptied_above(falling)

    def _emptied_above(self, kin: Kin) -> Kin | None:
        """Its parent, if that has ended and waited for this verdict alone."""
        above = kin.above
        if not kin.uncount() or above is None or above.undecided or above.is_decided:
            return None
        return above if above.waits_for_beneath else None

    def _release_waiters(self, kin: Kin, ready: list[Any]) -> None:
        waiters, kin.waiters = kin.waiters, None
        for waiter in waiters or ():
            if waiter.ticket is not None:
                self._send(waiter, ready)

    def _send(self, kin: Kin, ready: list[Any], *, now: bool = False) -> None:
        """Give a kept span its parent; hold it back while that is open, unless it must go now."""
        ticket = kin.ticket
        if ticket is None:  # it has not ended
            return
        above, last = kin.above, kin
        while above is not None and not above.is_kept:
            if not above.is_dropped and above.early is not DROP and not now:
                if not self._will_be_kept(above):
                    above.let_wait(kin)
                    self._held.add(kin)
                    return
                self._mark(above.above, ready)
                above.uncount()
                above.is_kept = True
                self._release_waiters(above, ready)
                break
            last, above = above, above.above
        self._held.remove(kin)
        kin.ticket = None
        parent = above.context if above is not None else last.parent_that_arrives
        if last is not kin or parent is not kin.parent:
            ticket.span = with_parent(ticket.span, parent)
        ticket.is_local_root = above is None and (parent is None or parent.is_remote)
        if ticket.is_local_root and last is not kin and self._inherits is not None:
            self._inherits(ticket, last.context.span_id)
        kin.above = None
        ready.append(ticket)

    def _will_be_kept(self, kin: Kin) -> bool:
        """Tell whether what is written on an open span by now makes certain that it goes."""
        if kin.span is None or kin.early is not OPEN:
            return False
        made = kin.span if kin.stamp is None else as_made(kin.span, kin.stamp)
        return self._judge.early(made) is KEEP

    def _let_go(self, now: float, ready: list[Any], dropped: list[Any]) -> None:
        while (kin := self._held.due(now)) is not None:
            if kin.waits_for_beneath and not kin.is_decided:
                self._drop(kin, ready, dropped)
            else:
                self._send(kin, ready, now=True)

    def _forget(self, kin: Kin, ready: list[Any], dropped: list[Any]) -> None:
        """Follow a span no further; what waits for it goes, and it too when it ends."""
        if kin.ticket is not None:
            self._drop(kin, ready, dropped)
        elif not kin.is_kept:
            kin.is_dropped = True  # for what is beneath it
            self._release_waiters(kin, ready)
            emptied = self._emptied_above(kin)
            if emptied is not None:
                self._drop(emptied, ready, dropped)
