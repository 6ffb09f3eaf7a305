"""Parent strings: the container that `x-bt-parent` or `braintrust.parent` names."""

from __future__ import annotations

from otel_braintrust.local.containers import EXPERIMENT, Container, project_logs
from otel_braintrust.local.store import Store

FORMS = "project_id:<id>, project_name:<name> or experiment_id:<id>"


class ParentError(ValueError):
    """A parent string of no known form."""

    def __init__(self, text: str) -> None:
        super().__init__(f"parent {text[:80]!r} is not understood; it has one of the forms {FORMS}")


def container_named(store: Store, parent: str) -> Container:
    """Find the container that a parent string names; a project named anew is made.

    Raises:
        ParentError: the string has none of the known forms.

    Example:
        >>> container_named(Store(), "project_name:chat").object_type
        'project_logs'
    """
    form, _, name = parent.partition(":")
    name = name.strip()
    if name and form == "project_id":
        return project_logs(name)
    if name and form == "project_name":
        return project_logs(store.create_project(name)[0].id)
    if name and form == "experiment_id":
        return Container(EXPERIMENT, name)
    raise ParentError(parent)
