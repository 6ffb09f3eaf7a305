"""A span as text that others can use: its slug, and the address of its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import Span

from otel_braintrust.delivery.destinations import Destination, parse_parent
from otel_braintrust.living import latest_processor
from otel_braintrust.places import row_destination_of
from otel_braintrust.propagation import PROPAGATED_KEY
from otel_braintrust.settings import Settings
from otel_braintrust.slugs import Slug, decode_slug, encode_slug

OBJECT_TYPE_BY_KIND: Mapping[str, str] = {
    "project_id": "project_logs",
    "project_name": "project_logs",
    "experiment_id": "experiment",
    "playground_id": "playground_logs",
}
# Braintrust's own addresses where there is no page to show.
NOOP_LINK = "https://www.braintrust.dev/noop-span"
ERROR_LINK = "https://www.braintrust.dev/error-generating-link?msg={}"


def export_span(span: Span | None = None, *, version: int = 4) -> str:
    """The slug of a span: text by which another process can log beneath it, rate it or update it.

    Braintrust's own SDKs read it, too. Needs no network; a project known only by its name is in the
    slug by its name.

    Args:
        span: The span; default the current one.
        version: 4, or 3 for readers of before OpenTelemetry's ids.

    Returns:
        The slug; empty where there is no span.

    Example::

        queue.put({"question": question, "span": export_span()})
    """
    slug = slug_of(span)
    return "" if slug is None else encode_slug(slug, version=version)


def slug_of(span: Span | None = None) -> Slug | None:
    """What the slug of a span says; None where there is no span."""
    target = span if span is not None else trace.get_current_span()
    ids = target.get_span_context()
    if not ids.is_valid:
        return None
    context = getattr(span, "base_context", None) or otel_context.get_current()
    destination = row_destination_of(target, context) or Settings.resolve().destination
    span_id = format(ids.span_id, "016x")
    propagated = otel_context.get_value(PROPAGATED_KEY, context)
    return Slug(
        row_id=span_id,
        span_id=span_id,
        root_span_id=destination.root_span_id or format(ids.trace_id, "032x"),
        propagated_event=propagated if isinstance(propagated, Mapping) else None,
        **_object_of(destination),
    )


def permalink(
    span_or_slug: Span | str | None = None,
    *,
    org_name: str | None = None,
    app_url: str | None = None,
) -> str:
    """The address of a span's page. Needs no network.

    Args:
        span_or_slug: A span, or a slug; default the current span.
        org_name: The organization; default ``BRAINTRUST_ORG_NAME``, or what a login told.
        app_url: Address of the web app; default ``BRAINTRUST_APP_URL``.

    Returns:
        The address. Where there is no span, or something is not known, an address of Braintrust's
        that says so.

    Raises:
        ValueError: The text is no span slug.
    """
    if isinstance(span_or_slug, str):
        slug: Slug | None = decode_slug(span_or_slug) if span_or_slug else None
    else:
        slug = slug_of(span_or_slug)
    if slug is None or not slug.row_id:
        return NOOP_LINK
    settings = _settings()
    org = org_name or settings.org_name or _organization_told()
    if not org:
        return ERROR_LINK.format("login-or-provide-org-name")
    base = f"{(app_url or settings.app_url).rstrip('/')}/app/{quote(org)}"
    arguments = slug.object_arguments or {}
    object_id = slug.object_id or arguments.get("project_id")
    if object_id:
        query = {"object_type": slug.object_type, "object_id": object_id, "id": slug.row_id}
        return f"{base}/object?{urlencode(query)}"
    project = arguments.get("project_name")
    if slug.object_type != "project_logs" or not isinstance(project, str):
        return ERROR_LINK.format("no-project-id-or-name")
    return f"{base}/p/{quote(project, safe='')}/logs?{urlencode({'oid': slug.row_id})}"


def destination_named(slug: Slug) -> Destination:
    """Where the rows of a slug's object are.

    Raises:
        ParentError: The slug's object has no id yet.
    """
    return parse_parent(encode_slug(slug))


def _object_of(destination: Destination) -> dict[str, Any]:
    fields: dict[str, Any] = {"object_type": OBJECT_TYPE_BY_KIND[destination.kind]}
    if destination.kind == "project_name":
        # As Braintrust's own SDK writes it while a project's id is not known.
        fields["object_arguments"] = {"project_name": destination.value, "project_id": None}
    else:
        fields["object_id"] = destination.value
    return fields


def _settings() -> Settings:
    processor = latest_processor()
    return processor.settings if processor is not None else Settings.resolve()


def _organization_told() -> str | None:
    processor = latest_processor()
    return processor.organization_name if processor is not None else None
