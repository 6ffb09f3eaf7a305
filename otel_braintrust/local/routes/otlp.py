"""`POST /otel/v1/traces`: OTLP spans become the rows that the exporter would have sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from otel_braintrust.local.access import guarded, limits_of, store_of
from otel_braintrust.local.answers import JSONAnswer
from otel_braintrust.local.bodies import read_body
from otel_braintrust.local.containers import EXPERIMENT, UnknownContainerError
from otel_braintrust.local.parents import FORMS, ParentError, container_named, slug_named
from otel_braintrust.local.store import Store
from otel_braintrust.traces import AssembledSpan, TraceAssembler
from otel_braintrust.translation.otlp import OtlpError, decode

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

NO_PARENT = (
    f"no destination: send the header x-bt-parent, {FORMS}, or the attribute braintrust.parent"
)


async def traces(request: Request) -> Response:
    """Take spans as protobuf or JSON; spans that cannot be placed are counted in the answer."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in (PROTOBUF, JSON):
        raise HTTPException(415, f"Content-Type {content_type!r}: use {PROTOBUF} or {JSON}")
    body = await read_body(request, max_bytes=limits_of(request).otlp_max_bytes)
    problems = await run_in_threadpool(
        _take,
        store_of(request),
        request.app.state.assembler,
        body,
        content_type,
        request.headers.get("x-bt-parent"),
    )
    return _answer(problems, content_type)


def _take(
    store: Store, assembler: TraceAssembler, body: bytes, content_type: str, default: str | None
) -> Counter[str]:
    """Store the spans of one request; what came of those that were not is counted by reason."""
    try:
        telemetry = decode(body, content_type=content_type) if body else None
        if default:
            _container_fields(store, default)
    except (OtlpError, ParentError) as error:
        raise HTTPException(400, str(error)) from error
    spans = telemetry.spans if telemetry else []
    problems: Counter[str] = Counter()
    rows = [
        row
        for span in assembler.assemble(spans)
        if (row := _placed(store, span, default, problems)) is not None
    ]
    if rows:
        store.insert_rows(rows, list_name="spans")
    return problems


def _placed(
    store: Store, span: AssembledSpan, default: str | None, problems: Counter[str]
) -> dict[str, Any] | None:
    """The span's row with its container, or None for one that has no row or no container."""
    if span.row is None:
        return None
    parent = span.parent or default
    if not parent:
        problems[NO_PARENT] += 1
        return None
    try:
        return {**span.row, **_place_in_trace(span.row, parent), **_container_fields(store, parent)}
    except (ParentError, UnknownContainerError) as error:
        problems[str(error)] += 1
        return None


def _place_in_trace(row: Mapping[str, Any], parent: str) -> dict[str, Any]:
    """Where a row stands in the trace of the span that its parent string names, if it is a slug."""
    slug = slug_named(parent)
    if slug is None or not slug.span_id:
        return {}
    return {
        "root_span_id": slug.root_span_id,
        "span_parents": row.get("span_parents") or [slug.span_id],
    }


def _container_fields(store: Store, parent: str) -> dict[str, str]:
    container = container_named(store, parent)
    if container.object_type == EXPERIMENT:
        if store.experiment(container.object_id) is None:
            raise UnknownContainerError(*container)
        return {"experiment_id": container.object_id}
    if store.project(container.object_id) is None:
        raise UnknownContainerError("project", container.object_id)
    return {"project_id": container.object_id, "log_id": "g"}


def _answer(problems: Counter[str], content_type: str) -> Response:
    """The OTLP answer: empty if all went well, else how many spans were rejected and why."""
    rejected = problems.total()
    message = "; ".join(f"{count} x {problem}" for problem, count in problems.items())
    if content_type == JSON:
        partial = {"rejectedSpans": str(rejected), "errorMessage": message}
        return JSONAnswer({"partialSuccess": partial if rejected else {}})
    success = ExportTraceServiceResponse()
    if rejected:
        partial_success = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
        success.partial_success.CopyFrom(partial_success)
    return Response(success.SerializeToString(), media_type=PROTOBUF)


routes: list[BaseRoute] = [guarded("/otel/v1/traces", traces, methods=["POST"])]
