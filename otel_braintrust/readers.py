"""How an option's value is read, by its kind: a text of the environment, or an argument."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from otel_braintrust.selection.rules import RuleError, read_rules
from otel_braintrust.selection.selection import MODES


def _read_text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError(f"text is needed, not {type(raw).__name__}")
    return raw.strip()


def _read_address(raw: Any) -> str:
    text = _read_text(raw).rstrip("/")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("an address like https://api.braintrust.dev")
    return text


def _read_number(raw: Any) -> float:
    if isinstance(raw, bool):
        return math.nan
    try:
        return float(raw)
    except (TypeError, ValueError):
        return math.nan


def _read_seconds(raw: Any) -> float:
    number = _read_number(raw)
    if not (0 < number < math.inf):
        raise ValueError("a number of seconds above 0")
    return number


def _read_seconds_or_zero(raw: Any) -> float:
    number = _read_number(raw)
    if not (0 <= number < math.inf):
        raise ValueError("a number of seconds, 0 or more")
    return number


def _read_count(raw: Any) -> int:
    number = _read_number(raw)
    if not (1 <= number < math.inf and number == int(number)):
        raise ValueError("a whole number above 0")
    return int(number)


def _read_count_or_zero(raw: Any) -> int:
    number = _read_number(raw)
    if not (0 <= number < math.inf and number == int(number)):
        raise ValueError("a whole number, 0 or more")
    return int(number)


def _read_switch(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    text = str(raw).strip().lower()
    if text not in SWITCHES:
        raise ValueError(f"one of {', '.join(SWITCHES)}")
    return SWITCHES[text]


def _read_spool_mode(raw: Any) -> str:
    text = _read_text(raw).lower()
    if text not in SPOOL_MODES:
        raise ValueError(f"one of {', '.join(SPOOL_MODES)}")
    return text


def _read_mode(raw: Any) -> str:
    text = _read_text(raw).lower()
    if text not in MODES:
        raise ValueError(f"one of {', '.join(MODES)}")
    return text


def _read_rules(raw: Any) -> Any:
    try:
        return read_rules(raw)
    except (RuleError, TypeError) as error:
        raise ValueError(f"rules; {error}") from error


def _read_names(raw: Any) -> tuple[str, ...]:
    names = raw.split(",") if isinstance(raw, str) else raw
    return tuple(name for each in names if (name := _read_text(each)))


def _read_ratio(raw: Any) -> float:
    number = _read_number(raw)
    if not (0 <= number <= 1):
        raise ValueError("a number from 0 to 1")
    return number


def _read_function(raw: Any) -> Any:
    if not callable(raw):
        raise ValueError("a function")  # noqa: TRY004  (told as any other option that cannot be used)
    return raw


def _read_mask(raw: Any) -> Any:
    from otel_braintrust.redaction.mask import MaskError, read_mask

    try:
        return read_mask(raw)
    except MaskError as error:
        raise ValueError(f"a mask; {error}") from error


def _read_object(raw: Any) -> Any:
    return raw


SPOOL_MODES = ("failed", "always")
SWITCHES: Mapping[str, bool] = {
    **dict.fromkeys(("true", "1", "yes", "y", "on"), True),
    **dict.fromkeys(("false", "0", "no", "n", "off"), False),
}
READERS: Mapping[str, Callable[[Any], Any]] = {
    "text": _read_text,
    "address": _read_address,
    "seconds": _read_seconds,
    "seconds or 0": _read_seconds_or_zero,
    "count": _read_count,
    "count or 0": _read_count_or_zero,
    "switch": _read_switch,
    "spool mode": _read_spool_mode,
    "spans": _read_mode,
    "rules": _read_rules,
    "names": _read_names,
    "ratio": _read_ratio,
    "function": _read_function,
    "mask": _read_mask,
    "object": _read_object,
}
