"""Where spans that started and ended are entered in the books, and handed on if they go."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any

from otel_braintrust.accounts import Ticket
from otel_braintrust.batching import Batches
from otel_braintrust.contexts import IS_REMOTE, SAMPLED, SPAN_ID, TRACE_FLAGS, origin_of
from otel_braintrust.exporter import BraintrustSpanExporter
from otel_braintrust.intake import Start
from otel_braintrust.local_roots import LocalRoots
from otel_braintrust.page import Page
from otel_braintrust.passage import Passage
from otel_braintrust.sizes import SPAN_BYTES, attached_bytes, attribute_values, values_bytes
from otel_braintrust.undelivered import Undelivered
from otel_braintrust.verdicts import Verdict

KEEP, DROP = Verdict.KEEP, Verdict.DROP


class Desk:
    """Enters what the application's threads noted; :meth:`enter` is called by one at a time.

    Args:
        exporter: Whose ledger is kept, and whose courier takes the spans.
        undelivered: Told of spans that have no row yet.
        batches: Where spans wait for others; None: each goes to the courier at once.

    Attributes:
        passage: What judges them.
        roots: The open spans.
        is_closed: True: spans come too late.
    """

    def __init__(
        self, exporter: BraintrustSpanExporter, undelivered: Undelivered, batches: Batches | None
    ) -> None:
        self.passage = Passage(
            exporter.settings, exporter.book, exporter.troubles, self.hand_on, self._inherit
        )
        self.is_closed = False
        self._exporter = exporter
        self._book = exporter.book
        self._courier = exporter.courier
        # One span may always wait.
        self._max_bytes = exporter.settings.queue_bytes
        self._undelivered = undelivered
        self._batches = batches
        self._end_mark = f"_otel_braintrust_end_{id(self)}"
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child; what waits here belongs to the parent."""
        self.roots = LocalRoots()
        if self._batches is not None:
            self._batches.reset_after_fork()

    def enter(self, events: Sequence[Any]) -> None:
        """Take what happened, in order; see :class:`otel_braintrust.intake.Intake`."""
        page = Page(self.passage, self.roots.open)
        if self._courier is None:
            page.trust_nothing()  # each span is counted as lost
        self.passage.look_at_clock()
        try:
            for event in events:
                try:
                    if type(event) is tuple:
                        self._enter_start(page, event)
                    else:
                        self._enter_end(page, event)
                except Exception as error:  # noqa: BLE001, PERF203  (one odd span must not stop others)
                    page.trust_nothing()  # who knows what it left behind
                    self.tell_internal(error)
        finally:
            self._post(page)
            self.roots.forget_oldest()
            self.hand_on(page.go)

    def _post(self, page: Page) -> None:
        """Enter in the books what was noted on the page."""
        if page.started:
            self._undelivered.note_starts(page.started)
            page.started = []
        if page.ended:
            self._open(page)
        if page.filtered:
            self._book.note_filtered(len(page.filtered))
            self._undelivered.note_filtered(page.filtered)
            page.filtered = []

    def _open(self, page: Page) -> None:
        """Enter spans that go, if there is memory for them."""
        tickets, contents, more_bytes = page.ended, page.contents, page.attached_bytes
        page.ended, page.contents, page.attached_bytes = [], [], 0
        size_bytes = SPAN_BYTES * len(tickets) + self._weigh(contents) + more_bytes
        if self._book.pending_bytes + size_bytes <= self._max_bytes:
            self._book.open_all(tickets, size_bytes)
            page.go += tickets
            return
        for ticket, values in zip(tickets, contents, strict=True):
            self._open_alone(ticket, values)
            if self._has_room_for(ticket):
                page.go.append(ticket)
            else:
                self._turn_away([ticket])

    def _open_alone(self, ticket: Ticket, values: Collection[Any]) -> None:
        size_bytes = SPAN_BYTES + self._weigh([values]) + ticket.size_bytes
        self._book.open_all([ticket], size_bytes)

    def _weigh(self, contents: Sequence[Collection[Any]]) -> int:
        """About how much memory attributes hold; those that cannot be weighed hold nothing."""
        try:
            return values_bytes(contents)
        except Exception as error:  # noqa: BLE001  (one odd span must not stop others)
            if len(contents) > 1:
                return sum(self._weigh([values]) for values in contents)
            self.tell_internal(error)
            return 0

    def _has_room_for(self, ticket: Ticket) -> bool:
        """Tell whether there is memory for a span that was entered; one may always wait."""
        return self._book.pending_bytes <= max(self._max_bytes, ticket.size_bytes)

    def _enter_start(self, page: Page, event: Start) -> None:
        span, stamp, answer = event
        try:
            context, parent = span._context, span._parent  # noqa: SLF001  (see origin_of)
            scope = span._instrumentation_scope._name  # noqa: SLF001
        except AttributeError:
            context, parent, scope = origin_of(span)
        span_id = context[SPAN_ID]
        roots = page.roots
        if span_id in roots:  # an application may add a processor twice
            return
        above = None if parent is None or parent[IS_REMOTE] else roots.get(parent[SPAN_ID])
        roots[span_id] = span if above is None else above
        page.started.append(span_id)
        early = page.certain.get(scope)
        if (early is KEEP and not page.has_kin) or not context[TRACE_FLAGS] & SAMPLED:
            return
        page.has_kin = True
        if early is None or stamp is not None:
            self.passage.start(span, stamp, answer)
        else:
            ready = page.tree.follow(span, context, parent, early)[1]
            if ready:
                self._post(page)
                page.go += ready

    def _enter_end(self, page: Page, span: Any) -> None:
        try:
            context, parent = span._context, span._parent  # noqa: SLF001  (see origin_of)
            scope = span._instrumentation_scope._name  # noqa: SLF001
            values = span._attributes._dict  # noqa: SLF001
            has_more = span._events._dq or span._links._dq  # noqa: SLF001
        except AttributeError:
            context, parent, scope = origin_of(span)
            values = attribute_values(span)
            has_more = span.events or span.links
        span_id = 0 if context is None else context[SPAN_ID]
        root = page.roots.pop(span_id, None)
        # An application may add a processor twice.
        if root is None and getattr(span, self._end_mark, False):
            return
        try:  # noqa: SIM105  (a context manager would take longer than all the rest)
            setattr(span, self._end_mark, True)
        except AttributeError:  # no place for a mark
            pass
        if context is None:
            self._book.note_sampled()
            return
        tagged = self.roots.end(span, span_id, root, values)
        if not context[TRACE_FLAGS] & SAMPLED:
            self._enter_sampled(page, span_id)
            return
        verdict = page.certain.get(scope)
        if (page.has_kin or verdict is not KEEP) and page.is_swift:
            verdict = page.tree.leaves.end(span, span_id, parent, verdict)
            if verdict is DROP:
                page.filtered.append(span_id)
                return
        ticket = Ticket(tagged, context, attached_bytes(span) if has_more else 0)
        if verdict is KEEP and (parent is None or parent[TRACE_FLAGS] & SAMPLED):
            ticket.is_local_root = parent is None or parent[IS_REMOTE]
            page.attached_bytes += ticket.size_bytes
            page.contents.append(values.values())
            page.ended.append(ticket)
        else:
            self._post(page)
            page.has_kin = True
            self._open_alone(ticket, values.values())
            self._judge(page, span, ticket)

    def _enter_sampled(self, page: Page, span_id: int) -> None:
        """Note that a span ended that the sampler left out."""
        self._post(page)
        self._book.note_sampled()
        self._undelivered.note_end(span_id, is_lost=True)

    def _judge(self, page: Page, span: Any, ticket: Ticket) -> None:
        """Do with a span that ended, and is in the books, what depends on others."""
        if self._courier is None:
            self._book.settle([ticket], "dropped", "no_api_key")
        elif self._has_room_for(ticket):
            # Rules are about the span as it was made, without the tags that rose to it.
            page.go += self.passage.end(span, ticket)
        else:
            self._turn_away(self.passage.end(span, ticket))

    def _inherit(self, ticket: Ticket, root_id: int) -> None:
        ticket.span = self.roots.with_tags_of(ticket.span, root_id)

    def refuse(self, span: Any) -> None:
        """Count a span as lost that ended when too many were unread; also called by other threads.

        Args:
            span: The ended span.
        """
        self._turn_away([self._book.open(span, 0)])

    def hand_on(self, tickets: Sequence[Ticket]) -> None:
        """Take spans that go, to hand them over with others.

        Args:
            tickets: The spans.
        """
        if not tickets:
            return
        if self.is_closed:
            self._book.settle(tickets, "dropped", "after_shutdown")
            return
        room = self._room()
        if self._batches is not None:
            if not self._batches.put(tickets[:room]):
                self._book.settle(tickets, "dropped", "after_shutdown")
                return
        elif self._courier is not None:
            self._courier.accept(tickets[:room])
        if room < len(tickets):
            self._turn_away(tickets[room:])

    def hand_over(self) -> None:
        """Give the courier what waits to be sent."""
        if self._batches is not None:
            self._batches.hand_over()

    def stop(self) -> None:
        """Give the courier what waits to be sent; what comes after it comes too late."""
        self.is_closed = True
        if self._batches is not None:
            self._batches.stop()

    def _room(self) -> int:
        """How many spans more may wait, in batches and at the courier's."""
        waiting = self._courier.waiting if self._courier is not None else 0
        if self._batches is not None:
            waiting += self._batches.waiting
        return max(0, self._exporter.queue_size - waiting)

    def _turn_away(self, tickets: Sequence[Ticket]) -> None:
        if tickets:
            self._book.settle(tickets, "dropped", "queue_full")
            self._exporter.tell_queue_full(len(tickets))

    def tell_internal(self, error: Exception) -> None:
        """Log, once, that a span was lost because of a fault of ours."""
        self._exporter.troubles.tell(
            "internal",
            logging.ERROR,
            "a span could not be taken: %s; please report it",
            type(error).__name__,
        )
