"""The vocabulary of the tables: what an attribute key can mean.

A rule is a function `(reading, key, value) -> bool`: True if the value was taken over, False if the
attribute must stay in the metadata under its own name as well. The functions here make rules; a
convention's table maps keys to them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from otel_braintrust.translation.conventions.marks import varying
from otel_braintrust.translation.conventions.slots import Content, Count, Entry, Field
from otel_braintrust.translation.decoding import (
    as_list,
    as_mapping,
    decode,
    decode_container,
    is_placeholder,
)
from otel_braintrust.translation.parameters import is_set, parameter, parameters_of
from otel_braintrust.translation.reading import DUMP, KEPT_ELSEWHERE, OWN, Candidate, Reading
from otel_braintrust.translation.span import SpanEvent
from otel_braintrust.translation.tools import to_tools

Rule = Callable[[Reading, str, Any], bool]
PrefixRule = Callable[[Reading, str, str, Any], bool]
EventRule = Callable[[Reading, SpanEvent], bool]
Step = Callable[[Reading], None]

# An index beyond this is no message of a conversation: the attribute stays as it is.
MAX_INDEX_DIGITS = 4

NO_TYPES: frozenset[str] = frozenset()

# Entries that name one call or one user: they differ from span to span.
_IDENTIFIERS = frozenset(
    {"response_id", "previous_response_id", "session_id", "tool_call_id", "user_id"}
)


@dataclass(frozen=True)
class Convention:
    """One dialect: what its keys, key prefixes and events mean.

    Attributes:
        name: the dialect's name, as `--explain` shows it.
        keys: attribute key to rule.
        prefixes: key prefix to a rule that is also given the rest of the key.
        events: span event (or log event) name to rule; a rule says whether the event is used up.
        scopes: instrumentation scope prefix to a step run before the attributes.
        finish: steps run after all attributes and events, to put together what stands in several.
    """

    name: str
    keys: Mapping[str, Rule] = field(default_factory=dict)
    prefixes: Mapping[str, PrefixRule] = field(default_factory=dict)
    events: Mapping[str, EventRule] = field(default_factory=dict)
    scopes: Mapping[str, Step] = field(default_factory=dict)
    finish: tuple[Step, ...] = ()


def kind(types: Mapping[str, str | None], rank: int, *, keep: bool = True) -> Rule:
    """The value says what the span is.

    Args:
        types: value (lower case) to Braintrust span type; None for "no opinion".
        rank: which source is believed first.
        keep: also keep the attribute.
    """

    def read(reading: Reading, key: str, value: Any) -> bool:
        if isinstance(value, str):
            name = value.strip().strip('"').lower()
            found = types.get(name)
            if "embed" in name:
                reading.is_embedding = True
            if found:
                reading.kinds.append((rank, found, key))
        return not keep

    return read


def named(name: str, rank: int = 50, *, keep: bool = False, convert: Any = None) -> Rule:
    """The value is `metadata[name]`, if nothing of a better rank is there."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        if not is_set(value):
            return True
        reading.suggest(name, rank, key, convert(value) if convert else value, value)
        return not keep

    return varying(read, Entry(name, keep)) if name in _IDENTIFIERS else read


def setting(name: str, rank: int = 50) -> Rule:
    """The value is a request parameter."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        if not is_set(value):
            return True
        converted = parameter(name, value)
        if converted is None:
            return False
        reading.suggest(name, rank, key, converted, value)
        return converted == value or not isinstance(value, str)

    return read


def settings(rank: int = 60, *, rest_as: str | None = None) -> Rule:
    """The value is an object of request parameters, possibly with model, tools and messages."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        holder = as_mapping(value)
        if holder is None:
            return False
        known, other = parameters_of(holder)
        for name, found in known.items():
            reading.suggest(name, rank, key, found, KEPT_ELSEWHERE)
        for model_key in ("model", "model_name", "modelId", "model_id"):
            if isinstance(holder.get(model_key), str):
                reading.suggest("request_model", rank, key, holder[model_key], KEPT_ELSEWHERE)
                break
        if other and rest_as:
            reading.suggest(rest_as, rank, key, other, KEPT_ELSEWHERE)
        reading.remainders[key] = holder
        if _holds_content(holder):
            reading.offer("input", Candidate(DUMP, "payload", holder, {}))
        return True

    return read


def _holds_content(holder: Mapping[str, Any]) -> bool:
    """Tell whether parameters hold the request's content too."""
    return any(holder.get(name) for name in ("messages", "contents", "inputText", "prompt"))


def tools(rank: int = 50) -> Rule:
    """The value defines the tools of a request."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        found = to_tools(value)
        if found is None:
            return is_placeholder(value)
        reading.suggest("tools", rank, key, found, value)
        return True

    return read


def count(family: str, name: str) -> Rule:
    """The value is a token count of one family."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        return reading.count(family, name, key, value)

    return varying(read, Count(family, name))


def cost(rank: int) -> Rule:
    """The value is the call's cost in US dollars."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        reading.costs.append((rank, key, value))
        return True

    return varying(read)


def first_token(rank: int, *, unit_s: float = 1.0) -> Rule:
    """The value is the time to the first token, in units of `unit_s` seconds."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        reading.first_token.append((rank, key, float(value) * unit_s, value))
        return True

    return varying(read)


