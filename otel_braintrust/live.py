"""Live rows: a span is at Braintrust while it is open, and its end completes the row.

The row of an open span has its name, type, start and input. It is sent as a merge, and so is what
the end adds: whatever was said of the row in between stays, and the order of the two is of no
account. A span that ends within :data:`LINGER_S` is sent once, whole, as without live rows.

Only spans that are certain to go, beneath a parent that is certain, are shown: a row that is there
cannot be hung on another parent. A span that never ends leaves its row as it began. Rows of open
spans are an extra: they are not in the ledger, not on disk, and given up where the server fails.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from otel_braintrust.accounts import Ledger
from otel_braintrust.delivery.clerk import Clerk
from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.parcels import Parcel, seal
from otel_braintrust.delivery.silence import suppressed_instrumentation
from otel_braintrust.equipment import new_connection, new_sender
from otel_braintrust.exporter import BraintrustSpanExporter
from otel_braintrust.passage import Passage
from otel_braintrust.traces.kin import Hold
from otel_braintrust.undelivered import Undelivered

# Most spans are over by then, and need no second row.
LINGER_S = 0.2
PAUSE_S = 0.1
# More open spans than this are not shown, or belong to a process that never ends them.
MAX_SHOWN = 20_000
MAX_WAITING = 5_000
ROWS_AT_ONCE = 500
# The input of an open span is sent twice; a large one is worth waiting for.
MAX_INPUT_BYTES = 256 * 1024
# So long the row of a span that ended waits for that of its beginning, if that is on its way.
WAIT_FOR_BEGINNING_S = 1.0
ATTEMPT_S = 10.0
# Longest time that a flush of spans that ended waits for open ones to be shown, too.
FLUSH_S = 2.0
RETRY_AFTER_S = 5.0
MAX_ATTEMPTS = 3
# Fields of the first row that nobody else writes: the last row's replace them.
REPLACED = (["span_attributes"], ["context"])


@dataclass(slots=True)
class _Shown:
    """What is at Braintrust of an open span."""

    place: Destination
    row: dict[str, Any]
    attempt: int  # the number of the attempt that sent it


@dataclass(slots=True)
class _Started:
    """An open span that is not shown yet."""

    span: Any
    due_at: float
    attempts: int = 0


class LiveRows:
    """Sends the rows of open spans from a thread of its own.

    Args:
        exporter: Makes rows, and asks for what completes them.
        passage: Knows which spans go, and beneath which parent.
        undelivered: Told of rows that are there, so that feedback to them need not wait.
        read: Has all starts and ends entered that were noted so far.
    """

    def __init__(
        self,
        exporter: BraintrustSpanExporter,
        passage: Passage,
        undelivered: Undelivered,
        *,
        read: Callable[[], object],
    ) -> None:
        settings = exporter.settings
        self._exporter = exporter
        self._passage = passage
        self._undelivered = undelivered
        self._read = read
        # Apart from the exporter's: a row that is shown is no span that ended.
        self._ledger = Ledger()
        self._connection = new_connection(settings, settings.api_key or "")
        self._sender = new_sender(settings, self._connection, self._ledger)
        self._has_thread = not settings.sync_flush
        self._clerk = Clerk(self._work, pause_s=PAUSE_S)
        self._shown: OrderedDict[int, _Shown] = OrderedDict()
        self._begin()
        exporter.live = self

    def _begin(self) -> None:
        self._started: deque[_Started] = deque()
        self._withdrawn: deque[tuple[str, Destination]] = deque()
        self._working = threading.Lock()
        self._at_rest = threading.Event()
        self._at_rest.set()
        self._attempt = 0
        self._awaited = 0
        self._is_begun = not self._has_thread

    def note_start(self, span: Any) -> None:
        """Note a span that starts; never waits."""
        if len(self._started) < MAX_WAITING:
            self._started.append(_Started(span, time.monotonic() + LINGER_S))
            if not self._is_begun:
                self._is_begun = self._clerk.start()

    def complete(self, row: dict[str, Any], place: Destination) -> None:
        """Make the row of a span that ended complete the one that is there, if one is.

        Args:
            row: The row, which is changed.
            place: Where it goes.
        """
        shown = self._shown.pop(int(row["span_id"], 16), None)
        if shown is None:
            return
        self._await(shown.attempt)
        if shown.place != place:
            self._withdraw(row["id"], shown.place)
            return
        paths = [list(path) for path in REPLACED]
        if not _covers(row.get("input"), shown.row.get("input")):
            row.setdefault("input", None)
            paths.append(["input"])
        row["_is_merge"] = True
        row["_merge_paths"] = paths

    def withdraw(self, span_id: int) -> None:
        """Take a row away whose span turned out to be none of its own.

        Args:
            span_id: The span's id, as in its context.
        """
        shown = self._shown.pop(span_id, None)
        if shown is not None:
            self._withdraw(shown.row["id"], shown.place)

    def flush(self, deadline: float) -> None:
        """Show the spans that are open now.

        Args:
            deadline: Moment on ``time.monotonic()`` at which to return, finished or not.
        """
        now = time.monotonic()
        if (self._started or self._withdrawn) and now < deadline:
            self._step(float("inf"), min(deadline, now + FLUSH_S))

    def stop(self) -> None:
        """Show no more."""
        self._clerk.stop()
        self._started.clear()
        self._connection.abort()

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child: what waits is the parent's; what is shown, both's."""
        self._begin()
        self._clerk.reset_after_fork()

    def _await(self, attempt: int) -> None:
        """Wait for an attempt that is under way; once, whatever number of spans it carries."""
        if attempt == self._attempt and attempt != self._awaited:
            self._awaited = attempt
            self._at_rest.wait(WAIT_FOR_BEGINNING_S)

    def _withdraw(self, row_id: str, place: Destination) -> None:
        self._withdrawn.append((row_id, place))

    def _work(self) -> None:
        if self._started or self._withdrawn:
            now = time.monotonic()
            self._step(now, now + ATTEMPT_S)

    def _step(self, due_at: float, deadline: float) -> None:
        """Show what is due, by one thread at a time; whatever goes wrong stays here."""
        if not self._working.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return
        try:
            with suppressed_instrumentation():
                while self._show_some(due_at, deadline):
                    pass
        except Exception as error:  # noqa: BLE001  (the thread must outlive whatever happens)
            self._exporter.troubles.tell(
                "internal",
                logging.ERROR,
                "open spans could not be shown: %s; please report it",
                type(error).__name__,
            )
        finally:
            self._at_rest.set()
            self._working.release()

    def _show_some(self, due_at: float, deadline: float) -> bool:
        """Show some of what is due; False when that was all, or time or server let no more."""
        due = self._due(due_at)
        self._read()
        self._attempt += 1
        self._at_rest.clear()  # before it is said that rows are there: their ends wait for them
        gone = [self._withdrawn.popleft() for _ in range(len(self._withdrawn))]
        parcels = [self._tombstone(row_id, place) for row_id, place in gone]
        spans: dict[int, _Started] = {}
        for started in due:
            for span, hold in self._holds(started.span):
                parcel = self._parcel(span, hold)
                if parcel is not None:
                    parcels.append(parcel)
                    spans[id(parcel)] = started
        if not parcels:
            self._at_rest.set()
            return False
        round_ = self._sender.attempt(parcels, deadline)
        self._at_rest.set()
        for parcel in parcels:
            ticket = parcel.ticket
            if ticket is not None and ticket.column == "sent" and ticket.context is not None:
                self._undelivered.note_end(ticket.context.span_id, is_lost=False)
            elif not parcel.is_settled and id(parcel) in spans:
                self._try_again(spans[id(parcel)])
        if self._undelivered.on_change is not None:
            self._undelivered.on_change()
        return round_.error is None and len(due) == ROWS_AT_ONCE

    def _due(self, due_at: float) -> list[_Started]:
        due: list[_Started] = []
        while self._started and len(due) < ROWS_AT_ONCE:
            if self._started[0].due_at > due_at:
                break
            started = self._started.popleft()
            if started.span.is_recording():
                due.append(started)
        return due

    def _try_again(self, started: _Started) -> None:
        if started.attempts + 1 < MAX_ATTEMPTS:
            due_at = time.monotonic() + RETRY_AFTER_S
            self._started.append(_Started(started.span, due_at, started.attempts + 1))

    def _holds(self, span: Any) -> Sequence[tuple[Any, Hold]]:
        """The span and those above it that are certain by now, the outermost first."""
        hold = self._passage.hold_of(span)
        if hold is None:
            return ()
        found = [(span, hold)]
        for above in hold.kept_above:
            above_hold = self._passage.hold_of(above)
            if above_hold is not None and above.context.span_id not in self._shown:
                found.append((above, above_hold))
        return found[::-1]

    def _parcel(self, span: Any, hold: Hold) -> Parcel | None:
        row, place = self._exporter.beginning(span, hold, max_input_bytes=MAX_INPUT_BYTES)
        if row is None or not span.is_recording():
            return None
        self._shown[span.context.span_id] = _Shown(place, row, self._attempt)
        while len(self._shown) > MAX_SHOWN:
            self._shown.popitem(last=False)
        ticket = self._ledger.open(span)
        parcel = seal(ticket, {**row, "_is_merge": True}, place)
        ticket.span = None
        return parcel

    def _tombstone(self, row_id: str, place: Destination) -> Parcel:
        return seal(None, {"id": row_id, "_object_delete": True}, place)


def _covers(last: Any, first: Any) -> bool:
    """Tell whether merging the last value into the first one leaves nothing but the last."""
    if not isinstance(first, dict) or not isinstance(last, dict):
        return first is None or last is not None
    return all(key in last and _covers(last[key], value) for key, value in first.items())
