"""Experiments: enough for the official SDK to open one, log to it and read it back."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from otel_braintrust.local.access import guarded, limits_of, store_of
from otel_braintrust.local.answers import JSONAnswer
from otel_braintrust.local.bodies import read_json
from otel_braintrust.local.containers import EXPERIMENT, UnknownContainerError
from otel_braintrust.local.fields import optional_text, text_field


async def create(request: Request) -> Response:
    """`POST /v1/experiment`: the experiment of this name, or with `ensure_new` one of its own."""
    body = await read_json(request, max_bytes=limits_of(request).payload_max_bytes)
    text_field(body, "project_id")
    optional_text(body, "name")
    return JSONAnswer(await run_in_threadpool(store_of(request).create_experiment, body))


async def by_id(request: Request) -> Response:
    """`GET /v1/experiment/{experiment_id}`."""
    experiment_id = request.path_params["experiment_id"]
    experiment = await run_in_threadpool(store_of(request).experiment, experiment_id)
    if experiment is None:
        raise UnknownContainerError(EXPERIMENT, experiment_id)
    return JSONAnswer(experiment)


async def register(request: Request) -> Response:
    """`POST /api/experiment/register`: both by name, as the JavaScript SDK asks."""
    body = await read_json(request, max_bytes=limits_of(request).payload_max_bytes)
    store = store_of(request)
    project_id = optional_text(body, "project_id")
    if project_id is None:
        name = text_field(body, "project_name")
        project_id = (await run_in_threadpool(store.create_project, name))[0].id
    project = await run_in_threadpool(store.project, project_id)
    if project is None:
        raise UnknownContainerError("project", project_id)
    wanted: dict[str, Any] = {
        **{key: value for key, value in body.items() if key not in ("project_name", "org_id")},
        "project_id": project_id,
        "name": optional_text(body, "experiment_name"),
    }
    experiment = await run_in_threadpool(store.create_experiment, wanted)
    return JSONAnswer({"project": project.as_json(), "experiment": experiment})


async def base_experiment(request: Request) -> Response:
    """`POST /api/base_experiment/get_id`: what to compare with; 400 says there is nothing."""
    body = await read_json(request, max_bytes=limits_of(request).payload_max_bytes)
    experiment = await run_in_threadpool(store_of(request).experiment, text_field(body, "id"))
    base_id = experiment.get("base_exp_id") if experiment else None
    base = await run_in_threadpool(store_of(request).experiment, base_id) if base_id else None
    if experiment is None or base is None:
        raise HTTPException(400, "this experiment has no base experiment")
    return JSONAnswer(
        {
            "id": experiment["id"],
            "project_id": experiment["project_id"],
            "name": experiment["name"],
            "base_exp_id": base["id"],
            "base_exp_name": base["name"],
        }
    )


routes: list[BaseRoute] = [
    guarded("/v1/experiment", create, methods=["POST"]),
    guarded("/v1/experiment/{experiment_id}", by_id, methods=["GET"]),
    guarded("/api/experiment/register", register, methods=["POST"]),
    guarded("/api/base_experiment/get_id", base_experiment, methods=["POST"]),
]
