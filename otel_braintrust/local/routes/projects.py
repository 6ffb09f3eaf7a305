"""Projects: found or made by name, read by id; also as older SDKs ask."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from otel_braintrust.local.access import guarded, limits_of, store_of
from otel_braintrust.local.answers import JSONAnswer
from otel_braintrust.local.bodies import read_json
from otel_braintrust.local.containers import UnknownContainerError
from otel_braintrust.local.fields import count_field, optional_text, text_field
from otel_braintrust.local.projects import Project

MAX_NAME_LENGTH = 1024


async def create(request: Request) -> Response:
    """`POST /v1/project`: the project of this name, unmodified if it is there, made if not."""
    body = await read_json(request, max_bytes=limits_of(request).payload_max_bytes)
    _check_organization(request, optional_text(body, "org_name"))
    project, created = await _get_or_create(
        request, text_field(body, "name"), optional_text(body, "description")
    )
    found = {} if created else {"x-bt-found-existing": "true"}
    return JSONAnswer(project.as_json(), headers=found)


async def listing(request: Request) -> Response:
    """`GET /v1/project`: all projects, or by `project_name` and `ids`."""
    wanted = request.query_params
    _check_organization(request, wanted.get("org_name"))
    limit = count_field(wanted, "limit")
    name, ids = wanted.get("project_name"), wanted.getlist("ids")
    projects = await run_in_threadpool(store_of(request).projects)
    objects = [
        project.as_json()
        for project in projects
        if (name is None or project.name == name) and (not ids or project.id in ids)
    ]
    return JSONAnswer({"objects": objects[:limit]})


async def by_id(request: Request) -> Response:
    """`GET /v1/project/{project_id}`."""
    return JSONAnswer((await _project(request, request.path_params["project_id"])).as_json())


async def register(request: Request) -> Response:
    """`POST /api/project/register`: what older SDKs and the JavaScript SDK send."""
    body = await read_json(request, max_bytes=limits_of(request).payload_max_bytes)
    organization = store_of(request).organization
    if body.get("org_id") not in (None, organization.id):
        raise HTTPException(403, f"org_id: this server has only {organization.id}")
    project, created = await _get_or_create(request, text_field(body, "project_name"), None)
    found = {} if created else {"x-bt-found-existing": "true"}
    return JSONAnswer({"project": project.as_json()}, headers=found)


async def by_query(request: Request) -> Response:
    """`GET /api/project?id=...`."""
    return JSONAnswer((await _project(request, request.query_params.get("id", ""))).as_json())


async def _get_or_create(
    request: Request, name: str, description: str | None
) -> tuple[Project, bool]:
    if len(name) > MAX_NAME_LENGTH:
        raise HTTPException(400, f"a project's name has at most {MAX_NAME_LENGTH} characters")
    store = store_of(request)
    return await run_in_threadpool(store.create_project, name, description=description)


async def _project(request: Request, project_id: str) -> Project:
    project = await run_in_threadpool(store_of(request).project, project_id)
    if project is None:
        raise UnknownContainerError("project", project_id)
    return project


def _check_organization(request: Request, name: str | None) -> None:
    organization = store_of(request).organization
    if name and name != organization.name:
        raise HTTPException(
            403, f"org_name: organization {name!r} not found; this server has {organization.name!r}"
        )


routes: list[BaseRoute] = [
    guarded("/v1/project", create, methods=["POST"]),
    guarded("/v1/project", listing, methods=["GET"]),
    guarded("/v1/project/{project_id}", by_id, methods=["GET"]),
    guarded("/api/project/register", register, methods=["POST"]),
    guarded("/api/project", by_query, methods=["GET"]),
]
