"""For tests of applications: the rows that spans become, ids and times that never change.

:func:`capture_rows` needs nothing but the core install and opens no socket; :func:`local_backend`
is a whole local Braintrust and needs ``otel-braintrust[local]``. Both are fixtures of pytest, too,
where pytest is installed: write ``pytest_plugins = ["otel_braintrust.testing"]`` into
``conftest.py`` and ask for ``braintrust_rows`` or ``braintrust_backend``.
"""

from otel_braintrust.testing.backend import local_backend
from otel_braintrust.testing.captured import CapturedRows
from otel_braintrust.testing.capturing import capture_rows
from otel_braintrust.testing.fixed import FixedClock, FixedIds, fixed_clock, fixed_ids

__all__ = [
    "CapturedRows",
    "FixedClock",
    "FixedIds",
    "capture_rows",
    "fixed_clock",
    "fixed_ids",
    "local_backend",
]

try:
    from otel_braintrust.testing.fixtures import braintrust_backend, braintrust_rows
except ModuleNotFoundError as error:
    if error.name != "pytest":
        raise
else:
    __all__ += ["braintrust_backend", "braintrust_rows"]
