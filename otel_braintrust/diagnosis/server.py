"""The server: whether it answers, takes the key, has the project, and how much it takes at once."""

from __future__ import annotations

import time
from urllib.parse import quote, urlencode

from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.errors import ApiError, ConnectionFailure
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.diagnosis.check import Check
from otel_braintrust.equipment import new_connection
from otel_braintrust.settings import Settings

TIME_S = 15.0
NAMES = ("login", "api", "payload_limit", "project")
UNKNOWN_STATUSES = (400, 403, 404, 422)
PATHS = {"project_id": "/v1/project/{}", "experiment_id": "/v1/experiment/{}"}


def check_server(settings: Settings) -> list[Check]:
    """Ask the server; what cannot be asked is skipped."""
    if not settings.api_key:
        return _skipped(NAMES, "there is no API key")
    connection = new_connection(settings, settings.api_key)
    try:
        return _checks(connection, settings)
    finally:
        connection.close()


def _checks(connection: Connection, settings: Settings) -> list[Check]:
    login = _login(connection)
    if login.status == "failed" and settings.api_url is None:
        return [login, *_skipped(NAMES[1:], "the login failed, which tells where the API is")]
    limits = Limits(settings.max_request_bytes, settings.max_request_rows)
    api = _api(connection, limits)
    if api.status == "failed":
        return [login, api, *_skipped(NAMES[2:], "the API does not answer")]
    return [login, api, _payload_limit(limits), _project(connection, settings.destination)]


def _login(connection: Connection) -> Check:
    try:
        organization = connection.login(deadline=_deadline())
    except ApiError as error:
        return _failed("login", error)
    details = {"organization": organization.name, "api_url": organization.api_url}
    return Check("login", "ok", f"organization {organization.name!r}", details=details)


def _api(connection: Connection, limits: Limits) -> Check:
    """Ask for something that needs the key, so that a key of another region is found out."""
    begin = time.monotonic()
    try:
        limits.learn(connection, _deadline())
        connection.api("GET", "/v1/project?limit=1", deadline=_deadline())
    except ApiError as error:
        return _failed("api", error)
    url, took_ms = connection.known_api_url, round((time.monotonic() - begin) * 1000)
    details = {"api_url": url, "took_ms": took_ms}
    return Check("api", "ok", f"{url} answers and takes the key", details=details)


def _payload_limit(limits: Limits) -> Check:
    told, used = limits.told_bytes, limits.max_bytes
    details = {"server_bytes": told, "request_bytes": used}
    if told is None:
        says = f"the server does not tell; requests have at most {used} bytes"
        return Check("payload_limit", "warning", says, "nothing, unless rows are refused", details)
    says = f"the server takes {told} bytes at once; requests have at most {used}"
    return Check("payload_limit", "ok", says, details=details)


def _project(connection: Connection, destination: Destination) -> Check:
    """Look for the place that spans go to, without making it."""
    details = {"destination": str(destination)}
    try:
        is_there = _is_there(connection, destination)
    except ApiError as error:
        return _failed("project", error)
    if is_there is None:
        says = f"{destination} was not looked for"
        return Check("project", "skipped", says, "", details)
    if is_there:
        return Check("project", "ok", f"{destination} is there", details=details)
    if destination.kind == "project_name":
        says = f"there is no project {destination.value!r} yet"
        return Check("project", "warning", says, "the first span makes it", details)
    says = f"there is no {destination}, or the key may not see it"
    remedy = "look the id up in its settings, or name the project in BRAINTRUST_PROJECT"
    return Check("project", "failed", says, remedy, details)


def _is_there(connection: Connection, destination: Destination) -> bool | None:
    if destination.kind == "project_name":
        org = {"org_name": connection.org_name} if connection.org_name else {}
        query = urlencode({"project_name": destination.value, **org})
        answer = connection.api("GET", f"/v1/project?{query}", deadline=_deadline()).json()
        return any(
            each.get("name") == destination.value for each in (answer or {}).get("objects") or ()
        )
    path = PATHS.get(destination.kind)
    if path is None:
        return None
    try:
        connection.api("GET", path.format(quote(destination.value, safe="")), deadline=_deadline())
    except ApiError as error:
        if error.status in UNKNOWN_STATUSES:
            return False
        raise
    return True


def _failed(name: str, error: ApiError) -> Check:
    problem, _, remedy = str(error).rpartition("; ")
    if isinstance(error, ConnectionFailure):
        remedy += "; for a Braintrust of your own set BRAINTRUST_APP_URL and BRAINTRUST_API_URL"
    details = {"status": error.status, "url": error.url}
    return Check(name, "failed", problem or str(error), remedy, details)


def _skipped(names: tuple[str, ...], why: str) -> list[Check]:
    return [Check(name, "skipped", why) for name in names]


def _deadline() -> float:
    return time.monotonic() + TIME_S
