"""What one pass over a span's attributes, events and logs found: candidates for every field.

Conventions write into a `Reading`; they decide nothing. A field with several candidates is decided
afterwards, by rank, and whoever loses goes back to the leftovers, so that nothing recorded is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from otel_braintrust.translation.decoding import decode_container, is_placeholder
from otel_braintrust.translation.span import SpanView
from otel_braintrust.translation.usage import UsageRecords, token_count

# Ranks of content candidates; the lower wins. One at home in the span's type is FIRST_CHOICE.
OWN = 0
DELIBERATE = 1
FIRST_CHOICE = 2
FRAMEWORK = 3
OLD_CONTENT = 4
TOOL_FORM = 5
DOMAIN_FORM = 6
MLFLOW = 7
ENTITY = 8
PLAIN_VALUE = 9
DUMP = 10


# As a suggestion's raw value: there is nothing to put back, the attribute is kept in another way.
KEPT_ELSEWHERE = object()


@dataclass(slots=True)
class Candidate:
    """A value that could be a row's input or output.

    Attributes:
        rank: the lower, the better; equal ranks are compared by what they hold.
        form: how the value is read: `messages`, `payload`, `value` or `text`.
        value: the value as recorded, or already assembled.
        raw: the attributes it was made of, handed back if it loses.
        homes: span types in which it is the first choice.
        order: which family goes first among equals.
    """

    rank: int
    form: str
    value: Any
    raw: dict[str, Any]
    homes: frozenset[str] = frozenset()
    order: int = 0


@dataclass(slots=True)
class Suggestion:
    """A value that could be a named metadata entry."""

    rank: int
    key: str
    value: Any
    raw: Any


@dataclass(slots=True)
class Family:
    """A flat family of attributes: its numbered members' fields, and the attributes themselves."""

    members: dict[int, dict[str, Any]] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Reading:
    """Everything read from one span, before any field is decided.

    `origins` says what then gave a field: the winning `Candidate` of the input or output, the usage
    record, the key of the attribute that gave the type, the error or a metadata entry.
    """

    span: SpanView
    leftovers: dict[str, Any] = field(default_factory=dict)
    kinds: list[tuple[int, str, str]] = field(default_factory=list)
    inputs: list[Candidate] = field(default_factory=list)
    outputs: list[Candidate] = field(default_factory=list)
    named: dict[str, list[Suggestion]] = field(default_factory=dict)
    usage: UsageRecords = field(default_factory=UsageRecords)
    costs: list[tuple[int, str, Any]] = field(default_factory=list)
    first_token: list[tuple[int, str, float, Any]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    user_metadata: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    remainders: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, float | None] = field(default_factory=dict)
    rejected_scores: dict[str, Any] = field(default_factory=dict)
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    errors: list[tuple[int, Any]] = field(default_factory=list)
    groups: dict[str, Family] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    context: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    truncated: list[str] = field(default_factory=list)
    system: Candidate | None = None
    finish_reasons: list[Any] = field(default_factory=list)
    purpose: str | None = None
    excludes_cache: bool = False
    placeholder_span: bool = False
    is_embedding: bool = False
    parent: str | None = None
    preserve: bool = False
    origins: dict[str, Any] = field(default_factory=dict)
    opened: dict[Any, Any] = field(default_factory=dict)

    def open(self, value: Any) -> Any:
        """Parse a value that may be JSON's object or list, each text once; see `decode_container`.

        What is returned is shared by all who ask, and must not be changed.
        """
        if type(value) is not str:
            return decode_container(value)
        found = self.opened.get(value, self)
        if found is self:
            found = self.opened[value] = decode_container(value)
        return found

    def read_once(self, read: Callable[[Any], Any], value: Any) -> Any:
        """Have a reader read an object or a list, once however often it is asked for."""
        if type(value) is not dict and type(value) is not list:
            return read(value)
        key = (read, id(value))
        known = self.opened.get(key)
        if known is None:  # the value is held as well, so that no other gets its id
            known = self.opened[key] = (value, read(value))
        return known[1]

    def suggest(self, name: str, rank: int, key: str, value: Any, raw: Any = None) -> None:
        """Offer a value for `metadata[name]`."""
        suggestion = Suggestion(rank, key, value, value if raw is None else raw)
        known = self.named.get(name)
        if known is None:
            self.named[name] = [suggestion]
        else:
            known.append(suggestion)

    def offer(self, side: str, candidate: Candidate) -> None:
        """Offer a value for the row's `input` or `output`."""
        (self.inputs if side == "input" else self.outputs).append(candidate)

    def group(self, family: str, index: int) -> dict[str, Any]:
        """The fields gathered so far of one numbered member of a flat family."""
        members = self.family(family).members
        fields = members.get(index)
        if fields is None:
            fields = members[index] = {}
        return fields

    def gather(self, family: str, index: int, name: str, key: str, value: Any) -> None:
        """Note a field of one numbered member of a flat family, and the attribute it stands in."""
        gathered = self.family(family)
        fields = gathered.members.get(index)
        if fields is None:
            fields = gathered.members[index] = {}
        fields[name] = value
        gathered.raw[key] = value

    def family(self, family: str) -> Family:
        """A flat family, as far as it is gathered."""
        found = self.groups.get(family)
        if found is None:
            found = self.groups[family] = Family()
        return found

    def take(self, family: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Take a flat family: its members by number, and the attributes that they were made of."""
        gathered = self.groups.pop(family, None)
        if gathered is None:
            return [], {}
        return [fields for _, fields in sorted(gathered.members.items())], gathered.raw

    def gathered(self, family: str) -> dict[str, Any]:
        """The attributes of which a flat family was gathered, under their own keys."""
        return dict(self.groups[family].raw) if family in self.groups else {}

    def best(self, name: str) -> Any:
        """The best real value suggested for a name so far; None without one."""
        found = [s for s in self.named.get(name, ()) if not is_placeholder(s.value)]
        return min(found, key=lambda s: s.rank).value if found else None

    def count(self, family: str, name: str, key: str, value: Any) -> bool:
        """Note a token count; a value that is none stays where it was."""
        number = token_count(value)
        return number is not None and self.usage.add(family, name, number, key)

    def restore(self, raw: Mapping[str, Any]) -> None:
        """Put attributes back among the leftovers."""
        for key, value in raw.items():
            self.leftovers.setdefault(key, value)
