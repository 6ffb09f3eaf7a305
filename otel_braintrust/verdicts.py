"""What a rule says of a span: kept, dropped, kept for what is beneath it, or not known yet."""

from __future__ import annotations

import enum


class Verdict(enum.Enum):
    """What is known of whether a span goes to Braintrust."""

    KEEP = "keep"
    DROP = "drop"
    IF_BENEATH = "kept if a span beneath it is kept"
    OPEN = "known when the span ends"
