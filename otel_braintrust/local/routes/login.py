"""Login, the version and the signs of life."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from otel_braintrust.local.access import guarded, limits_of, store_of
from otel_braintrust.local.answers import JSONAnswer


def base_url(request: Request) -> str:
    """This server's address as the caller sees it, without a slash at the end."""
    return str(request.base_url).rstrip("/")


async def login(request: Request) -> Response:
    """`POST /api/apikey/login`: the organizations of this key; here one, served by this server."""
    organization = store_of(request).organization
    here = base_url(request)
    organization_info = {
        "id": organization.id,
        "name": organization.name,
        "api_url": here,
        "git_metadata": None,
        "is_universal_api": True,
        "proxy_url": here,
        "realtime_url": None,
    }
    return JSONAnswer({"org_info": [organization_info]})


async def version(request: Request) -> Response:
    """`GET /version`: how large a body of `/logs3` may be."""
    return JSONAnswer({"logs3_payload_max_bytes": limits_of(request).payload_max_bytes})


async def ping(request: Request) -> Response:
    """`GET /ping`: who the caller is."""
    organization = store_of(request).organization
    user = {
        "id": organization.id,
        "given_name": "Local",
        "family_name": "User",
        "email": f"user@{organization.name}.localhost",
        "organizations": [{"id": organization.id, "name": organization.name}],
    }
    return JSONAnswer(user)


async def hello(_request: Request) -> Response:
    """`GET /v1`: a sign of life, without a key."""
    return PlainTextResponse("Hello, World!")


routes: list[BaseRoute] = [
    guarded("/api/apikey/login", login, methods=["POST"]),
    guarded("/version", version, methods=["GET"]),
    guarded("/ping", ping, methods=["GET"]),
    Route("/v1", hello, methods=["GET"]),
    Route("/v1/", hello, methods=["GET"]),
]
