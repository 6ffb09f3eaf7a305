"""What is said of a span afterwards: feedback, scores of several people, updates."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span

from otel_braintrust.annotate import start_span
from otel_braintrust.annotations import checked, json_value
from otel_braintrust.delivery.destinations import Destination, parse_parent
from otel_braintrust.delivery.followers import Change, Followers
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.equipment import new_followers
from otel_braintrust.links import destination_named, slug_of
from otel_braintrust.living import latest_processor
from otel_braintrust.propagation import default_destination
from otel_braintrust.settings import KEY_SOURCES, Settings
from otel_braintrust.slugs import Slug, decode_slug
from otel_braintrust.traced_span import FIELDS, TracedSpan
from otel_braintrust.undelivered import Undelivered

logger = logging.getLogger("otel_braintrust")

SOURCES = ("app", "api", "external")

_lock = threading.Lock()
_followers_of_settings: Followers | None = None
_has_told_of_no_key = False


class _Target:
    """The row that something is said of."""

    def __init__(self, target: Span | str | None, parent: str | None) -> None:
        self.slug: Slug | None = None
        if isinstance(target, str):
            self._read(target)
        else:
            span = trace.get_current_span() if target is None else target
            # A span that the sampler left out has no row, and shall not get one by feedback.
            is_sampled = span.get_span_context().trace_flags.sampled
            self.slug = slug_of(target) if is_sampled else None
            self.row_id = (self.slug.row_id or "") if self.slug is not None else ""
            if not self.row_id:
                return
        self.destination = self._destination(parent)

    def _read(self, text: str) -> None:
        if not text.strip():
            self.row_id = ""
            return
        try:
            self.slug = decode_slug(text)
        except ValueError:
            self.row_id = text
            return
        if not self.slug.row_id:
            raise ValueError("the slug names a project or an experiment, but no span in it")
        self.row_id = self.slug.row_id

    def _destination(self, parent: str | None) -> Destination:
        if parent is not None:
            return parse_parent(parent, origin="parent")
        if self.slug is not None:
            found = destination_named(self.slug)
            return Destination(found.kind, found.value)
        return default_destination() or Settings.resolve().destination


def log_feedback(
    target: Span | str | None = None,
    *,
    scores: Mapping[str, float | None] | None = None,
    expected: Any = None,
    comment: str | None = None,
    tags: Iterable[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    source: str = "external",
    parent: str | None = None,
) -> None:
    """Say what somebody thinks of a span, from this process or another.

    It is sent in the background, in order, and not before the span's row has arrived. Each call
    keeps its own record of who said it, also where several speak of the same row.

    Args:
        target: A span, a slug (``export_span()``), or a row id, which is the span's id; default the
            current span.
        scores: Numbers from 0 to 1 by name.
        expected: What should have come out.
        comment: A comment in words.
        tags: Words added to the row's.
        metadata: About the feedback, such as ``user_id``; kept with the record of it.
        source: ``app``, ``api`` or ``external``.
        parent: Where the row is, for a row id: ``project_name:...`` and the like; default where
            spans go.

    Raises:
        ValueError: Nothing is said, or a value has a wrong form.
        ParentError: The parent has none of the forms that can be read.

    Example::

        log_feedback(request.json["span"], scores={"thumbs": 1}, metadata={"user_id": "u1"})
    """
    given = checked({"scores": scores, "expected": expected, "tags": tags})
    about = checked({"metadata": metadata}).get("metadata")
    if comment is not None and (not isinstance(comment, str) or not comment):
        raise ValueError(f"comment is {comment!r:.80}, but must be a text that is not empty")
    if source not in SOURCES:
        raise ValueError(f"source is {source!r:.80}, but must be one of {', '.join(SOURCES)}")
    if not given and comment is None:
        raise ValueError("feedback needs at least one of scores, expected, comment and tags")
    row = _Target(target, parent)
    if not row.row_id:
        return
    audit = {
        "_audit_source": source,
        "_audit_metadata": json_value(about) if about is not None else None,
    }
    rows = []
    if given:
        rows.append({"id": row.row_id, **json_value(given), **audit, "_is_merge": True})
    if comment is not None:
        rows.append(
            {
                "id": str(uuid.uuid4()),
                "created": datetime.now(timezone.utc).isoformat(),
                "origin": {"id": row.row_id},
                "comment": {"text": comment},
                **audit,
            }
        )
    _keep_trace(row.slug)
    _send([Change(each, row.row_id, row.destination) for each in rows])


def update_span(
    target: Span | str | None = None,
    *,
    parent: str | None = None,
    **fields: Any,
) -> None:
    """Change the row of a span that has ended, here or in another service.

    It merges with what is there: objects key by key, tags united, everything else replaced. It is
    sent in the background, and not before the span's row has arrived. On a span that is still open
    it is the same as :func:`otel_braintrust.log`.

    Args:
        target: A span, a slug (``export_span()``), or a row id; default the current span.
        parent: Where the row is, for a row id; default where spans go.
        fields: ``input``, ``output``, ``expected``, ``error``, ``scores``, ``metadata``,
            ``metrics`` and ``tags``.

    Raises:
        ValueError: A value has a wrong form.
        TypeError: There is no such field.
        ParentError: The parent has none of the forms that can be read.

    Example::

        update_span(slug, output=corrected, metadata={"reviewed": True})
    """
    from otel_braintrust.annotate import log

    unknown = fields.keys() - FIELDS
    if unknown:
        raise TypeError(f"update_span() has no argument {min(unknown)!r}")
    span = trace.get_current_span() if target is None else target
    if not isinstance(span, str) and span.is_recording():
        log(span=span, **fields)
        return
    given = checked(fields)
    row = _Target(span, parent)
    if given and row.row_id:
        _send([Change(_update_row(row, given), row.row_id, row.destination)])


def update_ended(span: Span, given: Mapping[str, Any]) -> None:
    """Change the row of a span that has ended, with checked fields."""
    row = _Target(span, None)
    if row.row_id:
        _send([Change(_update_row(row, given), row.row_id, row.destination)])


def score_span(
    target: Span | str | None = None,
    scores: Mapping[str, float | None] | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    expected: Any = None,
    **named: float | None,
) -> list[TracedSpan]:
    """Score a span beside other people's scores: a span of type ``score`` beneath it for each.

    Feedback replaces a score of the same name; these are kept side by side, and Braintrust shows
    their average on the spans above.

    Args:
        target: A span or a slug (``export_span()``); default the current span.
        scores: Numbers from 0 to 1 by name.
        metadata: About the score, such as who gave it.
        expected: What should have come out.
        named: More scores, as arguments.

    Returns:
        The spans, which have ended.

    Raises:
        ValueError: There is no score, one has a wrong form, or the target is a mere row id.

    Example::

        score_span(slug, helpful=1, metadata={"user_id": "u1"})
    """
    given = checked({"scores": {**(scores or {}), **named}, "metadata": metadata})
    if not given["scores"]:
        raise ValueError("score_span() needs at least one score")
    if isinstance(target, str):
        _require_slug(target)
    parent = trace.get_current_span() if target is None else target
    spans = []
    for name, score in given["scores"].items():
        span = start_span(
            name,
            type="score",
            parent=parent,
            scores={name: score},
            metadata=metadata,
            expected=expected,
            attributes={"braintrust.span_attributes.purpose": "scorer"},
        )
        span.end()
        spans.append(span)
    return spans


def _require_slug(text: str) -> None:
    try:
        slug = decode_slug(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r:.80} is no span slug, for {error}; a score's span needs to know the trace it "
            "belongs to, so give it the span itself or export_span()"
        ) from error
    if not slug.span_id:
        raise ValueError("the slug names a project or an experiment, but no span in it")


def _update_row(row: _Target, given: Mapping[str, Any]) -> dict[str, Any]:
    ids = {}
    if row.slug is not None and row.slug.span_id:
        ids = {"span_id": row.slug.span_id, "root_span_id": row.slug.root_span_id}
    return {"id": row.row_id, **ids, **json_value(_told(given)), "_is_merge": True}


def _told(given: Mapping[str, Any]) -> Mapping[str, Any]:
    error = given.get("error")
    return {**given, "error": repr(error)} if isinstance(error, BaseException) else given


def _keep_trace(slug: Slug | None) -> None:
    """Have tail sampling keep a trace of this process that somebody speaks of."""
    processor = latest_processor()
    if processor is not None and slug is not None and slug.hex_ids is not None:
        processor.keep_trace(int(slug.hex_ids[0], 16))


def _send(changes: list[Change]) -> None:
    followers = _followers()
    if followers is not None:
        followers.add(changes)


def _followers() -> Followers | None:
    """Who sends: the processor configured last; where none is, the settings say where to."""
    processor = latest_processor()
    if processor is not None:
        return processor.followers
    global _followers_of_settings
    with _lock:
        if _followers_of_settings is None:
            _followers_of_settings = _new_followers()
        return _followers_of_settings


def _new_followers() -> Followers | None:
    global _has_told_of_no_key
    settings = Settings.resolve()
    if not settings.api_key:
        if not _has_told_of_no_key:
            _has_told_of_no_key = True
            logger.warning("no Braintrust API key, so no feedback is sent; set %s", KEY_SOURCES)
        return None
    followers = new_followers(settings, settings.api_key, Undelivered(), Troubles())
    atexit.register(lambda: followers.stop(time.monotonic() + settings.exit_timeout_s))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=followers.renew_after_fork)
    return followers


def flush_changes(deadline: float) -> int:
    """Have the changes sent that were made where nothing is configured; how many still wait."""
    return _followers_of_settings.flush(deadline) if _followers_of_settings is not None else 0
