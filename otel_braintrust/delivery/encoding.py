"""A value as JSON bytes, whatever it holds."""

from __future__ import annotations

from typing import Any

import orjson

from otel_braintrust.translation.strict import strict


def encode(value: Any) -> bytes:
    """Encode a value as JSON.

    orjson refuses lone surrogates, integers beyond 64 bits, cycles and unknown types; what it
    refuses is made strict first, so one odd value costs speed and not the row.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(strict(value))
