"""One thing that was looked at, and how it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What it is about.
        status: ``ok``, ``warning`` (spans go, but look at it), ``failed`` (no span arrives, or not
            where it should), ``skipped`` (it could not be looked at).
        says: What was found, in one line.
        remedy: What to do, unless all is well.
        details: The same for programs.
    """

    name: str
    status: Status
    says: str
    remedy: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
