"""Changes of rows on their way: by the processor that is configured, or by the settings alone."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from otel_braintrust.attachments import Attachment
from otel_braintrust.delivery.change_shelf import Change
from otel_braintrust.delivery.followers import Followers
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.delivery.uploads import Uploads
from otel_braintrust.enclosing import files_of
from otel_braintrust.equipment import new_followers, new_redaction, new_uploads
from otel_braintrust.settings import KEY_SOURCES, Settings
from otel_braintrust.undelivered import Undelivered

if TYPE_CHECKING:
    from otel_braintrust.processor import BraintrustSpanProcessor
    from otel_braintrust.redaction import Redaction

logger = logging.getLogger("otel_braintrust")

_lock = threading.Lock()
_followers_of_settings: Followers | None = None
_uploads_of_settings: Uploads | None = None
_has_told_of_no_key = False


def send(
    changes: list[Change],
    files: Mapping[str, Attachment] | None = None,
    processor: BraintrustSpanProcessor | None = None,
) -> None:
    """Send changes in the background, each after its row.

    Args:
        changes: The changes.
        files: The attachments that they refer to, by key.
        processor: Who sends them; None: the settings say where to.
    """
    followers = _followers(processor)
    if followers is None:
        return
    if files:
        uploads, redact = _uploads(processor)
        if uploads is not None:
            kept = files_of([change.row for change in changes], files, redact)
            uploads.send(uploads.enclose(kept))
    followers.add(changes)


def _uploads(
    processor: BraintrustSpanProcessor | None,
) -> tuple[Uploads | None, Redaction | None]:
    """Who uploads what changes refer to, and what masks it."""
    if processor is not None:
        return processor.uploads, new_redaction(processor.settings, Troubles())
    settings = Settings.resolve()
    redact = new_redaction(settings, Troubles())
    global _uploads_of_settings
    with _lock:
        if _uploads_of_settings is None and settings.api_key:
            _uploads_of_settings = _new_uploads(settings, settings.api_key)
    return _uploads_of_settings, redact


def _new_uploads(settings: Settings, api_key: str) -> Uploads:
    uploads = new_uploads(settings, api_key, Troubles())

    def stop() -> None:
        uploads.stop(time.monotonic() + settings.exit_timeout_s)
        if uploads.counts.lost:
            logger.warning("attachments did not reach Braintrust: %s", uploads.counts)

    atexit.register(stop)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=uploads.renew_after_fork)
    return uploads


def _followers(processor: BraintrustSpanProcessor | None) -> Followers | None:
    """Who sends: a processor; where none is configured, the settings say where to."""
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
    # No courier of this process sends what lies on disk, so it is the last resort here.
    followers = new_followers(
        settings, settings.api_key, Undelivered(), Troubles(), is_replayed=False
    )
    atexit.register(lambda: followers.stop(time.monotonic() + settings.exit_timeout_s))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=followers.renew_after_fork)
    return followers


def flush_changes(deadline: float) -> int:
    """Have the changes sent that were made where nothing is configured; how many still wait."""
    waiting = _followers_of_settings.flush(deadline) if _followers_of_settings is not None else 0
    return waiting + (_uploads_of_settings.flush(deadline) if _uploads_of_settings else 0)
