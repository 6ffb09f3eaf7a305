"""Spans captured elsewhere become rows of a project: OTLP files, rows, and nested trees."""

from otel_braintrust.imports.importing import Import, ImportResult
from otel_braintrust.imports.sending import RowSender
from otel_braintrust.imports.sources import Source

__all__ = ["Import", "ImportResult", "RowSender", "Source"]
