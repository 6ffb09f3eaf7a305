"""What is kept of a span while others may ask for it: its verdict, and what hangs on it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from otel_braintrust.contexts import SPAN_ID
from otel_braintrust.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Hold:
    """Where an open span is certain to hang.

    Attributes:
        parent: Its parent, as it will be in its row.
        is_local_root: True when no span of this process that goes is above it.
        route: Where the user's function sends it.
        kept_above: The open spans above it that go, the nearest first.
    """

    parent: SpanContext | None
    is_local_root: bool
    route: str | None = None
    kept_above: tuple[Any, ...] = ()


class Kin:
    """One span among its ancestors and descendants of this process.

    Args:
        span: The running span.
        context: Its own context.
        parent: Its parent's.
        early: What is certain of it at its start.
        above: Its parent, if that is of this process and known.
        started_at: On the clock.
    """

    # Defaults on the class make a span's start cheap: most spans never have another value.
    goes_here = True  # False: the user's function says that it goes elsewhere
    is_kept = False
    is_dropped = False
    keeps_beneath = False  # a kept span is beneath it
    undecided = 0  # children whose verdict is open
    is_counted = False  # it is one of those of its parent
    waits_for_beneath = False  # it ended and waits for their verdicts
    waiters: list[Kin] | None = None  # kept spans that wait for its verdict
    ticket: Any = None  # its ticket while it waits
    release_at = 0.0  # when it waits no longer
    stamp: Mapping[str, Any] | None = None  # attributes that the processor wrote on it
    route: str | None = None  # where the user's function sends it

    def __init__(
        self,
        span: Any,
        context: SpanContext,
        parent: SpanContext | None,
        early: Verdict,
        above: Kin | None,
        started_at: float,
    ) -> None:
        self.span = span
        self.context = context
        self.span_id = context[SPAN_ID]
        self.parent = parent
        self.early = early
        self.above = above
        self.started_at = started_at

    def let_wait(self, kin: Kin) -> None:
        """Note a kept span that waits for this one's verdict."""
        if self.waiters is None:
            self.waiters = []
        self.waiters.append(kin)

    def uncount(self) -> bool:
        """Let its parent wait for its verdict no longer; tell whether it did."""
        if not self.is_counted or self.above is None:
            return False
        self.is_counted = False
        self.above.undecided -= 1
        return True

    @property
    def is_decided(self) -> bool:
        """True when it is known whether it goes."""
        return self.is_kept or self.is_dropped

    @property
    def hold(self) -> Hold | None:
        """Where the span will hang, as soon as that is certain, and that it goes."""
        if not self.is_kept:
            return None
        above, last = self.above, self
        while above is not None and not above.is_kept:
            if not above.is_dropped and above.early is not Verdict.DROP:
                return None
            last, above = above, above.above
        parent = above.context if above is not None else last.parent_that_arrives
        is_local_root = above is None and (parent is None or parent.is_remote)
        kept = []
        while above is not None:
            if above.is_kept and above.span is not None:
                kept.append(above.span)
            above = above.above
        return Hold(parent, is_local_root, self.route, tuple(kept))

    @property
    def parent_that_arrives(self) -> SpanContext | None:
        """Its parent, unless that is a span of this process that the sampler left out."""
        parent = self.parent
        if parent is not None and not parent.is_remote and not parent.trace_flags.sampled:
            return None
        return parent


def with_parent(span: Any, parent: SpanContext | None) -> Any:
    """The ended span with another parent; the span itself, which others export, is left alone."""
    changed = copy.copy(span)
    changed._parent = parent  # noqa: SLF001  (ReadableSpan's constructor loses what was dropped)
    return changed


def as_made(span: Any, stamp: Mapping[str, Any]) -> Any:
    """The span as the application made it, without attributes that a processor wrote.

    Args:
        span: A running or an ended span.
        stamp: What was written; a key that has another value by now is the application's.
    """
    attributes = {
        key: value
        for key, value in (span.attributes or {}).items()
        if key not in stamp or stamp[key] != value
    }
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
