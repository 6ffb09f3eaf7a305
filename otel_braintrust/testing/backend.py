"""A local Braintrust for a test, and the environment that leads to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_braintrust.local.server import LocalServer

# Variables that would lead elsewhere.
FOREIGN = ("BRAINTRUST_PARENT", "BRAINTRUST_ORG_NAME", "BRAINTRUST_PROJECT_ID")


@contextmanager
def local_backend(*, project: str = "test") -> Iterator[LocalServer]:
    """Run a local Braintrust, and let the environment of this process lead to it.

    Needs ``otel-braintrust[local]``.

    Args:
        project: What ``BRAINTRUST_PROJECT`` says meanwhile; default ``test``.

    Returns:
        The server: ``.url``, ``.api_key``, ``.rows(project)``.

    Example::

        with local_backend() as server:
            subprocess.run([sys.executable, "app.py"], check=True)
            assert server.rows("test")
    """
    from otel_braintrust.local.server import LocalServer

    with LocalServer() as server:
        settings = {
            "BRAINTRUST_API_URL": server.url,
            "BRAINTRUST_APP_URL": server.url,
            "BRAINTRUST_API_KEY": server.api_key,
            "BRAINTRUST_PROJECT": project,
        }
        before = {name: os.environ.get(name) for name in (*settings, *FOREIGN)}
        for name in FOREIGN:
            os.environ.pop(name, None)
        os.environ.update(settings)
        try:
            yield server
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
