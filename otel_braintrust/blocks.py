"""attributes(): what every span gets that starts in a block, whichever library makes it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import baggage as otel_baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context

from otel_braintrust import stamps
from otel_braintrust.annotations import checked, json_text, merged, united
from otel_braintrust.current import leave


@contextmanager
def attributes(
    *,
    user_id: str | None = None,
    session_id: str | None = None,
    tags: Iterable[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    baggage: bool = False,
) -> Generator[None, None, None]:
    """Give every span that starts in the block these attributes, whichever library makes it.

    They follow the context: over ``await`` and tasks, and into threads that carry it. What a span
    says itself goes before them; inner blocks go before outer ones. Also a decorator.

    Args:
        user_id: The user, as ``metadata.user_id``.
        session_id: The session, as ``metadata.session_id``.
        tags: Words for the whole trace.
        metadata: Anything else, by name.
        baggage: Send them to other services with OpenTelemetry's baggage, where this package gives
            them to the spans of that service; default False, for headers are seen by whoever is
            called.

    Raises:
        ValueError: A tag or the metadata has a wrong form.

    Example::

        with attributes(user_id="u1", session_id="s9"):
            agent.run(question)
    """
    own = {"user_id": user_id, "session_id": session_id}
    entries = {name: value for name, value in own.items() if value is not None}
    fields = {"metadata": {**entries, **(metadata or {})} or None, "tags": tags}
    if metadata is not None:
        checked({"metadata": metadata})
    context = stamped_context(otel_context.get_current(), checked(fields), with_baggage=baggage)
    token = otel_context.attach(context)
    try:
        yield
    finally:
        leave(token)


def stamped_context(
    context: Context, stamp: Mapping[str, Any], *, with_baggage: bool = False
) -> Context:
    """A context whose spans get a stamp, beside what the context gives them already."""
    known = stamps.stamp_in(context)
    combined = merged(known, stamp)
    if known.get("tags") and stamp.get("tags"):
        combined["tags"] = united(known["tags"], stamp["tags"])
    context = otel_context.set_value(stamps.STAMP_KEY, combined, context)
    if with_baggage:
        context = otel_baggage.set_baggage(stamps.BAGGAGE_KEY, json_text(combined), context)
    return context
