"""`otel-braintrust doctor`: what may keep spans from Braintrust."""

from __future__ import annotations

import sys
from dataclasses import asdict

import typer

from otel_braintrust.cli.access import ProjectIdOption, ProjectOption, print_json
from otel_braintrust.cli.failure import ASKED_WRONGLY, FAILED, CommandError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("doctor")(doctor)


def doctor(project_id: ProjectIdOption = None, project: ProjectOption = None) -> None:
    """Check packages, settings, key, server, project, instrumentations and environment.

    Nothing is changed, and nothing is sent but questions; keys are shown by their ends. Tells each
    check in a line on stderr, prints {"ok": ..., "checks": [...]}, and ends with 1 if one failed.
    """
    from otel_braintrust.diagnosis import diagnose

    if project_id and project:
        raise CommandError("--project-id and --project exclude each other", ASKED_WRONGLY)
    checks = diagnose(project=project, project_id=project_id)
    for check in checks:
        remedy = f"; {check.remedy}" if check.remedy else ""
        print(f"{check.status:<8} {check.name}: {check.says}{remedy}", file=sys.stderr)
    ok = all(check.status != "failed" for check in checks)
    print_json({"ok": ok, "checks": [asdict(check) for check in checks]})
    if not ok:
        raise typer.Exit(FAILED)
