"""A row's error: one text, the traceback where there is one, and none for handled exceptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from otel_braintrust.translation.reading import Reading
from otel_braintrust.translation.span import SpanEvent

# Raised to stop or to wait, not because something failed: an error only if the status says so.
INTERRUPTIONS = frozenset(
    [
        "CancelledError",
        "GeneratorExit",
        "StopIteration",
        "StopAsyncIteration",
        "GraphInterrupt",
        "NodeInterrupt",
        "CallDeferred",
        "ApprovalRequired",
        "KeyboardInterrupt",
        "GraphBubbleUp",
        "ParentCommand",
    ]
)


def decide(reading: Reading, span_type: str) -> Any:
    """Return the span's error, or None.

    Args:
        reading: a span, read.
        span_type: its Braintrust type.
    """
    explicit = [found for found in reading.errors if found[0] < 40]
    explicit.sort(key=itemgetter(0))
    if explicit and explicit[0][0] == 0:
        reading.origins["error"] = "braintrust.error"
        return explicit[0][1]
    exceptions = [event for event in reading.span.events if event.name == "exception"]
    if not _has_failed(reading, span_type, bool(explicit)):
        return None
    for source, text in _texts(reading, exceptions, explicit):
        if text:
            reading.origins["error"] = source
            return text
    reading.origins["error"] = "span status"
    return "ERROR"


def _texts(
    reading: Reading, exceptions: Sequence[SpanEvent], explicit: Sequence[tuple[int, Any]]
) -> Iterator[tuple[str, str | None]]:
    """What may be the error's text, and where it stands: first what tells most."""
    if exceptions:
        yield "event exception", _exception_text(exceptions[-1].attributes)
    yield "span status", _text(reading.span.status_description)
    for _, found in explicit:
        yield "explicit", _text(found)
    yield from _attribute_texts(reading)
    yield "event gen_ai.client.operation.exception", _operation_exception(reading)
    yield "error.type", _text(reading.span.attributes.get("error.type"))


def _has_failed(reading: Reading, span_type: str, is_explicit: bool) -> bool:
    status = reading.span.status_code
    if status == "ERROR" or is_explicit:
        return True
    error_type = reading.span.attributes.get("error.type")
    if status == "UNSET" and span_type in ("llm", "tool") and isinstance(error_type, str):
        return bool(error_type) and error_type.rpartition(".")[2] not in INTERRUPTIONS
    return span_type == "llm" and _has_only_raised(reading)


def _has_only_raised(reading: Reading) -> bool:
    """Tell whether a call answered nothing but an exception, though its status says it went well.

    Some instrumentations set the status OK whatever happened.
    """
    if reading.outputs or reading.usage:
        return False
    raised = [event for event in reading.span.events if event.name == "exception"]
    kind = str(raised[-1].attributes.get("exception.type")) if raised else "None"
    return bool(raised) and kind.rpartition(".")[2] not in INTERRUPTIONS


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _exception_text(attributes: Mapping[str, Any]) -> str | None:
    kind = _text(attributes.get("exception.type"))
    message = _text(attributes.get("exception.message"))
    trace = _text(attributes.get("exception.stacktrace"))
    if trace and (message is None or message in trace):
        return trace
    if message is None:
        return trace or kind
    # LangSmith wraps every error in a bare `Exception`, and descriptions often repeat the class.
    if (
        kind is None
        or kind == "Exception"
        or message.startswith((f"{kind}:", f"{kind.rpartition('.')[2]}:"))
    ):
        return message
    return f"{kind}: {message}"


_ATTRIBUTES = (
    "error.message",
    "exception.stacktrace",
    "exception.message",
    "langfuse.observation.status_message",
    "error",
    "logfire.msg",
)


def _attribute_texts(reading: Reading) -> list[tuple[str, str | None]]:
    attributes = reading.span.attributes
    return [(key, _text(attributes[key])) for key in _ATTRIBUTES if key in attributes]


def _operation_exception(reading: Reading) -> str | None:
    for rank, found in reading.errors:
        if rank == 40 and isinstance(found, SpanEvent):
            return _exception_text(found.attributes)
    return None
