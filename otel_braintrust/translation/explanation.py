"""What became of a span: where each field of its row is from, and where each attribute went."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass
from typing import Any

# What can become of an attribute; each of a span has exactly one of these.
GAVE = "gave"
MERGED = "merged"
LOST = "lost"
KEPT = "kept"
DROPPED = "dropped"
FATES = (GAVE, MERGED, LOST, KEPT, DROPPED)


@dataclass
class Origin:
    """Where a field of the row is from.

    Attributes:
        field: the field's path, such as `input`, `metadata.model` or `metrics.tokens`.
        sources: attributes, events and facts of the span that gave it.
        conventions: the conventions that read them; none for what the translation itself derived.
        note: what was done on the way, if it is worth telling.
    """

    field: str
    sources: list[str] = dataclasses.field(default_factory=list)
    conventions: list[str] = dataclasses.field(default_factory=list)
    note: str = ""

    def add(self, source: str, convention: str = "") -> None:
        """Add a source, once."""
        if source not in self.sources:
            self.sources.append(source)
        if convention and convention not in self.conventions:
            self.conventions.append(convention)


@dataclass
class Fate:
    """What became of one attribute, or of one event.

    Attributes:
        name: the attribute's key; of an event, its name.
        fate: `gave` (it alone gave the fields), `merged` (it is one of several that gave them),
            `lost` (another gave the field it could have given), `kept` (as it is, in the metadata)
            or `dropped`.
        convention: the convention that read it, if any did.
        fields: the row's fields that it gave, went into, or could have given.
        to: who won, where it lost.
        because: why it was dropped.
        kept_as: where in the row it stands under its own name, all of it or what was left over.
        kind: `attribute`, `event` or `log event`.
    """

    name: str
    fate: str
    convention: str = ""
    fields: list[str] = dataclasses.field(default_factory=list)
    to: str = ""
    because: str = ""
    kept_as: str = ""
    kind: str = "attribute"


@dataclass
class Explanation:
    """One span: its row's fields, its attributes, its events, and what its trace did to it.

    Attributes:
        trace_id: 32 hex digits.
        span_id: 16 hex digits.
        name: the span's name.
        row: False for a placeholder, which has none.
        fields: where each field of the row is from.
        attributes: what became of each attribute, each exactly once.
        events: what became of each span event and joined log event, each exactly once.
        notes: truncated content, demotion, content lent by another span, failures.
    """

    trace_id: str
    span_id: str
    name: str
    row: bool = True
    fields: list[Origin] = dataclasses.field(default_factory=list)
    attributes: list[Fate] = dataclasses.field(default_factory=list)
    events: list[Fate] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as an object of plain JSON; what is empty is left out."""
        told = asdict(self)
        for part in ("fields", "attributes", "events"):
            told[part] = [{k: v for k, v in entry.items() if v} for entry in told[part]]
        return {key: value for key, value in told.items() if value or key in _ALWAYS}


_ALWAYS = frozenset({"trace_id", "span_id", "name", "row", "fields", "attributes"})
