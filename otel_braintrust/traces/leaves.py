"""Ends of spans that move no other: nothing waits for most spans, above or beneath them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from opentelemetry.trace import SpanContext

from otel_braintrust.contexts import IS_REMOTE
from otel_braintrust.traces.followed import Followed
from otel_braintrust.traces.kin import Kin
from otel_braintrust.verdicts import Verdict

KEEP, DROP, IF_BENEATH, OPEN = Verdict.KEEP, Verdict.DROP, Verdict.IF_BENEATH, Verdict.OPEN


class Judge(Protocol):
    """What says which spans go."""

    def early(self, span: Any) -> Verdict: ...
    def final(self, span: Any) -> Verdict: ...


class Leaves:
    """Judges spans that end and move no other.

    Args:
        judge: Says which spans go; it may be asked of one more than once.
        followed: The spans that are open, or were dropped.
    """

    def __init__(self, judge: Judge, followed: Followed) -> None:
        self._judge = judge
        self._followed = followed

    def end(
        self, span: Any, span_id: int, parent: SpanContext | None, early: Verdict | None
    ) -> Verdict:
        """Judge a span that ended, if what becomes of it is certain and moves no other.

        Args:
            span: The ended span.
            span_id: Its id.
            parent: Its parent's context.
            early: What is certain of all spans of its scope; None: nothing is.

        Returns:
            KEEP: it goes, and stays where it is; DROP: it does not go; OPEN: more must be done.
        """
        followed = self._followed
        kin = followed.open.get(span_id)
        if kin is None:
            verdict = early or self._judge.final(span)
            is_certain = verdict is KEEP and _is_in_place(parent, followed.get(parent))
            return KEEP if is_certain else OPEN
        if kin.waiters or kin.stamp or kin.ticket is not None:
            return OPEN
        verdict = kin.early if kin.early is DROP or kin.is_kept else self._judge.final(span)
        with followed.lock:
            return _END[KEEP if kin.is_kept else verdict](self, kin)

    def _keep(self, kin: Kin) -> Verdict:
        if not _is_in_place(kin.parent, kin.above):
            return OPEN
        kin.uncount()
        self._followed.open.pop(kin.span_id, None)
        kin.span = kin.above = None
        kin.is_kept = True
        return KEEP

    def _drop_if_nothing_is_beneath(self, kin: Kin) -> Verdict:
        return OPEN if kin.undecided or kin.keeps_beneath else self._drop(kin)

    def _drop(self, kin: Kin) -> Verdict:
        if kin.waiters or (kin.above is not None and kin.above.waits_for_beneath):
            return OPEN
        kin.uncount()
        kin.span = None
        kin.is_dropped = True
        self._followed.drop(kin)
        return DROP


_END: Mapping[Verdict, Callable[[Leaves, Kin], Verdict]] = {
    KEEP: Leaves._keep,  # noqa: SLF001  (the class's own table)
    DROP: Leaves._drop,  # noqa: SLF001
    IF_BENEATH: Leaves._drop_if_nothing_is_beneath,  # noqa: SLF001
}


def _is_in_place(parent: SpanContext | None, above: Kin | None) -> bool:
    """Tell whether a span that goes hangs on its own parent."""
    if above is None or parent is None:
        return True
    return above.is_kept and not parent[IS_REMOTE]  # else this process called itself
