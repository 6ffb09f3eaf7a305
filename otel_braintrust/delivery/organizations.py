"""The organizations that a key belongs to, as the login tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otel_braintrust.delivery.answers import Response
from otel_braintrust.delivery.errors import NotFoundError


@dataclass(frozen=True)
class Organization:
    """An organization that the key belongs to, as the login tells it."""

    id: str
    name: str
    api_url: str | None
    proxy_url: str | None = None


def choose_organization(
    response: Response, org_name: str | None, *, masked_key: str
) -> Organization:
    """The organization to use, of those that a login names.

    Args:
        response: The answer to the login.
        org_name: Which one, if the key belongs to several; None: the first.
        masked_key: The key as an error may show it.

    Raises:
        NotFoundError: There is none, or none of this name.
    """
    answer = response.json()
    listed = answer.get("org_info") if isinstance(answer, dict) else None
    entries = listed if isinstance(listed, list) else []
    found = [_organization(entry) for entry in entries if isinstance(entry, dict)]
    wanted = [each for each in found if org_name in (None, each.name)]
    if wanted:
        return wanted[0]
    reason = "this key belongs to no organization"
    if found:
        names = ", ".join(sorted(each.name for each in found))
        reason = f"organization {org_name!r} not found, must be one of {names}"
    raise NotFoundError(
        response.method, response.url, response.status, reason, masked_key=masked_key
    )


def _organization(entry: Mapping[str, Any]) -> Organization:
    return Organization(
        id=str(entry.get("id") or ""),
        name=str(entry.get("name") or ""),
        api_url=_address(entry.get("api_url")),
        proxy_url=_address(entry.get("proxy_url")),
    )


def _address(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
