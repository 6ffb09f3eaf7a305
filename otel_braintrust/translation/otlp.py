"""OTLP requests of traces and logs, as JSON or protobuf, decoded into span views and log events.

Source: opentelemetry-proto 1.x and the OTLP specification's JSON mapping.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from otel_braintrust.translation.otlp_json import OtlpError, Telemetry, expect_object, read_request

__all__ = ["OtlpError", "Telemetry", "decode"]


def decode(data: bytes, *, content_type: str | None = None) -> Telemetry:
    """Decode an OTLP request.

    Args:
        data: the body; OTLP/JSON (one document, or one a line as collectors write) or protobuf.
        content_type: `application/json` or `application/x-protobuf`; None looks at the bytes.

    Returns:
        Spans and log events in the order in which they stand.

    Raises:
        OtlpError: the bytes are neither, or a part of them has a wrong form; says what and where.
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind in ("application/x-protobuf", "application/protobuf"):
        return _decode_protobuf(data)
    if kind == "application/json" or (not kind and _looks_like_json(data)):
        return _decode_json(data)
    if kind:
        raise OtlpError(
            f"content type {kind!r} is not OTLP: send application/json or application/x-protobuf",
            "the Content-Type header",
        )
    return _decode_protobuf(data)


def _looks_like_json(data: bytes) -> bool:
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    return start[:1] in (b"{", b"[") or not start


def _decode_json(data: bytes) -> Telemetry:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OtlpError(f"the text is not UTF-8: {error.reason}", f"byte {error.start}") from None
    found = Telemetry()
    for place, document in _documents(text):
        for path, request in _requests(document, place):
            read_request(request, path, found)
    return found


def _documents(text: str) -> Iterator[tuple[str, Any]]:
    """Yield each JSON document: the whole text is one, or each line is."""
    if not text.strip():
        raise OtlpError("the file is empty: expected an OTLP/JSON request", "line 1 column 1")
    whole = None
    try:
        document = _parse(text)
    except json.JSONDecodeError as error:
        whole = error
    if whole is None:
        yield "", document
        return
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) < 2 or not whole.msg.startswith("Extra data"):
        raise OtlpError(f"not JSON: {whole.msg}", f"line {whole.lineno} column {whole.colno}")
    for number, line in lines:
        try:
            document = _parse(line)
        except json.JSONDecodeError as error:
            raise OtlpError(
                f"not JSON: {error.msg}", f"line {number} column {error.colno}"
            ) from None
        yield f"line {number}: ", document


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise OtlpError("the JSON is nested too deeply", "the document") from None


def _requests(document: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(document, list):
        for index, item in enumerate(document):
            yield from _requests(item, f"{place}[{index}]")
        return
    request = expect_object(document, place or "the document")
    if not any(key in request for key in _REQUEST_KEYS):
        raise OtlpError(
            "no OTLP request: expected an object with resourceSpans or resourceLogs",
            place + "the top level",
        )
    yield place, request


_REQUEST_KEYS = (
    "resourceSpans",
    "resource_spans",
    "resourceLogs",
    "resource_logs",
    "resourceMetrics",
    "resource_metrics",
    "partialSuccess",
)


# span.proto, SpanFlags: bit 8 says that bit 9 is meant, bit 9 that the parent is remote.
_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200


def _decode_protobuf(data: bytes) -> Telemetry:
    """Decode a protobuf request, of traces or of logs: the one that fits."""
    try:
        from otel_braintrust.translation import otlp_protobuf
    except ImportError as error:
        raise OtlpError(
            "reading protobuf needs an extra: pip install 'otel-braintrust[cli]'", "the start"
        ) from error
    try:
        return Telemetry(spans=otlp_protobuf.spans(data))
    except otlp_protobuf.UnfitError as error:
        unfit_traces = error
    try:
        return Telemetry(logs=otlp_protobuf.logs(data))
    except otlp_protobuf.UnfitError:
        raise OtlpError(
            f"neither OTLP/JSON nor an OTLP protobuf request: {unfit_traces}", "byte 0"
        ) from None
