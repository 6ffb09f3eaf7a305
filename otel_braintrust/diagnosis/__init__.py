"""What may keep spans from Braintrust, looked into before it does."""

from __future__ import annotations

from otel_braintrust.diagnosis.check import Check, Status
from otel_braintrust.diagnosis.environment import check_environment
from otel_braintrust.diagnosis.installation import check_installation
from otel_braintrust.diagnosis.options import check_options
from otel_braintrust.diagnosis.server import check_server

__all__ = ["Check", "Status", "diagnose"]


def diagnose(*, project: str | None = None, project_id: str | None = None) -> list[Check]:
    """Check packages, settings, the server, instrumentations and the environment.

    Nothing is changed and nothing is sent but questions.

    Args:
        project: The project to look for; default where spans go.
        project_id: The same by its id.

    Returns:
        The checks in the order in which they were made. Never raises.

    Example::

        [check.name for check in diagnose() if check.status == "failed"]
    """
    settings, options = check_options(project=project, project_id=project_id)
    server = check_server(settings) if settings is not None else []
    content = settings.capture_content if settings is not None else None
    return [*check_installation(), *options, *server, *check_environment(content)]
