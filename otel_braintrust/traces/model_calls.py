"""Model calls counted once: of nested spans that tell of one call, the innermost is billed.

Instrumentations of a framework and of its client each make a span of the same request. Children end
before their parents, so each ended span tells its parent what is billed beneath it; the state is as
large as the open spans are many.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from otel_braintrust.translation.usage import COMPLETION, PROMPT, TOTAL

# Metrics that a demoted span hands over to `metadata.aggregated_usage`; its times stay.
_TIMES = frozenset({"start", "end", "time_to_first_token"})


# The ids of a trace and of a span in it.
Key = tuple[str, str]


class ModelCalls:
    """Which spans have a billed model call beneath them.

    Args:
        max_spans: open spans remembered.
        max_age_s: seconds after which a parent that never ends is forgotten.
        clock: seconds, monotonic.
    """

    def __init__(self, *, max_spans: int, max_age_s: float, clock: Callable[[], float]) -> None:
        self._max_spans = max_spans
        self._max_age_s = max_age_s
        self._clock = clock
        # By the ids of the parents; the rows themselves are held while their batch is in hand.
        self._billed: OrderedDict[Key, tuple[float, dict[str, Any] | None]] = OrderedDict()
        self._in_hand: list[Key] = []
        self._now = clock()

    def settle(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """Take note of an ended span's row; demote it if a call beneath it is billed already.

        Args:
            row: the span's row, changed in place if it is demoted.

        Returns:
            The row billed beneath it, if this row was demoted in its favour and that is still here.
        """
        trace_id = row["root_span_id"]
        beneath = self._billed.pop((trace_id, row["span_id"]), None) if self._billed else None
        is_call = row["span_attributes"].get("type") == "llm"
        if beneath is None:
            if is_call and _has_usage(row["metrics"]):
                self._remember(trace_id, row, row)
            return None
        inner = beneath[1]
        if is_call:
            demote(row)
        self._remember(trace_id, row, inner)
        return inner if is_call else None

    def begin(self) -> None:
        """Begin a batch: forget what has waited for too long for a parent's end."""
        self._now = self._clock()
        oldest = self._now - self._max_age_s
        while self._billed and next(iter(self._billed.values()))[0] < oldest:
            self._billed.popitem(last=False)

    def end(self) -> None:
        """End a batch: let go of its rows, for a parent may end late or never."""
        for key in self._in_hand:
            if key in self._billed:
                self._billed[key] = (self._billed[key][0], None)
        self._in_hand.clear()

    def _remember(self, trace_id: str, row: dict[str, Any], billed: dict[str, Any] | None) -> None:
        """Note the row that is billed beneath the parent of a row, which may be the row itself."""
        parents = row["span_parents"]
        if not parents:
            return
        key = (trace_id, parents[0])
        if key not in self._billed:
            self._billed[key] = (self._now, billed)
            self._in_hand.append(key)
            if len(self._billed) > self._max_spans:
                self._billed.popitem(last=False)

    def __len__(self) -> int:
        return len(self._billed)


def _has_usage(metrics: dict[str, Any]) -> bool:
    return bool(metrics.get(PROMPT) or metrics.get(COMPLETION) or metrics.get(TOTAL))


def demote(row: dict[str, Any]) -> None:
    """Turn a model call into a task whose usage is kept as `metadata.aggregated_usage`."""
    metrics = row["metrics"]
    usage = {name: value for name, value in metrics.items() if name not in _TIMES}
    row["metrics"] = {name: value for name, value in metrics.items() if name in _TIMES}
    row["span_attributes"] = {**row["span_attributes"], "type": "task"}
    metadata = row.setdefault("metadata", {})
    metadata["original_type"] = "llm"
    cost = usage.pop("estimated_cost", None)
    if usage:
        metadata["aggregated_usage"] = usage
    if cost is not None:
        metadata["aggregated_cost"] = cost


def lend_content(outer: dict[str, Any], inner: dict[str, Any]) -> bool:
    """Give a billed call the content that only the span around it recorded.

    Args:
        outer: the demoted span's row.
        inner: the billed row, changed in place.

    Returns:
        True if anything was lent.
    """
    lent = False
    for side in ("input", "output"):
        if inner.get(side) is None and outer.get(side) is not None:
            inner[side] = outer[side]
            lent = True
    if lent:
        inner.setdefault("metadata", {})["content_from"] = outer["span_id"]
    return lent
