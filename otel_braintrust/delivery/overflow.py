"""The way round the payload limit: a body uploaded to a signed address, and posted by its key."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from urllib3.filepost import encode_multipart_formdata

from otel_braintrust.delivery.answers import Response, require_taken
from otel_braintrust.delivery.destinations import GIVEN
from otel_braintrust.delivery.errors import ApiError, RequestError, ServerError
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.packing import body_of
from otel_braintrust.delivery.parcels import Parcel, Upload
from otel_braintrust.delivery.retrying import RETRYABLE_ERRORS

OBJECT_ID_KEYS = ("experiment_id", "dataset_id", "prompt_session_id", "project_id", "log_id")
CONTENT_TYPE = "application/json"
PATH = "/logs3/overflow"
ASK_AGAIN_AFTER_S = 600.0
FILE_NAME = "logs3.json"
NAMES_OF_PLACE = ("signedUrl", "key")


class NoWayRound(Exception):  # noqa: N818  (a fork of the way, not a fault)
    """A body could not go round the limit; the reason is its cause."""


class Overflow:
    """Sends one row whose body is larger than a request may be.

    Args:
        connection: Where the server is asked for a signed address.
        clock: Seconds that only go forward; default ``time.monotonic``.
    """

    def __init__(
        self, connection: Connection, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._closed_until = 0.0

    @property
    def is_open(self) -> bool:
        """False for ten minutes after a server said that it has no such way."""
        return self._clock() >= self._closed_until

    def send(self, parcel: Parcel, deadline: float | None) -> None:
        """Upload the row, unless an earlier attempt did, and post it by its key.

        Args:
            parcel: The row, addressed.
            deadline: Moment on ``time.monotonic()`` by which it must be done.

        Raises:
            ApiError: A failure that time may heal, or a refusal of the key.
            NoWayRound: The server has no such way, or refuses it for this row.
        """
        try:
            if parcel.upload is None:
                parcel.upload = self._upload(parcel, deadline)
            reference = {
                "rows": {
                    "type": "logs3_overflow",
                    "key": parcel.upload.key,
                    "size_bytes": parcel.upload.size_bytes,
                },
                "api_version": 2,
            }
            require_taken(self._connection.api("POST", "/logs3", json=reference, deadline=deadline))
        except RETRYABLE_ERRORS:
            raise
        except ApiError as error:
            parcel.upload = None
            if error.status == 401:
                raise
            raise NoWayRound(str(error)) from error

    def _upload(self, parcel: Parcel, deadline: float | None) -> Upload:
        body = body_of([parcel])
        wanted = {
            "content_type": CONTENT_TYPE,
            "size_bytes": len(body),
            "rows": [
                {
                    "object_ids": _container_of(parcel),
                    "has_comment": False,
                    "is_delete": False,
                    "input_row": {"byte_size": parcel.size_bytes - 1},
                }
            ],
        }
        try:
            answer = self._connection.api("POST", PATH, json=wanted, deadline=deadline)
        except ApiError as error:
            if not isinstance(error, RETRYABLE_ERRORS) and error.status != 401:
                self._closed_until = self._clock() + ASK_AGAIN_AFTER_S
            raise
        place = _place_in(answer)
        self._put(place, body, deadline)
        return Upload(place["key"], len(body))

    def _put(self, place: Mapping[str, Any], body: bytes, deadline: float | None) -> None:
        url = place["signedUrl"]
        if place.get("method") == "POST":
            fields = {name: str(each) for name, each in (place.get("fields") or {}).items()}
            data, content_type = encode_multipart_formdata(
                {**fields, "file": (FILE_NAME, body, CONTENT_TYPE)}
            )
            headers = {"Content-Type": content_type}
            method = "POST"
        else:
            method, data = "PUT", body
            headers = {name: str(each) for name, each in (place.get("headers") or {}).items()}
            if "blob.core.windows.net" in url:
                headers.setdefault("x-ms-blob-type", "BlockBlob")
        self._connection.send(
            method, url, data=data, headers=headers, deadline=deadline, authorized=False
        )


def _place_in(answer: Response) -> Mapping[str, Any]:
    place = answer.json()
    if isinstance(place, dict):
        named = all(isinstance(place.get(each), str) and place[each] for each in NAMES_OF_PLACE)
        extras = (place.get(each) for each in ("fields", "headers"))
        if named and all(each is None or isinstance(each, dict) for each in extras):
            return place
    reason = "the answer names no address to upload to"
    kind: type[ApiError] = ServerError if answer.status >= 500 else RequestError
    raise kind(answer.method, answer.url, answer.status, reason)


def _container_of(parcel: Parcel) -> dict[str, Any]:
    if parcel.destination == GIVEN:
        row = json.loads(parcel.row)
        return {key: row[key] for key in OBJECT_ID_KEYS if key in row}
    container: dict[str, Any] = orjson.loads(b"{" + parcel.container.rstrip(b",") + b"}")
    return container
