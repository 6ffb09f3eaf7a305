"""What a rule says of a span: kept, dropped, kept for what is beneath it, or not known yet."""

from __future__ import annotations

import enum


class Verdict(enum.Enum):
    """What is known of whether a span goes to Braintrust."""

    KEEP = "keep"
    DROP = "drop"
    IF_BENEATH = "kept if a span beneath it is kept"
    OPEN = "known when the span ends"

    # There is one of each, and Enum's own hash is a call for every look into a table.
    __hash__ = object.__hash__
