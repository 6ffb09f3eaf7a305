"""Every OpenTelemetry span as the row that Braintrust's own SDK would have logged."""

__version__ = "0.1.0"
