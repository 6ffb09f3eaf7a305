"""The ledger's columns, and what a flush reports."""

from __future__ import annotations

import threading
import time

from opentelemetry.trace import SpanContext

from otel_braintrust.accounts import Counts, FlushResult, Ledger, Ticket


class _Span:
    context = SpanContext(1, 1, is_remote=False)


def test_a_ticket_is_settled_once() -> None:
    ledger = Ledger()
    ticket = ledger.open(_Span())
    assert ledger.settle([ticket], "dropped", "shutdown") == 1
    assert ledger.settle([ticket], "sent") == 0
    assert ledger.counts == Counts(ended=1, dropped={"shutdown": 1})


def test_the_counts_read_as_a_line() -> None:
    ledger = Ledger()
    tickets = [ledger.open(_Span()) for _ in range(6)]
    ledger.settle(tickets[:2], "sent")
    ledger.settle(tickets[2:3], "filtered")
    ledger.settle(tickets[3:4], "dropped", "auth")
    ledger.settle(tickets[4:5], "dropped", "queue_full")
    ledger.note_sampled()
    expected = "6 spans ended, 2 sent, 1 filtered, 1 pending, 2 dropped (auth 1, queue_full 1)"
    assert str(ledger.counts) == expected
    assert ledger.counts.sampled == 1


def test_a_flush_reports_what_no_flush_reported_before() -> None:
    ledger = Ledger()
    tickets = [ledger.open(_Span()) for _ in range(4)]
    ledger.settle(tickets[:1], "sent")
    first = ledger.watch()
    ledger.settle(tickets[1:2], "dropped", "auth")
    assert ledger.report(first, time.monotonic()) == FlushResult(sent=1, dropped=1, pending=2)
    ledger.settle(tickets[2:], "sent")
    second = ledger.report(ledger.watch(), time.monotonic())
    assert (second, second.ok) == (FlushResult(sent=2), True)
    assert ledger.report(ledger.watch(), time.monotonic()) == FlushResult()


def test_a_flush_does_not_count_what_ended_after_it_began() -> None:
    ledger = Ledger()
    before = ledger.open(_Span())
    watch = ledger.watch()
    after = ledger.open(_Span())
    ledger.settle([after, before], "sent")
    assert ledger.report(watch, time.monotonic()) == FlushResult(sent=1)
    assert ledger.report(ledger.watch(), time.monotonic()) == FlushResult(sent=1)


def test_flushes_that_overlap_report_the_same_spans_and_the_next_none() -> None:
    ledger = Ledger()
    ticket = ledger.open(_Span())
    one, other = ledger.watch(), ledger.watch()
    ledger.settle([ticket], "sent")
    assert ledger.report(one, time.monotonic()) == FlushResult(sent=1)
    assert ledger.report(other, time.monotonic()) == FlushResult(sent=1)
    assert ledger.report(ledger.watch(), time.monotonic()) == FlushResult()


def test_spans_that_are_entered_together_ended_before_or_after_a_flush_began() -> None:
    ledger = Ledger()
    early, late = ([Ticket(span, span.context) for span in [_Span()] * 3] for _ in range(2))
    ledger.open_all(early, 30)
    watch = ledger.watch()
    ledger.open_all(late, 31)
    assert ledger.counts == Counts(ended=6, pending=6)
    assert ledger.pending_bytes == 60
    ledger.settle([*late, *early[:2]], "sent")
    assert ledger.report(watch, time.monotonic()) == FlushResult(sent=2, pending=1)
    assert ledger.pending_bytes == 10


def test_a_flush_ends_as_soon_as_the_last_span_is_settled() -> None:
    ledger = Ledger()
    ticket = ledger.open(_Span())
    watch = ledger.watch()
    threading.Timer(0.05, ledger.settle, ([ticket], "spooled")).start()
    begin = time.monotonic()
    assert ledger.report(watch, begin + 10.0) == FlushResult(spooled=1)
    assert time.monotonic() - begin < 5.0
