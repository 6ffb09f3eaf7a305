"""Times as Braintrust writes them: UTC, milliseconds, a final `Z`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*(Z|z|[+-]\d{2}:?\d{2})?)?"
)


def parse_timestamp(text: str) -> datetime | None:
    """Read an RFC 3339 time or a plain date; a time without an offset is UTC.

    Example:
        >>> parse_timestamp("2026-01-14T21:01:52.551602+00:00").second
        52
    """
    match = _TIMESTAMP.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    microsecond = int((fraction or "").ljust(6, "0")[:6])
    try:
        parsed = datetime(  # the offset, if any, is applied below
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            microsecond,
            tzinfo=timezone.utc,
        )
        return parsed - _offset(offset)
    except (ValueError, OverflowError):
        return None


def format_timestamp(moment: datetime) -> str:
    """Write a time in the one form that sorts as text, `2026-01-14T21:01:52.551Z`."""
    utc = moment.astimezone(timezone.utc)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z".rjust(24, "0")


def format_unix_time(unix_s: float) -> str:
    """Write a Unix time in seconds as `format_timestamp` does."""
    return format_timestamp(datetime.fromtimestamp(unix_s, timezone.utc))


def _offset(text: str | None) -> timedelta:
    if not text or text in "Zz":
        return timedelta()
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -offset if text[0] == "-" else offset
