"""The pipeline of the selection tests, for applications with other vendors' instrumentation."""

from tests.selection.conftest import pipeline, server

__all__ = ["pipeline", "server"]
