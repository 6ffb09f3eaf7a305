"""Fixtures of pytest for whoever tests an application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from otel_braintrust.testing.backend import local_backend
from otel_braintrust.testing.captured import CapturedRows
from otel_braintrust.testing.capturing import capture_rows

if TYPE_CHECKING:
    from otel_braintrust.local.server import LocalServer


@pytest.fixture
def braintrust_rows() -> Iterator[CapturedRows]:
    """The rows of the spans that end during a test; nothing goes to the network."""
    with capture_rows() as rows:
        yield rows


@pytest.fixture
def braintrust_backend() -> Iterator[LocalServer]:
    """A local Braintrust for each test, and the environment that leads to it."""
    with local_backend() as server:
        yield server
