"""Braintrust's own attributes, `braintrust.*`: they go over everything else.

Source: Braintrust's instrumentation guide (`braintrust.input_json`, ...) and its stored docs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation.conventions.marks import gathering, varying
from otel_braintrust.translation.conventions.rules import (
    Convention,
    PrefixRule,
    Rule,
    drop,
    tags,
)
from otel_braintrust.translation.decoding import as_mapping, decode, decode_container, parse
from otel_braintrust.translation.reading import OWN, Candidate, Reading

# Beyond 64 bits JSON readers no longer agree on an integer.
MAX_INTEGER = 2**63


def _json(side: str) -> Rule:
    """The value is the JSON text of a field; text that is none stays visible as text."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        if isinstance(value, str):
            try:
                decoded = parse(value)
            except ValueError:
                decoded = value
        else:
            decoded = value
        _set(reading, side, key, decoded, value, order=0)
        return True

    return varying(read)


def _plain(side: str) -> Rule:
    def read(reading: Reading, key: str, value: Any) -> bool:
        _set(reading, side, key, decode_container(value), value, order=1)
        return True

    return varying(read)


def _set(reading: Reading, side: str, key: str, decoded: Any, raw: Any, order: int) -> None:
    if side == "expected":
        if order == 0 or "expected" not in reading.own:
            reading.own["expected"] = decoded
        return
    reading.offer(side, Candidate(OWN, "as_is", decoded, {key: raw}, order=order))


def _flat(side: str) -> PrefixRule:
    """A flattened form, `braintrust.input.0.role`, is put together again."""

    def read(reading: Reading, key: str, rest: str, value: Any) -> bool:
        if not rest:
            return False
        reading.gather(f"braintrust.{side}", 0, rest, key, value)
        return True

    return varying(read)


@gathering(*(f"braintrust.{side}." for side in ("input", "output", "expected")))
def _build_flat(reading: Reading) -> None:
    for side in ("input", "output", "expected"):
        members, raw = reading.take(f"braintrust.{side}")
        for fields in members:
            _set(reading, side, f"braintrust.{side}", _nest(fields), raw, order=2)


def _nest(fields: Mapping[str, Any]) -> Any:
    tree: dict[str, Any] = {}
    for path, value in fields.items():
        place = tree
        *parents, last = path.split(".")
        for name in parents[:16]:
            inner = place.setdefault(name, {})
            place = inner if isinstance(inner, dict) else place
        place[last] = decode_container(value)
    return _lists(tree)


def _lists(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if tree and all(key.isdigit() for key in tree):
        return [_lists(tree[key]) for key in sorted(tree, key=int)]
    return {key: _lists(inner) for key, inner in tree.items()}


def _object(read_member: Any) -> Rule:
    """The value is an object; each member is one entry."""

    def read(reading: Reading, _key: str, value: Any) -> bool:
        holder = as_mapping(value)
        if holder is None:
            return False
        for name, inner in holder.items():
            read_member(reading, str(name), inner)
        return True

    return read


def _member(read_member: Any) -> PrefixRule:
    def read(reading: Reading, _key: str, rest: str, value: Any) -> bool:
        read_member(reading, rest, value)
        return True

    return read


def _metadata(reading: Reading, name: str, value: Any) -> None:
    reading.own.setdefault("metadata", {}).setdefault(name, decode_container(value))


def _said_metadata(reading: Reading, name: str, value: Any) -> None:
    """A member of an object, whose JSON tells texts from structures already.

    It goes before an attribute of its own, which is how a block around a span gives it metadata.
    """
    reading.own.setdefault("metadata", {})[name] = value


def _metric(reading: Reading, name: str, value: Any) -> None:
    number = _number(value)
    if number is None:
        reading.own.setdefault("metadata", {}).setdefault("rejected_metrics", {})[name] = value
    else:
        reading.own.setdefault("metrics", {}).setdefault(name, number)


def _number(value: Any) -> int | float | None:
    if isinstance(value, str):
        try:
            value = parse(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, int):
        return value if abs(value) < MAX_INTEGER else None
    return value if math.isfinite(value) else None


def _score(reading: Reading, name: str, value: Any) -> None:
    """Take a score in 0..1 or null; one outside is kept apart, never clamped."""
    number = int(value) if isinstance(value, bool) else value
    if number is None or (
        isinstance(number, (int, float)) and math.isfinite(number) and 0 <= number <= 1
    ):
        reading.scores.setdefault(name, number)
    else:
        reading.rejected_scores[name] = value


def _span_attribute(reading: Reading, name: str, value: Any) -> None:
    if name == "type" and isinstance(value, str):
        reading.kinds.append((0, value, "braintrust.span_attributes"))
    elif name == "purpose":
        reading.purpose = value
    else:
        reading.own.setdefault("span_attributes", {})[name] = value


def _field(name: str) -> Rule:
    def read(reading: Reading, _key: str, value: Any) -> bool:
        reading.own[name] = decode(value)
        return True

    return read


def _context(reading: Reading, _key: str, value: Any) -> bool:
    holder = as_mapping(value)
    if holder is None:
        return False
    reading.own["context"] = dict(holder)
    return True


def _parent(reading: Reading, _key: str, value: Any) -> bool:
    reading.parent = value if isinstance(value, str) and value.strip() else None
    return True


def _preserve(reading: Reading, _key: str, value: Any) -> bool:
    reading.preserve = value is True or str(value).lower() == "true"
    return True


def _error(reading: Reading, _key: str, value: Any) -> bool:
    if value is None or value == "":
        return True
    reading.errors.append((0, decode_container(value)))
    return True


CONVENTION = Convention(
    name="braintrust",
    keys={
        "braintrust.input_json": _json("input"),
        "braintrust.output_json": _json("output"),
        "braintrust.expected_json": _json("expected"),
        "braintrust.input": _plain("input"),
        "braintrust.output": _plain("output"),
        "braintrust.expected": _plain("expected"),
        "braintrust.error": _error,
        "braintrust.metadata": varying(_object(_said_metadata)),
        "braintrust.metrics": varying(_object(_metric)),
        "braintrust.scores": varying(_object(_score)),
        "braintrust.span_attributes": _object(_span_attribute),
        "braintrust.tags": tags(","),
        "braintrust.origin": _field("origin"),
        "braintrust.classifications": _field("classifications"),
        "braintrust.context_json": _context,
        "braintrust.parent": _parent,
        "braintrust.org": drop,
        "braintrust.app_url": drop,
        "braintrust.otel.preserve_attributes": _preserve,
    },
    prefixes={
        "braintrust.input.": _flat("input"),
        "braintrust.output.": _flat("output"),
        "braintrust.expected.": _flat("expected"),
        "braintrust.metadata.": varying(_member(_metadata)),
        "braintrust.metrics.": varying(_member(_metric)),
        "braintrust.scores.": varying(_member(_score)),
        "braintrust.span_attributes.": _member(_span_attribute),
    },
    finish=(_build_flat,),
)
