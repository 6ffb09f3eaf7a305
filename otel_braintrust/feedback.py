"""What is said of a span afterwards: feedback and updates."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span

from otel_braintrust.annotate import log
from otel_braintrust.annotations import checked, json_value_and_files, shown
from otel_braintrust.attachments import Attachment
from otel_braintrust.changes import send
from otel_braintrust.delivery.change_shelf import Change
from otel_braintrust.targets import Target
from otel_braintrust.traced_span import FIELDS

SOURCES = ("app", "api", "external")


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
        raise ValueError(f"comment is {shown(comment)}, but must be a text that is not empty")
    if source not in SOURCES:
        raise ValueError(f"source is {shown(source)}, but must be one of {', '.join(SOURCES)}")
    if not given and comment is None:
        raise ValueError("feedback needs at least one of scores, expected, comment and tags")
    row = Target(target, parent)
    if not row.row_id:
        return
    told_about, files = json_value_and_files(about)
    audit = {"_audit_source": source, "_audit_metadata": told_about}
    rows = []
    if given:
        told, more = json_value_and_files(given)
        files.update(more)
        rows.append({"id": row.row_id, **told, **audit, "_is_merge": True})
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
    row.keep_trace()
    send([Change(each, row.row_id, row.destination) for each in rows], files, row.processor)


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
    unknown = fields.keys() - FIELDS
    if unknown:
        raise TypeError(f"update_span() has no argument {min(unknown)!r}")
    span = trace.get_current_span() if target is None else target
    if not isinstance(span, str) and span.is_recording():
        log(span=span, **fields)
        return
    given = checked(fields)
    row = Target(span, parent)
    if given and row.row_id:
        _send_update(row, given)


def update_ended(span: Span, given: Mapping[str, Any]) -> None:
    """Change the row of a span that has ended, with checked fields."""
    row = Target(span, None)
    if row.row_id:
        _send_update(row, given)


def _send_update(row: Target, given: Mapping[str, Any]) -> None:
    update, files = _update_row(row, given)
    send([Change(update, row.row_id, row.destination)], files, row.processor)


def _update_row(
    row: Target, given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Attachment]]:
    ids = {}
    if row.slug is not None and row.slug.span_id:
        ids = {"span_id": row.slug.span_id, "root_span_id": row.slug.root_span_id}
    told, files = json_value_and_files(_told(given))
    return {"id": row.row_id, **ids, **told, "_is_merge": True}, files


def _told(given: Mapping[str, Any]) -> Mapping[str, Any]:
    error = given.get("error")
    return {**given, "error": repr(error)} if isinstance(error, BaseException) else given
