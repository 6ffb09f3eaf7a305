"""Fields of a request body, read with the type that is wanted or refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException


def text_field(body: Mapping[str, Any], name: str) -> str:
    """A string that must be there and not be empty.

    Raises:
        HTTPException: 400 naming the field.
    """
    value = optional_text(body, name)
    if not value:
        raise HTTPException(400, f"{name}: a string that is not empty is required")
    return value


def optional_text(body: Mapping[str, Any], name: str) -> str | None:
    """A string, or None if the field is missing or null.

    Raises:
        HTTPException: 400 naming the field.
    """
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise HTTPException(400, f"{name}: expected a string")
    return value


def list_field(body: Mapping[str, Any], name: str) -> list[Any]:
    """A list that must be there; it may be empty.

    Raises:
        HTTPException: 400 naming the field.
    """
    value = body.get(name)
    if not isinstance(value, list):
        raise HTTPException(400, f"{name}: an array is required")
    return value


def count_field(body: Mapping[str, Any], name: str) -> int | None:
    """A whole number of at least 0, also as decimal text, or None if missing or null.

    Raises:
        HTTPException: 400 naming the field.
    """
    value = body.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if type(value) is int and 0 <= value < 2**63:
        return value
    raise HTTPException(400, f"{name}: expected a whole number of at least 0")
