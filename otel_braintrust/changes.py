"""Changes of rows on their way: by the processor that is configured, or by the settings alone."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time

from otel_braintrust.delivery.followers import Change, Followers
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.equipment import new_followers
from otel_braintrust.living import latest_processor
from otel_braintrust.settings import KEY_SOURCES, Settings
from otel_braintrust.undelivered import Undelivered

logger = logging.getLogger("otel_braintrust")

_lock = threading.Lock()
_followers_of_settings: Followers | None = None
_has_told_of_no_key = False


def send(changes: list[Change]) -> None:
    """Send changes in the background, each after its row."""
    followers = _followers()
    if followers is not None:
        followers.add(changes)


def _followers() -> Followers | None:
    """Who sends: the processor configured last; where none is, the settings say where to."""
    processor = latest_processor()
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
    followers = new_followers(settings, settings.api_key, Undelivered(), Troubles())
    atexit.register(lambda: followers.stop(time.monotonic() + settings.exit_timeout_s))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=followers.renew_after_fork)
    return followers


def flush_changes(deadline: float) -> int:
    """Have the changes sent that were made where nothing is configured; how many still wait."""
    return _followers_of_settings.flush(deadline) if _followers_of_settings is not None else 0