def error(rank: int = 20) -> Rule:
    """The value tells that the span failed, and why."""

    def read(reading: Reading, _key: str, value: Any) -> bool:
        if is_placeholder(value):
            return True
        reading.errors.append((rank, decode_container(value)))
        return False

    return read


def content(
    side: str,
    rank: int,
    form: str = "value",
    *,
    homes: frozenset[str] = NO_TYPES,
    order: int = 0,
) -> Rule:
    """The value is what the row shows as input or output.

    Args:
        side: `input` or `output`.
        rank: a rank of `reading`, the lower the better.
        form: `messages`, `payload` (of a model API), `value` (JSON if it is an object or list) or
            `json` (any JSON) or `text`.
        homes: types of span in which this is the first choice.
        order: which goes first among equals.
    """

    def read(reading: Reading, key: str, value: Any) -> bool:
        if value is not None:
            reading.offer(side, Candidate(rank, form, value, {key: value}, homes, order))
        return True

    return varying(read, Content(side, form) if rank != OWN else None)


def member(side: str, name: str, rank: int, *, homes: frozenset[str] = NO_TYPES) -> Rule:
    """The value is one member of an object that the row shows as input or output."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        listed = reading.inputs if side == "input" else reading.outputs
        for candidate in listed:
            if candidate.form == "object" and candidate.rank == rank and candidate.homes == homes:
                candidate.value[name] = decode_container(value)
                candidate.raw[key] = value
                return True
        reading.offer(
            side, Candidate(rank, "object", {name: decode_container(value)}, {key: value}, homes)
        )
        return True

    return varying(read)


def tags(separator: str | None = None) -> Rule:
    """The value holds tags: a list, JSON text of one, or text to be split."""

    def read(reading: Reading, _key: str, value: Any) -> bool:
        listed = as_list(value)
        if listed is None and isinstance(value, str):
            listed = value.split(separator) if separator else [value]
        for tag in listed or ():
            text = tag.strip() if isinstance(tag, str) else None
            if text and text not in reading.tags:
                reading.tags.append(text)
        return bool(listed) and all(isinstance(tag, str) for tag in listed or ())

    return read


def spread(*, keep: bool = False) -> Rule:
    """The value is an object of a user's own metadata: its members are entries of ours."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        holder = as_mapping(value)
        if holder is None:
            return False
        for name, inner in holder.items():
            reading.user_metadata.setdefault(str(name), decode_container(inner))
            rule = LANGCHAIN_METADATA.get(name)
            if rule is not None:
                rule(reading, f"{key}.{name}", inner)
        return not keep

    return varying(read)


# What LangChain says of a model call in its runs' metadata, whoever records it.
LANGCHAIN_METADATA: dict[str, Rule] = {
    "ls_provider": named("provider", 60, keep=True),
    "ls_model_name": named("request_model", 60, keep=True),
    "ls_temperature": setting("temperature", 70),
    "ls_max_tokens": setting("max_tokens", 70),
    "ls_stop": setting("stop", 70),
}


def entry(rules: Mapping[str, Rule] | None = None, *, keep: bool = False) -> PrefixRule:
    """A prefix whose rest is the name of a user's own metadata entry.

    Args:
        rules: names that mean something besides, such as `user_id`.
        keep: also keep the attribute under its full key.
    """
    special = rules or {}

    def read(reading: Reading, key: str, rest: str, value: Any) -> bool:
        rule = special.get(rest)
        if rule is not None:
            rule(reading, key, value)
        if is_set(value):
            reading.user_metadata.setdefault(rest, decode_container(value))
        return not keep

    read.settled = frozenset(  # type: ignore[attr-defined]  # as for `varying`
        name for name, rule in special.items() if not hasattr(rule, "varies")
    )
    return varying(read)


def numbered(family: str, *, varies: bool = True) -> PrefixRule:
    """A prefix of a flat family: `PREFIX.N.FIELD` is a field of its Nth member.

    Args:
        family: the family's name.
        varies: its values differ from span to span, and nothing hangs on them.
    """

    def read(reading: Reading, key: str, rest: str, value: Any) -> bool:
        place = place_of(rest)
        if place is None:
            return False
        # As `Reading.gather`, without a call more for each of what may be a thousand fields.
        index, name = place
        gathered = reading.groups.get(family) or reading.family(family)
        fields = gathered.members.get(index)
        if fields is None:
            gathered.members[index] = {name: value}
        else:
            fields[name] = value
        gathered.raw[key] = value
        return True

    return varying(read, Field(family)) if varies else read


@functools.lru_cache(maxsize=8_192)
def place_of(rest: str) -> tuple[int, str] | None:
    """The number and the name in `N.NAME`; None if that is no member of a family."""
    index, _, name = rest.partition(".")
    if not name or not index.isdigit() or len(index) > MAX_INDEX_DIGITS:
        return None
    return int(index), name


def keep(_reading: Reading, _key: str, _value: Any) -> bool:
    """The attribute stays as it is."""
    return False


def drop(_reading: Reading, _key: str, _value: Any) -> bool:
    """The attribute says only what other fields of the row say."""
    return True


def decoded(reading: Reading, key: str, value: Any) -> bool:
    """The attribute stays, with its JSON opened."""
    reading.leftovers[key] = decode(value)
    return True
