"""Tool definitions and tool choices of every provider in OpenAI's nested form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from otel_braintrust.translation.decoding import as_mapping, decode, decode_container

_SCHEMA_KEYS = (
    "parameters",
    "input_schema",
    "inputSchema",
    "parameters_json_schema",
    "parametersJsonSchema",
    "json_schema",
    "args_schema",
    "schema",
    "args",
)

# An application defines the same few sets of tools with all of its requests.
MAX_KNOWN = 64
MAX_KNOWN_BYTES = 65_536
_known: dict[bytes, list[Any]] = {}


def to_tools(value: Any) -> list[Any] | None:
    """Convert tool definitions to OpenAI's form.

    Args:
        value: a list of definitions, one definition, a mapping by name, or JSON text of any.

    Returns:
        `[{"type": "function", "function": {...}}]`; built-in tools stay as they are. None if the
        value defines no tool. What is returned is shared by all who ask, and must not be changed.
    """
    if type(value) is not list or not value:
        return _converted(value)
    try:
        mark = orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
    except TypeError:  # not JSON's own types alone
        return _converted(value)
    known = _known.get(mark)
    if known is None:
        found = _converted(value)
        if found is None or len(mark) > MAX_KNOWN_BYTES:
            return found
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        known = _known[mark] = found
    return known


def _converted(value: Any) -> list[Any] | None:
    decoded = decode(value)
    if isinstance(decoded, dict):
        decoded = (
            list(decoded["tools"]) if isinstance(decoded.get("tools"), list) else _by_name(decoded)
        )
    if not isinstance(decoded, (list, tuple)):
        return None
    found = [tool for item in decoded for tool in _tools_of(decode_container(item))]
    return found or None


def _by_name(holder: Mapping[str, Any]) -> list[Any]:
    """Read a mapping from tool names to definitions, or one definition."""
    if (
        isinstance(holder.get("name"), str)
        or "function" in holder
        or "functionDeclarations" in holder
    ):
        return [holder]
    if "function_declarations" in holder or "toolSpec" in holder or "type" in holder:
        return [holder]
    return [
        {"name": name, **inner} if isinstance(inner, dict) and "name" not in inner else inner
        for name, inner in holder.items()
    ]


def _tools_of(item: Any) -> Iterator[Any]:
    if isinstance(item, list):  # Langtrace: a list in a list of one
        for inner in item:
            yield from _tools_of(decode_container(inner))
        return
    if isinstance(item, str):
        if item:
            yield {"type": "function", "function": {"name": item}}
        return
    if not isinstance(item, dict):
        return
    declarations = item.get("function_declarations") or item.get("functionDeclarations")
    if isinstance(declarations, (list, tuple)):
        for declaration in declarations:
            yield from _tools_of(declaration)
        return
    specification = item.get("toolSpec")
    if isinstance(specification, dict):
        yield from _tools_of(specification)
        return
    for key in ("tool", "data"):  # Haystack serialises `{"type": class, "data": {...}}`
        inner = item.get(key)
        if isinstance(inner, dict) and item.keys() <= {key, "type"}:
            yield from _tools_of(inner)
            return
    # OpenInference records a tool's schema as JSON text under `json_schema`, beside its name.
    described = (
        as_mapping(item.get("json_schema")) if isinstance(item.get("json_schema"), str) else None
    )
    if described is not None and ("function" in described or "name" in described):
        rest = {
            key: value
            for key, value in item.items()
            if key not in ("json_schema", "name", "description")
        }
        yield from (
            {**tool, **rest} if isinstance(tool, dict) else tool for tool in _tools_of(described)
        )
        return
    yield _definition(item)


def _definition(item: Mapping[str, Any]) -> Any:
    function = item.get("function")
    if isinstance(function, dict):
        rest = {key: value for key, value in item.items() if key not in ("function", "type")}
        return {"type": "function", "function": _function(function), **rest}
    kind = item.get("type")
    name = item.get("name")
    if not isinstance(name, str) or (
        isinstance(kind, str) and kind not in _FUNCTION_KINDS and not _has_schema(item)
    ):
        return dict(item)
    return {"type": "function", "function": _function(item)}


_FUNCTION_KINDS = frozenset({"function", "tool", "custom", "object", "client", "dynamic"})


def _has_schema(item: Mapping[str, Any]) -> bool:
    return any(item.get(key) is not None for key in _SCHEMA_KEYS)


def _function(item: Mapping[str, Any]) -> dict[str, Any]:
    function: dict[str, Any] = {"name": item.get("name")}
    if item.get("description"):
        function["description"] = item["description"]
    for key in _SCHEMA_KEYS:
        schema = _schema(item.get(key))
        if schema is not None:
            function["parameters"] = schema
            break
    read = {"name", "description", "type", *_SCHEMA_KEYS}
    function |= {
        key: value
        for key, value in item.items()
        if key not in read and key != "function" and value not in (None, "", [], {})
    }
    return function


def _schema(value: Any) -> Any:
    value = decode(value)
    if not isinstance(value, dict):
        return None
    for key in ("jsonSchema", "json"):
        if isinstance(value.get(key), dict):
            return value[key]
    return value


def to_tool_choice(value: Any) -> Any:
    """Convert a tool choice: `any` is `required`, a named tool is OpenAI's object."""
    value = decode(value)
    if isinstance(value, str):
        lowered = value.lower()
        return {"any": "required", "required": "required", "auto": "auto", "none": "none"}.get(
            lowered, value
        )
    if not isinstance(value, dict):
        return value
    inner = value.get("tool")
    named = inner if isinstance(inner, dict) else value
    name = named.get("name") or named.get("toolName") or named.get("tool_name")
    kind = value.get("type")
    if name and kind in (None, "tool", "function", "tool_name"):
        return {"type": "function", "function": {"name": name}}
    if isinstance(kind, str) and kind.lower() in ("any", "auto", "none", "required"):
        return to_tool_choice(kind)
    for mode in ("any", "auto"):  # Bedrock: {"any": {}}
        if mode in value:
            return to_tool_choice(mode)
    return dict(value)
