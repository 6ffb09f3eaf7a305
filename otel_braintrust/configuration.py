"""configure(): one call puts Braintrust into the OpenTelemetry that is there."""

from __future__ import annotations

import logging
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust.accounts import Counts, FlushResult
from otel_braintrust.endings import leave_on_sigterm
from otel_braintrust.instruments import set_content_switches, switch_on, tell_of_doubles
from otel_braintrust.latecomers import follow
from otel_braintrust.logs import BraintrustLogRecordProcessor, LogJoin
from otel_braintrust.processor import BraintrustSpanProcessor
from otel_braintrust.settings import Settings
from otel_braintrust.translation.conventions.rules import Convention

logger = logging.getLogger("otel_braintrust")

_lock = threading.RLock()
# The settings that options end in which have no field of their own.
_FIELDS = {
    "parent": "destination",
    "project": "destination",
    "project_id": "destination",
    "spans": "mode",
    "filter_ai_spans": "mode",
}
_told_of_options: list[list[str]] = []
# By identity, because other vendors' providers need not be hashable.
_configured: list[tuple[weakref.ref[Any], BraintrustSpanProcessor]] = []
# flush() and ledger() mean the processor that was configured last.
_latest: BraintrustSpanProcessor | None = None

NO_PLACE = (
    "the TracerProvider ({kind}) takes no span processors, so no span reaches Braintrust; "
    "give configure(tracer_provider=...) an opentelemetry.sdk.trace.TracerProvider"
)


def configure(
    *,
    api_key: str | None = None,
    parent: str | None = None,
    project: str | None = None,
    project_id: str | None = None,
    api_url: str | None = None,
    app_url: str | None = None,
    org_name: str | None = None,
    tracer_provider: Any = None,
    logger_provider: Any = None,
    spans: str | None = None,
    conventions: Sequence[Convention] = (),
    instrument: bool = False,
    **options: Any,
) -> BraintrustSpanProcessor:
    """Send the spans of this process to Braintrust.

    Adds a :class:`BraintrustSpanProcessor` to the TracerProvider that is there, and makes one only
    where there is none; adds a :class:`BraintrustLogRecordProcessor` to the LoggerProvider, for the
    instrumentations that put prompts and answers into log records. Calling it again for the same
    provider returns the same processor.

    Args:
        api_key: API key; default ``BRAINTRUST_API_KEY``.
        parent: Where spans go; default ``BRAINTRUST_PARENT``, else the project.
        project: Project by name; default ``BRAINTRUST_PROJECT``, else ``Global``.
        project_id: Project by id; default ``BRAINTRUST_PROJECT_ID``.
        api_url: API host; default ``BRAINTRUST_API_URL``, else what the login says.
        app_url: App host; default ``BRAINTRUST_APP_URL``.
        org_name: Organization; default ``BRAINTRUST_ORG_NAME``, else the key's first.
        tracer_provider: The TracerProvider; default the process's.
        logger_provider: The LoggerProvider; default the process's.
        spans: Which spans go: ``"app"``, ``"ai"`` or ``"all"``; see
            :class:`otel_braintrust.selection.Selection`. Default ``OTEL_BRAINTRUST_SPANS``, else
            ``"ai"`` with ``BRAINTRUST_FILTER_AI_SPANS``, else ``"app"``.
        conventions: Dialects of your own, see :mod:`otel_braintrust.conventions`.
        instrument: Switch on every installed instrumentation; the log says which.
        options: Any other option of :data:`otel_braintrust.settings.OPTIONS`.

    Raises:
        SettingsError: An option cannot be used.
        ParentError: The parent has none of the forms that can be read.
        TypeError: The tracer_provider given takes no span processors, or a convention is none.

    Example::

        import otel_braintrust

        otel_braintrust.configure(project="support bot")
    """
    global _latest
    arguments = {
        "api_key": api_key,
        "parent": parent,
        "project": project,
        "project_id": project_id,
        "api_url": api_url,
        "app_url": app_url,
        "org_name": org_name,
        "spans": spans,
        "conventions": conventions,
        **options,
    }
    with _lock:
        provider, is_new = _provider_to_use(tracer_provider)
        _latest = known = _processor_on(provider)
        if known is not None and (known.is_active or not _finds_key(api_key)):
            _tell_of_other_options(known, arguments)
            if instrument:
                _instrument(known, provider)
            return known
        _latest = processor = BraintrustSpanProcessor(**arguments)
        if hasattr(provider, "add_span_processor"):
            provider.add_span_processor(processor)
            _note_configured(provider, processor)
            if is_new:
                follow(processor)
            _join_logs(processor, provider, logger_provider, make=is_new)
            if processor.is_active and processor.settings.handle_sigterm:
                leave_on_sigterm()
        else:
            logger.error(NO_PLACE.format(kind=_kind_of(provider)))
        if processor.settings.capture_content is not None:
            set_content_switches(processor.settings.capture_content)
        if instrument:
            _instrument(processor, provider)
        elif processor.is_active:
            tell_of_doubles()
        return processor


