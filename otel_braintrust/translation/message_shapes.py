"""What is a message, or a part of one: told by its shape, never by its producer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation import parts
from otel_braintrust.translation.roles import KNOWN_ROLES, role_of

ITEM_TYPES = frozenset(
    [
        "message",
        "function_call",
        "function_call_output",
        "reasoning",
        "tool_call",
        "tool_call_response",
        "tool_use",
        "tool_result",
    ]
)


def is_message(value: Mapping[str, Any]) -> bool:
    """Tell whether an object is a message: it has a role, or a form that implies one."""
    if isinstance(value.get("role"), str):
        return True
    if "lc" in value and isinstance(value.get("kwargs"), dict):
        return True
    if isinstance(value.get("message"), dict):
        return (
            is_message(value["message"])
            or "content" in value["message"]
            or "tool_calls" in value["message"]
        )
    kind = value.get("type")
    if isinstance(kind, str):
        if kind in ITEM_TYPES and kind != "text":
            return True
        if role_of(kind) in KNOWN_ROLES and ("content" in value or "data" in value):
            return True
    return "parts" in value and isinstance(value["parts"], (list, tuple))


def is_loose_part(value: Mapping[str, Any]) -> bool:
    kind = value.get("type")
    if isinstance(kind, str):
        return kind in parts.BY_TYPE
    return kind is None and any(key in value for key in parts.BY_KEY)


def is_pair(value: Any) -> bool:
    """Tell whether a value is LangChain's short form, `["human", "text"]`."""
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and isinstance(value[0], str)
        and role_of(value[0]) in KNOWN_ROLES
        and isinstance(value[1], (str, list))
    )
