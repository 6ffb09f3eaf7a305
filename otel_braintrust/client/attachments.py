"""Attachments by hand: those of inserted events uploaded, those of fetched rows read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import orjson

from otel_braintrust.attachments import Attachment, referrer
from otel_braintrust.client.errors import ClientError
from otel_braintrust.delivery.attaching import PLACE_BY_TYPE, AttachmentApi
from otel_braintrust.delivery.enclosures import Enclosure
from otel_braintrust.delivery.encoding import encode
from otel_braintrust.delivery.errors import ApiError
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.retrying import RETRYABLE_ERRORS, Patience
from otel_braintrust.delivery.uploading import RefusedUpload, UnreadableFile, upload
from otel_braintrust.translation.strict import strict

MAX_ATTEMPTS = 3

Result = TypeVar("Result")


class AttachmentError(ClientError):
    """An attachment could not be uploaded or read; the message says which, and why."""


class ReadonlyAttachment:
    """An attachment of a row that was fetched; its bytes are asked for when they are needed.

    Args:
        reference: what stands in the row.
        desk: who asks for it; see `BraintrustClient.attachment`.

    Raises:
        AttachmentError: the value is no reference of an attachment.

    Example:
        >>> row = client.fetch(project).logs[0]  # doctest: +SKIP
        >>> client.attachment(row["input"]["image"]).save("image.png")  # doctest: +SKIP
    """

    def __init__(self, reference: Any, desk: AttachmentDesk) -> None:
        self.reference = _checked(reference)
        self._desk = desk
        self._data: bytes | None = None

    @property
    def filename(self) -> str:
        """The file's name."""
        return self.reference["filename"]

    @property
    def content_type(self) -> str:
        """Its MIME type."""
        return self.reference["content_type"]

    @property
    def data(self) -> bytes:
        """The bytes; read once.

        Raises:
            AttachmentError: it is not uploaded yet, or its upload failed.
            ApiError: a request failed.
        """
        if self._data is None:
            self._data = self._desk.download(self.reference)
        return self._data

    def json(self) -> Any:
        """The bytes as JSON.

        Raises:
            AttachmentError: as of `data`, or the bytes are no JSON.
            ApiError: a request failed.
        """
        try:
            return orjson.loads(self.data)
        except ValueError as error:
            raise AttachmentError(f"{self.filename} is no JSON: {error}") from error

    def status(self) -> dict[str, Any]:
        """How its upload stands: `upload_status` is `uploading`, `done` or `error`.

        Raises:
            ApiError: the request failed.
        """
        return dict(self._desk.locate(self.reference)["status"])

    def save(self, path: str | Path) -> Path:
        """Write the bytes to a file.

        Args:
            path: where to; a directory gets a file of the attachment's own name.

        Returns:
            The file.

        Raises:
            AttachmentError: as of `data`.
            ApiError: a request failed.
            OSError: the file cannot be written.
        """
        target = Path(path)
        if target.is_dir():
            # The name was logged by somebody: only its last part may say where the file goes.
            name = Path(self.filename.replace("\\", "/")).name
            target = target / (name if name.strip(".") else "attachment")
        target.write_bytes(self.data)
        return target

    def __repr__(self) -> str:
        """Its name and type."""
        return f"ReadonlyAttachment({self.filename!r}, content_type={self.content_type!r})"


class AttachmentDesk:
    """Uploads and reads attachments in the caller's time, with repetitions.

    Args:
        connection: where requests go.
        timeout_s: longest time for one of them and its repetitions, in seconds.
        max_bytes: most bytes of one file.
    """

    def __init__(self, connection: Connection, timeout_s: float, *, max_bytes: int) -> None:
        self._api = AttachmentApi(connection)
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes

    def upload_all(self, attachments: Mapping[str, Attachment]) -> None:
        """Upload attachments, one after another; all are tried.

        Raises:
            AttachmentError: some could not be uploaded.
        """
        problems = []
        for attachment in attachments.values():
            enclosure = Enclosure(attachment)
            try:
                self._patiently(partial(self._upload, enclosure))
            except (RefusedUpload, UnreadableFile, ApiError) as error:
                problems.append(f"{attachment.reference['filename']}: {error}")
        if problems:
            raise AttachmentError(
                f"the events are in, but {len(problems)} of {len(attachments)} attachments are "
                f"not: {problems[0]}"
            )

    def locate(self, reference: Mapping[str, str]) -> Mapping[str, Any]:
        """Where an attachment can be read, and how its upload stands."""
        return self._patiently(lambda deadline: self._api.locate(reference, deadline))

    def download(self, reference: Mapping[str, str]) -> bytes:
        """The bytes of an attachment.

        Raises:
            AttachmentError: it is not uploaded.
            ApiError: a request failed.
        """
        place = self.locate(reference)
        status = place["status"].get("upload_status")
        if status != "done":
            why = place["status"].get("error_message") or f"its upload is {status!r}, not 'done'"
            raise AttachmentError(f"{reference['filename']} cannot be read: {why}")
        url = place["downloadUrl"]
        return self._patiently(
            lambda deadline: (
                self._api.connection.send(
                    "GET", url, headers={"Accept": "*/*"}, deadline=deadline, authorized=False
                ).body
            )
        )

    def _upload(self, enclosure: Enclosure, deadline: float) -> None:
        upload(self._api, enclosure, max_bytes=self._max_bytes, deadline=deadline)

    def _patiently(self, attempt: Callable[[float], Result]) -> Result:
        deadline = time.monotonic() + self._timeout_s
        patience = Patience(self._timeout_s, MAX_ATTEMPTS - 1)
        while True:
            try:
                return attempt(deadline)
            except RETRYABLE_ERRORS as error:  # noqa: PERF203 - an attempt is a network request
                wait_s = patience.next_wait_s(error)
                if wait_s is None or time.monotonic() + wait_s >= deadline:
                    raise
                time.sleep(wait_s)


def encode_events(
    events: Sequence[Mapping[str, Any]],
) -> tuple[list[bytes], dict[str, Attachment]]:
    """Encode events; attachments in them become references.

    Args:
        events: the events, checked.

    Returns:
        The events as JSON, and the attachments by their key.
    """
    found: dict[str, Attachment] = {}
    refer = referrer(found)
    return [_encoded(event, refer) for event in events], found


def _encoded(event: Mapping[str, Any], refer: Callable[[Any], Any]) -> bytes:
    try:
        return orjson.dumps(event, default=refer, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return encode(strict(event, refer))


def _checked(reference: Any) -> dict[str, str]:
    kind = reference.get("type") if isinstance(reference, Mapping) else None
    place = PLACE_BY_TYPE.get(kind) if isinstance(kind, str) else None
    if place is None:
        raise AttachmentError(
            "this is no reference of an attachment: it must be an object whose type is "
            f"{' or '.join(PLACE_BY_TYPE)}"
        )
    names = ("filename", "content_type", place)
    for name in names:
        if not isinstance(reference.get(name), str) or not reference[name]:
            raise AttachmentError(f"the reference of an attachment has no {name}")
    return {"type": str(kind), **{name: reference[name] for name in names}}
