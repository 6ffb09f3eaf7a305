"""What one span must know of the others: log events joined to it, model calls counted once."""

from otel_braintrust.traces.assembler import AssembledSpan, TraceAssembler

__all__ = ["AssembledSpan", "TraceAssembler"]
