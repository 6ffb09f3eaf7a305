"""Where rows live: a project's logs, an experiment, a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

PROJECT_LOGS = "project_logs"
EXPERIMENT = "experiment"

# The key in a row that names its container, and that container's type; the first present wins.
CONTAINER_KEYS = (
    ("experiment_id", EXPERIMENT),
    ("dataset_id", "dataset"),
    ("prompt_session_id", "prompt_session"),
    ("project_id", PROJECT_LOGS),
)
CONTAINER_FIELDS = frozenset(key for key, _ in CONTAINER_KEYS) | {"log_id"}


class Container(NamedTuple):
    """A container of rows: its type and its id."""

    object_type: str
    object_id: str

    @property
    def key(self) -> str:
        """The one string that names the container in the database."""
        return f"{self.object_type}:{self.object_id}"


class UnknownContainerError(LookupError):
    """No such project, experiment or dataset; Braintrust answers 403 for unknown and forbidden."""

    def __init__(self, object_type: str, object_id: str) -> None:
        super().__init__(
            f"Missing access to {object_type} id {object_id}, or the {object_type} does not exist"
        )
        self.object_type = object_type
        self.object_id = object_id


def project_logs(project_id: str) -> Container:
    """The container of a project's logs."""
    return Container(PROJECT_LOGS, project_id)


def container_of(row: Mapping[str, Any]) -> Container | None:
    """The container that a `/logs3` row names, or None if it names none."""
    for key, object_type in CONTAINER_KEYS:
        value = row.get(key)
        if value:
            return Container(object_type, str(value))
    return None
