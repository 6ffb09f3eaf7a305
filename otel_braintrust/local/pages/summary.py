"""One line of the list of traces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otel_braintrust.local.pages import figures as read
from otel_braintrust.local.pages.preview import error_line, input_line, output_line
from otel_braintrust.local.summaries import TraceSummary

_MODEL_CALL = "llm"
_MAX_LABELS = 20
_MAX_TAG_CHARS = 100


def summarize(
    trace: TraceSummary, *, first_call: read.Row | None = None, last_call: read.Row | None = None
) -> dict[str, Any]:
    """Say of a trace what the list shows, in a few hundred bytes.

    Args:
        trace: the store's summary.
        first_call, last_call: the trace's first and last model call, whose words stand in where
            the root span has none of its own; default None.

    Returns:
        A JSON object; times in seconds since 1970, durations in seconds, cost in US dollars.
    """
    root = trace.root
    asked = root.get("input") if root.get("input") is not None else (first_call or {}).get("input")
    answer = root.get("output")
    if answer is None and not read.has_error(root):
        answer = (last_call or {}).get("output")
    is_open = read.figures(root).is_open or (trace.start is not None and trace.end is None)
    return {
        "root_span_id": trace.root_span_id,
        "xact_id": trace.xact_id,
        "name": read.span_name(root),
        "type": read.span_type(root),
        "status": _status(root, trace.error_count),
        "error": error_line(root["error"]) if read.has_error(root) else None,
        "input": input_line(asked),
        "output": output_line(answer),
        "time_s": trace.start if trace.start is not None else read.created_s(root),
        "duration_s": None if is_open else trace.duration_s,
        "open": is_open,
        "spans": trace.span_count,
        "prompt_tokens": trace.metrics.get("prompt_tokens"),
        "completion_tokens": trace.metrics.get("completion_tokens"),
        "tokens": trace.metrics.get("tokens"),
        "cost_usd": trace.metrics.get("estimated_cost"),
        "scores": dict(list(trace.scores.items())[:_MAX_LABELS]),
        "tags": [tag[:_MAX_TAG_CHARS] for tag in trace.tags[:_MAX_LABELS]],
        "user": read.user(root),
    }


def needs_model_calls(trace: TraceSummary) -> bool:
    """Whether the root span leaves input or output unsaid while a model call may say it."""
    root = trace.root
    return bool(trace.model_call_count) and (
        root.get("input") is None or root.get("output") is None
    )


def totals(rows: Sequence[read.Row]) -> dict[str, Any]:
    """What the model calls of a trace used together; None where no call reported it.

    A trace without model calls shows what its root reported.

    Args:
        rows: all rows of one trace, at least one.
    """
    calls = [row for row in rows if read.span_type(row) == _MODEL_CALL]
    counted = [read.figures(row) for row in calls or [root_row(rows)]]

    def total(values: Sequence[float | None]) -> float | None:
        reported = [value for value in values if value is not None]
        return sum(reported) if reported else None

    return {
        "model_calls": len(calls),
        "prompt_tokens": total([call.prompt_tokens for call in counted]),
        "completion_tokens": total([call.completion_tokens for call in counted]),
        "tokens": total([call.tokens for call in counted]),
        "cost_usd": total([call.cost_usd for call in counted]),
    }


def root_row(rows: Sequence[read.Row]) -> read.Row:
    """The row a trace is known by: the earliest without a parent, else the earliest of all.

    Args:
        rows: all rows of one trace, at least one.
    """
    return min(rows, key=lambda row: (not read.is_root(row), read.moment_s(row)))


def _status(root: read.Row, error_count: int) -> str:
    """`error`: the trace failed; `recovered`: something in it failed and the whole did not."""
    if read.has_error(root):
        return "error"
    return "recovered" if error_count else "ok"
