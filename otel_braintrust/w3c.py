"""W3C Trace Context and Baggage as header text, by the rules Braintrust's SDKs keep."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
BAGGAGE = "baggage"
MAX_MEMBERS = 64
MAX_BYTES = 8192
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class TraceParent(NamedTuple):
    """The fields of a ``traceparent`` header."""

    trace_id: int
    span_id: int
    flags: int


class Member(NamedTuple):
    """One member of a ``baggage`` header: what it says, and its text as it came."""

    key: str
    value: str
    text: str


def header(carrier: Mapping[str, Any], name: str) -> str | None:
    """A header in any spelling of its name; several of one name are joined by commas."""
    found = carrier.get(name)
    if found is None:
        spellings = (key for key in carrier if isinstance(key, str) and key.lower() == name)
        found = next((carrier[key] for key in spellings), None)
    if isinstance(found, (list, tuple)):
        return ",".join(each for each in found if isinstance(each, str)) or None
    return found if isinstance(found, str) else None


def parse_traceparent(text: str | None) -> TraceParent | None:
    """Read a ``traceparent`` of version 00; None for anything else."""
    match = _TRACEPARENT.fullmatch(text.strip()) if text else None
    if match is None:
        return None
    parent = TraceParent(*(int(group, 16) for group in match.groups()))
    return parent if parent.trace_id and parent.span_id else None


def format_traceparent(parent: TraceParent) -> str:
    """Write a ``traceparent`` header."""
    return f"00-{parent.trace_id:032x}-{parent.span_id:016x}-{parent.flags & 0xFF:02x}"


def parse_baggage(text: str | None) -> Iterator[Member]:
    """The members of a ``baggage`` header, within W3C's limits; malformed ones are left out."""
    for member in _within_limits((text or "").split(",")):
        key, equals, value = member.partition(";")[0].partition("=")
        name = unquote(key.strip())
        if equals and name:
            yield Member(name, unquote(value.strip()), member)


def format_member(key: str, value: str) -> str:
    """Write one member; whatever is not unreserved is percent-encoded, a space as ``%20``."""
    return f"{quote(key, safe='')}={quote(value, safe='')}"


def join_baggage(relayed: Iterable[str], own: Iterable[str] = ()) -> str | None:
    """A ``baggage`` header within W3C's limits: 64 members and 8192 bytes.

    Args:
        relayed: Members of others, byte for byte; those that do not fit are left out whole.
        own: Members whose room is reserved first, and that go last.

    Returns:
        The header; None when there is nothing to say.
    """
    kept_own = list(_within_limits(own))
    own_bytes = sum(len(member.encode()) + 1 for member in kept_own)
    kept = _within_limits(
        relayed, max_members=MAX_MEMBERS - len(kept_own), max_bytes=MAX_BYTES - own_bytes
    )
    return ",".join([*kept, *kept_own]) or None


def _within_limits(
    members: Iterable[str], max_members: int = MAX_MEMBERS, max_bytes: int = MAX_BYTES
) -> Iterator[str]:
    """Whole members, in order, until one does not fit."""
    taken, taken_bytes = 0, -1
    for each in members:
        member = each.strip()
        if not member or "=" not in member:
            continue
        taken_bytes += len(member.encode("utf-8", "surrogatepass")) + 1
        if taken >= max_members or taken_bytes > max_bytes:
            return
        taken += 1
        yield member
