"""Request bodies: read within a limit, unpacked, decoded as JSON; errors name the place."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request

# A client that is still sending does not read our answer; up to here its bytes are read and dropped
# so that it gets the 413 and not a broken pipe.
MAX_DRAINED_BYTES = 256 * 1024 * 1024

# Decoding has joined the pairs; what is left stands alone.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_GZIP_WINDOW = zlib.MAX_WBITS | 16


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    """Read a request's body, unpacked if it is compressed.

    Args:
        request: the request.
        max_bytes: the most that a body may have, both as sent and unpacked.

    Raises:
        HTTPException: 413 if it is too large, 415 for a compression other than gzip and deflate,
            400 if it does not unpack.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= max_bytes:
            parts.append(part)
        elif size > MAX_DRAINED_BYTES:
            break
    if size > max_bytes:
        raise _too_large(f"{size} bytes", max_bytes)
    return _unpacked(b"".join(parts), request.headers.get("content-encoding", ""), max_bytes)


async def read_json(request: Request, *, max_bytes: int) -> dict[str, Any]:
    """Read a body that must be a JSON object; its content type does not matter.

    Raises:
        HTTPException: as `read_body`, and 400 with line and column if it is not a JSON object.
    """
    body = await read_body(request, max_bytes=max_bytes)
    found = parse_json(body)
    if not isinstance(found, dict):
        raise HTTPException(400, f"The request body must be a JSON object, got {_kind(found)}")
    return found


def parse_json(body: bytes) -> Any:
    """Decode strict JSON; a lone surrogate, which the official SDK can send, becomes U+FFFD.

    Raises:
        HTTPException: 400 with line and column.
    """
    if not body:
        raise HTTPException(400, "The request body is empty; a JSON object was expected")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "surrogate" not in str(error):
            raise HTTPException(400, f"The request body is not valid JSON: {error}") from error
    return _parse_with_surrogates(body)


def _parse_with_surrogates(body: bytes) -> Any:
    try:
        found = json.loads(body, parse_constant=_refuse_constant)
        return orjson.loads(_LONE_SURROGATE.sub("\ufffd", json.dumps(found, ensure_ascii=False)))
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"The request body is not valid JSON: {error}") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unpacked(body: bytes, encoding: str, max_bytes: int) -> bytes:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in ("gzip", "x-gzip", "deflate"):
        raise HTTPException(415, f"Content-Encoding {encoding!r} is not supported; use gzip")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS if name == "deflate" else _GZIP_WINDOW)
    try:
        unpacked = unpacker.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise HTTPException(400, f"The request body is not valid {name}: {error}") from error
    if len(unpacked) > max_bytes:
        raise _too_large("more, once unpacked", max_bytes)
    if not unpacker.eof:
        raise HTTPException(400, f"The request body is not valid {name}: it ends too early")
    return unpacked


def _too_large(size: str, max_bytes: int) -> HTTPException:
    return HTTPException(
        413, f"The request body has {size}, the limit is {max_bytes} bytes; send fewer rows at once"
    )


def _kind(value: Any) -> str:
    kinds = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")
