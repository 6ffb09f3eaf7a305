"""Tail sampling: whole traces of this process are kept or left out when they have ended.

A trace with an error, a score or a slow span goes at once, as soon as that is known; of the rest a
share goes, chosen by trace id, so that every process and every restart chooses the same. What
cannot wait any longer, for memory or time, goes. A span that begins beneath a trace which has ended
follows what was decided; another call of this process within the same trace is decided anew.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

ID_SPACE = 1 << 64
MAX_REMEMBERED = 10_000
# More open traces than this belong to a process that never ends their spans.
MAX_OPEN_TRACES = 20_000
SCORE_PREFIXES = ("braintrust.scores", "gen_ai.evaluation.score")
SCORE_EVENT = "gen_ai.evaluation.result"
NS_PER_S = 1_000_000_000


class _Trace:
    """Spans of one trace that wait for its end."""

    __slots__ = ("began_at", "is_left_out", "open", "size_bytes", "tickets")

    def __init__(self, began_at: float) -> None:
        self.began_at = began_at
        self.is_left_out = False  # what these spans hang on was left out
        self.open = 0
        self.size_bytes = 0
        self.tickets: list[Any] = []


class TailSampling:
    """Holds the spans of a trace until its last open span of this process has ended.

    Args:
        ratio: Share of traces that go though nothing speaks for them, 0 to 1.
        left_out: Called with the tickets of spans that don't go.
        slow_s: A span that lasted this long, in seconds, is slow.
        max_bytes: Most bytes that wait, about; beyond it the oldest trace goes.
        max_s: Longest time that a trace waits, in seconds; then it goes.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        ratio: float,
        left_out: Callable[[list[Any]], object],
        *,
        slow_s: float,
        max_bytes: int,
        max_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bound = int(ratio * ID_SPACE)
        self._left_out = left_out
        self._slow_ns = int(slow_s * NS_PER_S)
        self._max_bytes = max_bytes
        self._max_s = max_s
        self._clock = clock
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child; traces that are open end in the parent."""
        self._lock = threading.RLock()
        self._traces: OrderedDict[int, _Trace] = OrderedDict()
        self._decided: OrderedDict[int, bool] = OrderedDict()
        self._size_bytes = 0

    def __len__(self) -> int:
        return len(self._traces)

    @property
    def next_release_at(self) -> float | None:
        """When the oldest trace goes though it has not ended; None: none waits."""
        with self._lock:
            for trace in self._traces.values():
                return trace.began_at + self._max_s
            return None

    def decision(self, trace_id: int) -> bool | None:
        """Whether a trace went (True) or was left out (False); None: not known (any more)."""
        return self._decided.get(trace_id)

    def trace_of(self, span_id: int) -> int | None:
        """The trace of a span that waits; None: it is none of those."""
        with self._lock:
            for trace_id, trace in self._traces.items():
                if any(ticket.context.span_id == span_id for ticket in trace.tickets):
                    return trace_id
            return None

    def start(self, trace_id: int, *, is_beneath: bool = False) -> list[Any]:
        """A span of the trace began.

        Args:
            trace_id: Its trace.
            is_beneath: It hangs on a span of this process.

        Returns:
            The spans that go now, because too many traces are open.
        """
        go: list[Any] = []
        with self._lock:
            trace = self._traces.get(trace_id)
            if trace is None:
                trace = self._traces[trace_id] = _Trace(self._clock())
                trace.is_left_out = is_beneath and self._decided.get(trace_id) is False
                if len(self._traces) > MAX_OPEN_TRACES:
                    self._forget(next(iter(self._traces)), go)
            elif not is_beneath:
                trace.is_left_out = False
            trace.open += 1
        return go

    def take(self, tickets: Iterable[Any]) -> list[Any]:
        """Take spans that ended and are selected.

        Returns:
            Those that go now.
        """
        go: list[Any] = []
        out: list[Any] = []
        with self._lock:
            for ticket in tickets:
                self._take(ticket, go, out)
        if out:
            self._left_out(out)
        return go

    def end(self, trace_id: int) -> list[Any]:
        """A span of the trace ended, and what it lets go was taken.

        Returns:
            The spans that go now.
        """
        with self._lock:
            trace = self._traces.get(trace_id)
            if trace is None:
                return []
            trace.open -= 1
            if trace.open > 0:
                return []
            del self._traces[trace_id]
            self._size_bytes -= trace.size_bytes
            if not trace.tickets:
                return []
            goes = trace_id % ID_SPACE < self._bound
            self._remember(trace_id, goes)
        if goes:
            return trace.tickets
        self._left_out(trace.tickets)
        return []

    def keep(self, trace_id: int) -> list[Any]:
        """Something speaks for a trace, for instance feedback: it goes, unless it is left out.

        Returns:
            The spans that go now.
        """
        go: list[Any] = []
        with self._lock:
            trace = self._traces.get(trace_id)
            is_open = trace is not None and not trace.is_left_out
            if is_open or self._decided.get(trace_id) is None:
                self._keep(trace_id, go)
        return go

    def release(self, *, everything: bool = True) -> list[Any]:
        """Let go what waits; with a flush, everything.

        Args:
            everything: False: only traces that have waited for their time.
        """
        go: list[Any] = []
        with self._lock:
            oldest = self._clock() - self._max_s
            for trace_id, trace in list(self._traces.items()):
                if everything:
                    if trace.tickets:
                        self._keep(trace_id, go)
                elif trace.began_at > oldest:
                    break
                else:
                    self._forget(trace_id, go)
        return go

    def _take(self, ticket: Any, go: list[Any], out: list[Any]) -> None:
        trace_id = ticket.context.trace_id
        trace = self._traces.get(trace_id)
        goes = self._decided.get(trace_id)
        if trace is None or trace.is_left_out or goes:
            (out if goes is False else go).append(ticket)
            return
        trace.tickets.append(ticket)
        trace.size_bytes += ticket.size_bytes
        self._size_bytes += ticket.size_bytes
        if self._speaks_for(ticket.span):
            self._keep(trace_id, go)
        while self._size_bytes > self._max_bytes:
            oldest = next(key for key, trace in self._traces.items() if trace.tickets)
            self._keep(oldest, go)

    def _forget(self, trace_id: int, go: list[Any]) -> None:
        """Follow a trace no further, for its spans may never end; it goes."""
        if not self._traces[trace_id].is_left_out:
            self._keep(trace_id, go)
        del self._traces[trace_id]

    def _keep(self, trace_id: int, go: list[Any]) -> None:
        self._remember(trace_id, True)
        trace = self._traces.get(trace_id)
        if trace is not None:
            go.extend(trace.tickets)
            self._size_bytes -= trace.size_bytes
            trace.tickets, trace.size_bytes = [], 0

    def _remember(self, trace_id: int, goes: bool) -> None:
        self._decided[trace_id] = goes
        self._decided.move_to_end(trace_id)
        while len(self._decided) > MAX_REMEMBERED:
            self._decided.popitem(last=False)

    def _speaks_for(self, span: Any) -> bool:
        if span.status.status_code.name == "ERROR":
            return True
        if (span.end_time or 0) - (span.start_time or 0) >= self._slow_ns:
            return True
        if any(key.startswith(SCORE_PREFIXES) for key in span.attributes or ()):
            return True
        return any(event.name == SCORE_EVENT for event in span.events)
