"""Encoded events in ranges that the server takes in one request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from otel_braintrust.client.errors import EventTooLargeError

MAX_BATCH_EVENTS = 100
DEFAULT_MAX_REQUEST_BYTES = 6 * 1024 * 1024


def batches(encoded: Sequence[bytes], limit_bytes: int) -> Iterator[tuple[int, int]]:
    """Split events into ranges whose bytes stay within half of what the server says it takes.

    Half, because a gateway wraps the request before it measures it: the limit itself is refused.

    Args:
        encoded: the events as JSON.
        limit_bytes: the largest request that the server says it takes.

    Returns:
        The first index of each batch, and the index after its last.

    Raises:
        EventTooLargeError: one event alone is larger than the limit.
    """
    frame_bytes = len(b'{"events":[]}')
    for index, event in enumerate(encoded):
        if len(event) + frame_bytes > limit_bytes:
            raise EventTooLargeError(
                f"event {index} has {len(event)} bytes, the server takes {limit_bytes} in one "
                "request: shorten it or leave a part of it out; nothing was sent"
            )
    first, used = 0, frame_bytes
    for index, event in enumerate(encoded):
        too_many = index - first >= MAX_BATCH_EVENTS
        if index > first and (too_many or used + len(event) + 1 > limit_bytes // 2):
            yield first, index
            first, used = index, frame_bytes
        used += len(event) + 1
    if encoded:
        yield first, len(encoded)
