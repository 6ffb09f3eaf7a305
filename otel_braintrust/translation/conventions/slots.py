"""What an attribute whose value varies becomes in a row, where nothing else stands against it.

A rule that says so by one of these need not be run for every span of a shape that came before: its
value is written straight into its place. See `blanks`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Count:
    """A token count, in the record of one family."""

    family: str
    name: str


@dataclass(frozen=True)
class Entry:
    """A metadata entry; with `is_kept` the attribute stays beside it."""

    name: str
    is_kept: bool


@dataclass(frozen=True)
class Content:
    """The row's input or output, in one of the forms of `content_forms`."""

    side: str
    form: str


@dataclass(frozen=True)
class System:
    """The system prompt before the messages of the input."""


@dataclass(frozen=True)
class Field:
    """A field of one numbered member of a flat family."""

    family: str


@dataclass(frozen=True)
class Texts:
    """What a step makes of a flat family whose members have a role and a text, and no more.

    Attributes:
        family: the family.
        side: where its messages go, `input` or `output`.
        role: the field that holds a member's role.
        text: the field that holds its text.
        reason: the field that holds why the model stopped; not every member has it.
    """

    family: str
    side: str
    role: str
    text: str
    reason: str | None = None


Slot = Count | Entry | Content | System | Field | Texts
