"""Values as strict JSON: what no JSON text can hold is changed on purpose, never raised.

NaN and infinities are null, integers beyond 64 bits are text, bytes are text or a data URI, lone
surrogates are replaced, keys are text, cycles and excessive depth are cut with a mark.
"""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

MAX_DEPTH = 128
CIRCULAR = "<circular reference>"
TOO_DEEP = "<max depth exceeded>"
_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1


Known = Callable[[Any], Any]


def strict(value: Any, known: Known | None = None) -> Any:
    """Return a value that any JSON writer takes, the same object where nothing had to change.

    Args:
        value: anything.
        known: writes objects of further kinds as JSON's; raises TypeError for all others.
    """
    return _strict(value, 0, (), known)


def strict_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row that any JSON writer takes."""
    return strict(row)  # type: ignore[no-any-return]  # an object in, an object out


def _strict(value: Any, depth: int, above: tuple[int, ...], known: Known | None) -> Any:
    kind = type(value)
    if kind is str:
        return value if value.isascii() else text(value)
    if kind is bool or value is None:
        return value
    if kind is int:
        return value if _MIN_INT <= value <= _MAX_INT else str(value)
    if kind is float:
        return value if math.isfinite(value) else None
    if depth >= MAX_DEPTH:
        return TOO_DEEP
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        if id(value) in above:
            return CIRCULAR
        inner_above = (*above, id(value))
        if isinstance(value, Mapping):
            return {
                key if type(key) is str and key.isascii() else text(_key(key)): _strict(
                    inner, depth + 1, inner_above, known
                )
                for key, inner in value.items()
            }
        return [_strict(inner, depth + 1, inner_above, known) for inner in value]
    if known is not None:
        try:
            return known(value)
        except TypeError:
            pass
    return _strict(_simplified(value), depth + 1, above, known)


def _key(key: Any) -> str:
    try:
        return str(key)
    except Exception:  # noqa: BLE001 - any object's __str__ may fail in any way
        return f"<unprintable {type(key).__name__}>"


def _simplified(value: Any) -> Any:
    """Turn an object of another kind into one of JSON's kinds."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _bytes(bytes(value))
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, (str, int, float)) else value.name
    if isinstance(value, (str, int, float)):
        return next(base(value) for base in (str, int, float) if isinstance(value, base))
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        try:
            return dict(dump())
        except Exception:  # noqa: BLE001 - a user's model may fail in any way; its text remains
            return _key(value)
    return _key(value)


def _bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"data:application/octet-stream;base64,{base64.b64encode(value).decode()}"


def text(value: str) -> str:
    """Return text that UTF-8 can hold: lone surrogates become the replacement character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