def flush(timeout_s: float = 30.0) -> FlushResult:
    """Send what ended before this call, and tell what became of it, within the time given.

    Args:
        timeout_s: Longest time to wait, in seconds.

    Returns:
        The counts of the processor that was configured last; all zero when none was.
    """
    deadline = time.monotonic() + timeout_s
    result = _latest.flush(timeout_s) if _latest is not None else FlushResult()
    # Feedback and updates of a process that configured nothing; see otel_braintrust.changes.
    changes = sys.modules.get("otel_braintrust.changes")
    waiting = changes.flush_changes(deadline) if changes is not None else 0
    return replace(result, pending=result.pending + waiting) if waiting else result


def ledger() -> Counts:
    """What became of the spans so far, as the processor that was configured last tells it."""
    return _latest.ledger if _latest is not None else Counts()


def _provider_to_use(given: Any) -> tuple[Any, bool]:
    """The TracerProvider to add to, and whether it was made here because there was none."""
    if given is not None:
        if not hasattr(given, "add_span_processor"):
            raise TypeError(NO_PLACE.format(kind=_kind_of(given)))
        return given, False
    current = trace.get_tracer_provider()
    if not isinstance(current, trace.ProxyTracerProvider):
        return current, False
    provider = TracerProvider()
    trace.set_tracer_provider(provider)
    # Another thread may have set one in the meantime; then that one counts.
    current = trace.get_tracer_provider()
    return current, current is provider


def _kind_of(provider: Any) -> str:
    kind = type(provider)  # other vendors call theirs TracerProvider, too
    return f"{kind.__module__}.{kind.__qualname__}"


def _processor_on(provider: Any) -> BraintrustSpanProcessor | None:
    """The processor of ours that a provider has, added by us or by the application itself."""
    multiple = getattr(provider, "_active_span_processor", None)
    ours = [processor for known, processor in _configured if known() is provider]
    candidates = [*ours, *getattr(multiple, "_span_processors", ())]
    found = [
        each
        for each in candidates
        if isinstance(each, BraintrustSpanProcessor) and not each.is_closed
    ]
    # One with a key counts more than one that had none when it was made.
    return max(found, key=lambda each: each.is_active, default=None)


def _note_configured(provider: Any, processor: BraintrustSpanProcessor) -> None:
    _configured[:] = [entry for entry in _configured if entry[0]() is not None]
    _configured.append((weakref.ref(provider), processor))


def _instrument(processor: BraintrustSpanProcessor, provider: Any) -> None:
    if processor.is_active:
        switch_on(provider)
        tell_of_doubles()


def _tell_of_other_options(known: BraintrustSpanProcessor, arguments: Mapping[str, Any]) -> None:
    """Say which options of a later call count for nothing: those of the first are in force."""
    given = {name: value for name, value in arguments.items() if value not in (None, (), "")}
    given.pop("conventions", None)
    asked = Settings.resolve(**given)
    fields = {name: _FIELDS.get(name, name) for name in sorted(given)}
    differing = [
        name
        for name, field in fields.items()
        if getattr(asked, field, None) != getattr(known.settings, field, None)
    ]
    if differing and differing not in _told_of_options:
        _told_of_options.append(differing)
        logger.warning(
            "configure() was called before for this TracerProvider, if only by "
            "OTEL_TRACES_EXPORTER=braintrust; what this call says of %s counts for nothing",
            ", ".join(differing),
        )


def _finds_key(api_key: str | None) -> bool:
    return Settings.resolve(api_key=api_key).api_key is not None


def _join_logs(
    processor: BraintrustSpanProcessor, provider: Any, logger_provider: Any, *, make: bool
) -> None:
    if not processor.is_active:
        return
    join = LogJoin(BraintrustLogRecordProcessor(processor), getattr(provider, "resource", None))
    if not join.attach(logger_provider, make=make):
        processor.start_hook = join.on_span_start
        processor.pause_hook = join.attach
