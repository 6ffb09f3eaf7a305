"""Parent strings: the container that `x-bt-parent` or `braintrust.parent` names."""

from __future__ import annotations

from otel_braintrust.local.containers import EXPERIMENT, PROJECT_LOGS, Container, project_logs
from otel_braintrust.local.store import Store
from otel_braintrust.slugs import Slug, decode_slug

FORMS = "project_id:<id>, project_name:<name>, experiment_id:<id> or a span slug"


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
    slug = slug_named(parent)
    if slug is None:
        raise ParentError(parent)
    return _container_of(store, slug, parent)


def slug_named(parent: str) -> Slug | None:
    """The span slug that a parent string is, or None."""
    try:
        return decode_slug(parent)
    except ValueError:
        return None


def _container_of(store: Store, slug: Slug, parent: str) -> Container:
    arguments = slug.object_arguments or {}
    object_id, project_name = slug.object_id, arguments.get("project_name")
    if slug.object_type == EXPERIMENT and object_id:
        return Container(EXPERIMENT, object_id)
    if slug.object_type != PROJECT_LOGS:
        raise ParentError(parent)
    if object_id or arguments.get("project_id"):
        return project_logs(str(object_id or arguments["project_id"]))
    if isinstance(project_name, str) and project_name:
        return project_logs(store.create_project(project_name)[0].id)
    raise ParentError(parent)
