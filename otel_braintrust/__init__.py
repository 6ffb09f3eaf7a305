"""Every OpenTelemetry span as the row that Braintrust's own SDK would have logged.

Importing this package starts no thread, opens no socket and touches no global: each public name is
loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otel_braintrust.accounts import Counts, FlushResult
    from otel_braintrust.annotate import current_span, log, start_span
    from otel_braintrust.asgi import SpanSlugMiddleware
    from otel_braintrust.attachments import Attachment, ExternalAttachment, JSONAttachment
    from otel_braintrust.blocks import attributes
    from otel_braintrust.client import BraintrustClient
    from otel_braintrust.configuration import configure, flush, ledger
    from otel_braintrust.exporter import BraintrustSpanExporter
    from otel_braintrust.feedback import log_feedback, update_span
    from otel_braintrust.links import export_span, permalink
    from otel_braintrust.logs import BraintrustLogRecordProcessor
    from otel_braintrust.processor import BraintrustSpanProcessor
    from otel_braintrust.propagation import BraintrustPropagator, extract, inject
    from otel_braintrust.redaction import MaskRule
    from otel_braintrust.scoring import score_span
    from otel_braintrust.threads import TracedThreadPoolExecutor
    from otel_braintrust.traced_span import TracedSpan
    from otel_braintrust.tracing import traced

__version__ = "0.1.0"

__all__ = [
    "Attachment",
    "BraintrustClient",
    "BraintrustLogRecordProcessor",
    "BraintrustPropagator",
    "BraintrustSpanExporter",
    "BraintrustSpanProcessor",
    "Counts",
    "ExternalAttachment",
    "FlushResult",
    "JSONAttachment",
    "MaskRule",
    "SpanSlugMiddleware",
    "TracedSpan",
    "TracedThreadPoolExecutor",
    "attributes",
    "configure",
    "current_span",
    "export_span",
    "extract",
    "flush",
    "inject",
    "ledger",
    "log",
    "log_feedback",
    "permalink",
    "score_span",
    "start_span",
    "traced",
    "update_span",
]

# Where each public name lives; a name such as `ledger` must win over the module of that name.
_HOMES = {
    "Attachment": "attachments",
    "BraintrustClient": "client",
    "BraintrustLogRecordProcessor": "logs",
    "BraintrustPropagator": "propagation",
    "BraintrustSpanExporter": "exporter",
    "BraintrustSpanProcessor": "processor",
    "Counts": "accounts",
    "ExternalAttachment": "attachments",
    "FlushResult": "accounts",
    "JSONAttachment": "attachments",
    "MaskRule": "redaction",
    "SpanSlugMiddleware": "asgi",
    "TracedSpan": "traced_span",
    "TracedThreadPoolExecutor": "threads",
    "attributes": "blocks",
    "configure": "configuration",
    "current_span": "annotate",
    "export_span": "links",
    "extract": "propagation",
    "flush": "configuration",
    "inject": "propagation",
    "ledger": "configuration",
    "log": "annotate",
    "log_feedback": "feedback",
    "permalink": "links",
    "score_span": "scoring",
    "start_span": "annotate",
    "traced": "tracing",
    "update_span": "feedback",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
