"""Fixtures for every test: a local Braintrust of its own for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otel_braintrust.local.server import LocalServer


@pytest.fixture
def local_braintrust() -> Iterator[LocalServer]:
    """A running, empty local Braintrust: `.url`, `.api_key`, `.rows(project)`, `.store`."""
    with LocalServer(api_key="sk-local-test-key") as server:
        yield server
