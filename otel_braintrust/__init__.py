"""Every OpenTelemetry span as the row that Braintrust's own SDK would have logged.

Importing this package starts no thread, opens no socket and touches no global: each public name is
loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otel_braintrust.accounts import Counts, FlushResult
    from otel_braintrust.client import BraintrustClient
    from otel_braintrust.configuration import configure, flush, ledger
    from otel_braintrust.exporter import BraintrustSpanExporter
    from otel_braintrust.logs import BraintrustLogRecordProcessor
    from otel_braintrust.processor import BraintrustSpanProcessor

__version__ = "0.1.0"

__all__ = [
    "BraintrustClient",
    "BraintrustLogRecordProcessor",
    "BraintrustSpanExporter",
    "BraintrustSpanProcessor",
    "Counts",
    "FlushResult",
    "configure",
    "flush",
    "ledger",
]

# Where each public name lives; a name such as `ledger` must win over the module of that name.
_HOMES = {
    "BraintrustClient": "client",
    "BraintrustLogRecordProcessor": "logs",
    "BraintrustSpanExporter": "exporter",
    "BraintrustSpanProcessor": "processor",
    "Counts": "accounts",
    "FlushResult": "accounts",
    "configure": "configuration",
    "flush": "configuration",
    "ledger": "configuration",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
