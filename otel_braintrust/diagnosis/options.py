"""Settings: whether they can be used, where each came from, and what is set that nobody reads."""

from __future__ import annotations

import difflib
import logging
import os
from pathlib import Path
from typing import Any

from otel_braintrust.delivery.destinations import ParentError
from otel_braintrust.delivery.errors import mask_key
from otel_braintrust.diagnosis.check import Check
from otel_braintrust.options import OPTION_BY_NAME, OPTIONS
from otel_braintrust.settings import KEY_SOURCES, Settings, SettingsError, find_file

# Variables of Braintrust's own SDK, which are none of ours and no mistakes.
SDK_VARIABLES = frozenset(
    f"BRAINTRUST_{name}"
    for name in (
        "APP_PUBLIC_URL",
        "PROXY_URL",
        "OTEL_COMPAT",
        "LEGACY_IDS",
        "MAX_GENERATOR_ITEMS",
        "QUEUE_DROP_LOGGING_PERIOD",
        "QUEUE_DROP_WHEN_FULL",
        "INSTRUMENT_THREADS",
        "DEFAULT_PROJECT",
        "PROFILE",
        "API_ENDPOINT",
    )
)
DIRECTORIES = ("spool_dir", "failed_payloads_dir", "all_payloads_dir")
OWN_PREFIX, PREFIX = "OTEL_BRAINTRUST_", "BRAINTRUST_"
LIKENESS = 0.85


def check_options(
    *, project: str | None = None, project_id: str | None = None
) -> tuple[Settings | None, list[Check]]:
    """Look at the settings.

    Returns:
        The settings unless they cannot be used, and the checks.
    """
    heard = _Heard()
    logger = logging.getLogger("otel_braintrust")
    logger.addHandler(heard)
    propagates, logger.propagate = logger.propagate, False
    try:
        settings = Settings.resolve(project=project, project_id=project_id)
        destination = str(settings.destination)
    except (ParentError, SettingsError) as error:
        remedy = "set it right, as the message says"
        return None, [Check("settings", "failed", str(error), remedy), *_misspelt()]
    finally:
        logger.removeHandler(heard)
        logger.propagate = propagates
    said = _settings(settings, destination, heard.told)
    return settings, [said, *_misspelt(), *_directories(settings), _key(settings)]


def _settings(settings: Settings, destination: str, told: list[str]) -> Check:
    file = find_file()
    set_here = {name: source for name, source in settings.sources.items() if source != "default"}
    details: dict[str, Any] = {
        "file": str(file) if file is not None else None,
        "destination": destination,
        "spans": settings.mode,
        "set": set_here,
    }
    if told:
        return Check("settings", "warning", "; ".join(told), "set it right", details)
    says = f"spans go to {destination} ({settings.sources['parent']})"
    return Check("settings", "ok", says, details=details)


def _directories(settings: Settings) -> list[Check]:
    """Directories that are written to when the server cannot be."""
    found = []
    for name in DIRECTORIES:
        directory = getattr(settings, name)
        if not directory:
            continue
        variable = OPTION_BY_NAME[name].variable
        problem = _unwritable(Path(directory))
        details = {"directory": directory}
        if problem:
            remedy = f"{variable} must name a directory that this process can write to"
            found.append(Check(name, "failed", f"{directory}: {problem}", remedy, details))
        else:
            found.append(Check(name, "ok", f"{directory} can be written to", details=details))
    return found


def _unwritable(directory: Path) -> str:
    """Why nothing can be written there; empty when something can."""
    existing = directory
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        return f"{existing} is no directory"
    return "" if os.access(existing, os.W_OK | os.X_OK) else "it may not be written to"


def _misspelt() -> list[Check]:
    """Variables that nobody reads and that look like some that we do."""
    known = {option.variable for option in OPTIONS if option.variable} | SDK_VARIABLES
    found = {}
    for name in sorted(os.environ):
        if not name.startswith((OWN_PREFIX, PREFIX)) or name in known:
            continue
        like = difflib.get_close_matches(name, known, n=1, cutoff=LIKENESS)
        if like or name.startswith(OWN_PREFIX):
            found[name] = like[0] if like else ""
    if not found:
        return []
    said = ", ".join(f"{name} (is it {like}?)" if like else name for name, like in found.items())
    return [
        Check("variables", "warning", f"set, and read by nobody: {said}", "see the README's table")
    ]


def _key(settings: Settings) -> Check:
    if not settings.api_key:
        return Check("api_key", "failed", "there is no API key", f"set it by {KEY_SOURCES}")
    source = settings.sources["api_key"]
    shown = mask_key(settings.api_key)
    return Check("api_key", "ok", f"{shown} ({source})", details={"key": shown, "from": source})


class _Heard(logging.Handler):
    """Keeps what is logged of settings that cannot be used."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())
