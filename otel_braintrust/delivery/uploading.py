"""One attempt to upload one attachment, and what its failures mean."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from otel_braintrust.attachments import Attachment
from otel_braintrust.delivery.attaching import AttachmentApi
from otel_braintrust.delivery.enclosures import Enclosure
from otel_braintrust.delivery.errors import ApiError
from otel_braintrust.delivery.retrying import RETRYABLE_ERRORS

# These answers are about the key or the server, not about the attachment: others would get them,
# too. Each with the word for it in the count.
CLOSING_STATUSES: Mapping[int, str] = {
    401: "auth",
    403: "auth",
    404: "not_found",
    405: "not_found",
}


class UnreadableFile(Exception):  # noqa: N818  (no fault of ours or the server's)
    """The file of an attachment cannot be read; says which, and why."""


class RefusedUpload(Exception):  # noqa: N818  (as above)
    """The server refused an attachment for good.

    Attributes:
        reason: The word for it in the count.
        closes: Whether it would refuse every other one, too.
    """

    def __init__(self, error: ApiError) -> None:
        super().__init__(str(error))
        self.closes = error.status is None or error.status in CLOSING_STATUSES
        self.reason = CLOSING_STATUSES.get(error.status or 404, "rejected")
        if error.status == 413:
            self.reason = "too_large"


def upload(
    api: AttachmentApi, enclosure: Enclosure, *, max_bytes: int, deadline: float | None
) -> None:
    """Announce an attachment, put its bytes, and report; what an earlier attempt did is not redone.

    Args:
        api: Where requests go.
        enclosure: The attachment.
        max_bytes: Most bytes of a file that are read into memory.
        deadline: Moment on ``time.monotonic()`` by which requests must be over, or None.

    Raises:
        ApiError: A failure that time may heal.
        RefusedUpload: A refusal.
        UnreadableFile: There is nothing to upload.
    """
    if not enclosure.is_put:
        try:
            _put(api, enclosure, max_bytes, deadline)
        except RETRYABLE_ERRORS:
            raise
        except ApiError as error:
            refusal = RefusedUpload(error)
            if not refusal.closes:
                _report_error(api, enclosure, f"upload refused: {error.reason}", deadline)
            raise refusal from error
    try:
        api.report(enclosure.key, None, deadline)
    except RETRYABLE_ERRORS:
        raise
    except ApiError:
        return  # the bytes are there, which is what counts


def read_file(attachment: Attachment, max_bytes: int) -> bytes:
    """The bytes of an attachment; one in memory may have any number of them.

    Raises:
        UnreadableFile: Its file on disk cannot be read, or has more bytes than that.
    """
    try:
        size_bytes = attachment.size_bytes
        is_small = bool(attachment.held_bytes) or size_bytes <= max_bytes
        content = attachment.data if is_small else b""
    except OSError as error:
        raise UnreadableFile(f"a file cannot be read: {error}") from error
    if not is_small:
        reason = f"a file has {size_bytes} bytes, more than OTEL_BRAINTRUST_ATTACHMENT_BYTES"
        raise UnreadableFile(reason)
    return content


def _put(api: AttachmentApi, enclosure: Enclosure, max_bytes: int, deadline: float | None) -> None:
    try:
        content = read_file(enclosure.attachment, max_bytes)
    except UnreadableFile:
        with suppress(ApiError):  # so that its page does not wait for it for ever
            api.place_for(enclosure.attachment, deadline)
        _report_error(api, enclosure, "its file could not be read", deadline)
        raise
    place = api.place_for(enclosure.attachment, deadline)
    api.put(enclosure.attachment, content, place, deadline)
    enclosure.is_put = True


def _report_error(
    api: AttachmentApi, enclosure: Enclosure, message: str, deadline: float | None
) -> None:
    with suppress(ApiError):
        api.report(enclosure.key, message, deadline)
