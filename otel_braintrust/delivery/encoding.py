"""A value as JSON bytes, whatever it holds."""

from __future__ import annotations

import json
from typing import Any

import orjson


def encode(value: Any) -> bytes:
    """Encode a value as JSON.

    orjson refuses lone surrogates, integers beyond 64 bits and unknown types; the standard library
    takes these, with surrogates escaped and unknown objects as text, so one odd value costs speed
    and not the row.

    Raises:
        ValueError: The value refers to itself.
        TypeError: A key is not a string, number, bool or None.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return json.dumps(
            _finite(value), default=str, separators=(",", ":"), allow_nan=False
        ).encode()


def _finite(value: Any) -> Any:
    """The value with NaN and infinities as None, as orjson writes them."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return value
