"""The addresses of the pages: documents for readers, JSON under `/ui/` for the documents."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from otel_braintrust.local.access import store_of
from otel_braintrust.local.containers import PROJECT_LOGS
from otel_braintrust.local.cursors import CursorError
from otel_braintrust.local.pages import traces
from otel_braintrust.local.pages.responses import JsonResponse, StaticAssets, document, problem
from otel_braintrust.local.projects import Project
from otel_braintrust.local.routes.attachments import content_answer
from otel_braintrust.local.store import Store
from otel_braintrust.local.uploads import ATTACHMENT


def _logs_path(store: Store, project_name: str) -> str:
    org_name = quote(store.organization.name, safe="")
    return f"/app/{org_name}/p/{quote(project_name, safe='')}/logs"


def _to(path: str, **parameters: str) -> RedirectResponse:
    return RedirectResponse(f"{path}?{urlencode(parameters)}" if parameters else path, 302)


# Handlers are plain functions, which Starlette runs in its thread pool: SQLite blocks.


def home(request: Request) -> Response:
    """`/`: the project in which the latest trace arrived, else the default one, waiting."""
    store = store_of(request)
    return _to(_logs_path(store, traces.project_with_traces(store) or traces.DEFAULT_PROJECT))


def logs(request: Request) -> Response:
    """A project's traces; with `r` one trace; with `oid`, as in links by name, one row's trace."""
    row_id = request.query_params.get("oid")
    if row_id:
        store = store_of(request)
        name = request.path_params["project"]
        return _open(store, store.project_named(name), row_id)
    return document("trace.html" if request.query_params.get("r") else "logs.html")


def permalink(request: Request) -> Response:
    """`/app/{org}/object?object_type=&object_id=&id=`: the link that the SDKs hand out."""
    kind = request.query_params.get("object_type", PROJECT_LOGS)
    if kind != PROJECT_LOGS:
        return problem(f"This server has pages for {PROJECT_LOGS}, not for {kind}.", 404)
    store = store_of(request)
    project = store.project(request.query_params.get("object_id", ""))
    return _open(store, project, request.query_params.get("id", ""))


def _open(store: Store, project: Project | None, row_id: str) -> Response:
    if project is None:
        return problem("There is no such project here.", 404)
    place = traces.place_of(store, project, row_id)
    if place is None:
        # The span may be on its way; the page says so and wakes up when it arrives.
        return _to(_logs_path(store, project.name), r=row_id)
    return _to(_logs_path(store, project.name), r=place[0], s=place[1])


def list_json(request: Request) -> Response:
    """`/ui/traces?project=&limit=&cursor=`."""
    asked = request.query_params
    limit = asked.get("limit", "50")
    if not limit.isdecimal():
        return problem(f"limit must be a number, not {limit[:20]!r}.", 400)
    store = store_of(request)
    try:
        page = traces.trace_list(
            store, asked.get("project", ""), limit=int(limit[:9]), cursor=asked.get("cursor")
        )
    except CursorError as error:
        return problem(str(error), 400)
    # The first steps name a key that works; one that was chosen for this server is not given away.
    return JsonResponse({**page, "key_fixed": request.app.state.api_key is not None})


def outline_json(request: Request) -> Response:
    """`/ui/trace?project=&r=`; `r` is a root span id, else the id of a row or span of the trace."""
    store, asked = store_of(request), request.query_params
    answer = traces.surroundings(store)
    # A trace that is not here yet is no error: its page waits for it.
    answer["trace"] = traces.trace_outline(store, asked.get("project", ""), asked.get("r", ""))
    return JsonResponse(answer)


def row_json(request: Request) -> Response:
    """`/ui/row?project=&id=`."""
    asked = request.query_params
    row = traces.whole_row(store_of(request), asked.get("project", ""), asked.get("id", ""))
    return problem("This span is no longer here.", 404) if row is None else JsonResponse(row)


def pulse_json(request: Request) -> Response:
    """`/ui/pulse?project=`."""
    project = request.query_params.get("project", "")
    return JsonResponse(traces.sign_of_life(store_of(request), project))


def attachment_json(request: Request) -> Response:
    """`/ui/attachment?key=`: what an attachment is, and how its upload stands."""
    key = request.query_params.get("key", "")
    upload = store_of(request).uploads.get(key, with_content=False)
    if upload is None or upload.kind != ATTACHMENT:
        # The row is there before the file, as a rule: this is no error, the page asks again.
        return JsonResponse({"upload_status": "missing"})
    return JsonResponse(
        {
            **upload.upload_status,
            "content_type": upload.content_type,
            "filename": upload.filename,
            "bytes": upload.size_bytes,
        }
    )


def file(request: Request) -> Response:
    """`/ui/file?key=`: the bytes of an attachment, for the pages, which show every row."""
    upload = store_of(request).uploads.get(request.query_params.get("key", ""))
    if upload is None or upload.kind != ATTACHMENT or upload.content is None:
        return problem("This file has not arrived.", 404)
    return content_answer(upload)


routes: list[BaseRoute] = [
    Route("/", home),
    Route("/app/{org}/p/{project:path}/logs", logs),
    Route("/app/{org}/object", permalink),
    Route("/ui/traces", list_json),
    Route("/ui/trace", outline_json),
    Route("/ui/row", row_json),
    Route("/ui/pulse", pulse_json),
    Route("/ui/attachment", attachment_json),
    Route("/ui/file", file),
    Mount("/ui/static", StaticAssets()),
]
