"""The organization, its projects and their experiments."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from otel_braintrust.local.containers import EXPERIMENT, Container, UnknownContainerError

# Ids are made from names, so that a project keeps its id, and links to it work, when a server that
# keeps nothing is started anew.
_NAMES = uuid.UUID("7c0f3b5e-5d0e-4f5b-9a44-2f6c1d8e0b11")


@dataclass(frozen=True)
class Organization:
    """The one organization of a local server."""

    id: str
    name: str

    @classmethod
    def named(cls, name: str) -> Organization:
        """The organization with this name; its id follows from the name."""
        return cls(id=str(uuid.uuid5(_NAMES, name)), name=name)


@dataclass(frozen=True)
class Project:
    """A project, with the fields of Braintrust's Project object."""

    id: str
    org_id: str
    name: str
    description: str | None
    created: str
    deleted_at: str | None = None
    user_id: str | None = None
    settings: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that the API answers."""
        return asdict(self)


def get_or_create(
    connection: sqlite3.Connection,
    organization: Organization,
    name: str,
    *,
    description: str | None,
    created: str,
) -> tuple[Project, bool]:
    """Get the project of this name, unmodified, or make it; the second value: whether it was made.

    Raises:
        ValueError: the name is empty.
    """
    if not name:
        raise ValueError("a project's name must not be empty")
    if existing := by_name(connection, organization, name):
        return existing, False
    project = Project(
        str(uuid.uuid5(_NAMES, f"{organization.id}/{name}")),
        organization.id,
        name,
        description,
        created,
    )
    connection.execute(
        "INSERT INTO projects (id, name, description, created) VALUES (?, ?, ?, ?)",
        (project.id, name, description, created),
    )
    return project, True


def list_all(connection: sqlite3.Connection, organization: Organization) -> list[Project]:
    """All projects, the newest first."""
    found = connection.execute("SELECT * FROM projects ORDER BY created DESC, name")
    return [Project(org_id=organization.id, **dict(record)) for record in found]


def by_id(
    connection: sqlite3.Connection, organization: Organization, project_id: str
) -> Project | None:
    """The project with this id, or None."""
    found = connection.execute("SELECT * FROM projects WHERE id = ?", (project_id,)).fetchone()
    return Project(org_id=organization.id, **dict(found)) if found else None


def by_name(
    connection: sqlite3.Connection, organization: Organization, name: str
) -> Project | None:
    """The project with this name, or None."""
    found = connection.execute("SELECT * FROM projects WHERE name = ?", (name,)).fetchone()
    return Project(org_id=organization.id, **dict(found)) if found else None


def project_of(connection: sqlite3.Connection, container: Container) -> str:
    """The id of the project that a container belongs to.

    Raises:
        UnknownContainerError: there is no such container.
    """
    sql = (
        "SELECT project_id FROM experiments WHERE id = ?"
        if container.object_type == EXPERIMENT
        else "SELECT id FROM projects WHERE id = ?"
    )
    found = connection.execute(sql, (container.object_id,)).fetchone()
    if found is None:
        raise UnknownContainerError(container.object_type, container.object_id)
    return str(found[0])


def create_experiment(
    connection: sqlite3.Connection,
    organization: Organization,
    body: Mapping[str, Any],
    *,
    created: str,
) -> dict[str, Any]:
    """Make an experiment, or return the one of that name; `ensure_new` makes the name unique.

    Raises:
        UnknownContainerError: its project does not exist.
    """
    project_id = str(body.get("project_id"))
    if by_id(connection, organization, project_id) is None:
        raise UnknownContainerError("project", project_id)
    wanted = str(body.get("name") or f"experiment-{uuid.uuid4().hex[:8]}")
    existing = _experiment_named(connection, project_id, wanted)
    if existing is not None and not body.get("ensure_new"):
        return existing
    name = wanted
    while _experiment_named(connection, project_id, name) is not None:
        name = f"{wanted}-{uuid.uuid4().hex[:8]}"
    experiment = {
        **{key: value for key, value in body.items() if key not in ("ensure_new", "org_name")},
        "id": str(uuid.uuid4()),
        "project_id": project_id,
        "name": name,
        "created": created,
        "public": bool(body.get("public")),
    }
    connection.execute(
        "INSERT INTO experiments (id, project_id, name, created, body) VALUES (?, ?, ?, ?, ?)",
        (experiment["id"], project_id, name, created, orjson.dumps(experiment).decode()),
    )
    return experiment


def experiment_by_id(connection: sqlite3.Connection, experiment_id: str) -> dict[str, Any] | None:
    """The experiment with this id, or None."""
    return _experiment(connection, "SELECT body FROM experiments WHERE id = ?", (experiment_id,))


def _experiment_named(
    connection: sqlite3.Connection, project_id: str, name: str
) -> dict[str, Any] | None:
    sql = "SELECT body FROM experiments WHERE project_id = ? AND name = ?"
    return _experiment(connection, sql, (project_id, name))


def _experiment(
    connection: sqlite3.Connection, sql: str, parameters: tuple[str, ...]
) -> dict[str, Any] | None:
    found = connection.execute(sql, parameters).fetchone()
    body: dict[str, Any] | None = orjson.loads(found["body"]) if found else None
    return body
