"""Spans captured elsewhere become rows of a project: OTLP files, rows, and nested trees."""

from otel_braintrust.imports.files import import_files
from otel_braintrust.imports.importing import Import, ImportResult
from otel_braintrust.imports.sources import Source

__all__ = ["Import", "ImportResult", "Source", "import_files"]
