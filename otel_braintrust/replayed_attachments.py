"""Attachments that wait in a spool, uploaded by hand."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from otel_braintrust.delivery.attaching import AttachmentApi
from otel_braintrust.delivery.attachment_store import AttachmentStore
from otel_braintrust.delivery.enclosures import Enclosure
from otel_braintrust.delivery.errors import ApiError
from otel_braintrust.delivery.retrying import Backoff
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.delivery.uploading import RefusedUpload, upload

MAX_FAILURES = 4


@dataclass
class ReplayedAttachments:
    """What became of the attachments in a spool.

    Attributes:
        uploaded: Attachments that the server has now.
        waiting: Attachments that are still there.
        lost: Attachments that the server refused for good, by reason.
    """

    uploaded: int = 0
    waiting: int = 0
    lost: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        """True when there was any."""
        return bool(self.uploaded or self.waiting or self.lost)

    @property
    def ok(self) -> bool:
        """True when none waits or was lost."""
        return not (self.waiting or self.lost)


def replay_attachments(
    store: AttachmentStore,
    api: AttachmentApi,
    troubles: Troubles,
    *,
    max_bytes: int,
    pause: Callable[[float], object] = time.sleep,
) -> ReplayedAttachments:
    """Upload every attachment of a spool that no running process is about to upload.

    Args:
        store: The spool's attachments.
        api: Where they go.
        troubles: Where trouble is told.
        max_bytes: Most bytes of one attachment.
        pause: Waits for some seconds between attempts.

    Raises:
        SpoolError: The spool cannot be used.
    """
    result = ReplayedAttachments()
    backoff = Backoff()
    failures = 0
    while failures < MAX_FAILURES and (found := store.claim()) is not None:
        enclosure = Enclosure(found.attachment)
        try:
            upload(api, enclosure, max_bytes=max_bytes, deadline=None)
        except RefusedUpload as error:
            _tell(troubles, error)
            if error.closes:
                store.release([enclosure.key])
                break
            result.lost[error.reason] += 1
        except ApiError as error:
            _tell(troubles, error)
            store.release([enclosure.key])
            failures += 1
            if failures < MAX_FAILURES:
                pause(backoff.next_wait_s(error))
            continue
        else:
            result.uploaded += 1
            failures = 0
        store.remove(enclosure.key)
    result.waiting = store.count()
    return result


def _tell(troubles: Troubles, error: Exception) -> None:
    kind = f"attachments {type(error).__name__}"
    troubles.tell(kind, logging.WARNING, "attachments wait, for now: %s", error)
