"""Encoded events in ranges that the server takes in one request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from otel_braintrust.client.errors import EventTooLargeError

FRAME_BYTES = len(b'{"events":[]}')


def batches(
    encoded: Sequence[bytes], *, max_bytes: int, max_events: int
) -> Iterator[tuple[int, int]]:
    """Split events into ranges; an event larger than a batch is a batch of its own.

    Args:
        encoded: the events as JSON.
        max_bytes: most bytes of one request, about half of what the server says it takes: a
            gateway wraps a request before it measures it.
        max_events: most events of one request.

    Returns:
        The first index of each batch, and the index after its last.

    Raises:
        EventTooLargeError: one event is larger than twice `max_bytes` and cannot pass alone.
    """
    for index, event in enumerate(encoded):
        if len(event) + FRAME_BYTES > max_bytes * 2:
            raise EventTooLargeError(
                f"event {index} has {len(event)} bytes, the server takes {max_bytes * 2} in one "
                "request: shorten it or leave a part of it out; nothing was sent"
            )
    first, used = 0, FRAME_BYTES
    for index, event in enumerate(encoded):
        is_full = index - first >= max_events or used + len(event) + 1 > max_bytes
        if index > first and is_full:
            yield first, index
            first, used = index, FRAME_BYTES
        used += len(event) + 1
    if encoded:
        yield first, len(encoded)
