"""Events and feedback that are sent by hand, masked as spans are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from otel_braintrust.attachments import Attachment
from otel_braintrust.delivery.encoding import encode
from otel_braintrust.enclosing import masked_file

if TYPE_CHECKING:
    from otel_braintrust.redaction import Redaction

# What an item of feedback must have besides these to say anything.
SAYS_NOTHING = frozenset(("id", "source", "metadata"))


def masked_events(
    encoded: Sequence[bytes], files: Mapping[str, Attachment], redact: Redaction
) -> tuple[list[bytes], dict[str, Attachment]]:
    """Mask events, and the attachments that they still refer to then.

    Args:
        encoded: the events as JSON.
        files: their attachments by key.
        redact: what masks them.
    """
    # An event that merely changes a row may have nothing left to say; its id still names the row.
    events = [orjson.loads(each) for each in encoded]
    masked = [encode(redact(event) or {"id": event["id"], "_is_merge": True}) for event in events]
    text = b"".join(masked)
    kept = {key: masked_file(each, redact) for key, each in files.items() if key.encode() in text}
    return masked, kept


def masked_feedback(items: Sequence[Mapping[str, Any]], redact: Redaction) -> list[dict[str, Any]]:
    """Mask items of feedback; those that have nothing left to say are left out."""
    masked = (redact(item) for item in items)
    return [item for item in masked if item is not None and item.keys() - SAYS_NOTHING]
