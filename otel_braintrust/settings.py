"""Every option's value: argument, else environment, else nearest .env.braintrust, else default."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otel_braintrust.accounts import Loss
from otel_braintrust.delivery.destinations import Destination, parse_parent
from otel_braintrust.delivery.errors import url_without_credentials
from otel_braintrust.options import OPTION_BY_NAME, OPTIONS, Option, options_markdown
from otel_braintrust.readers import READERS
from otel_braintrust.selection import Rule, SpanFilter

if TYPE_CHECKING:
    from otel_braintrust.redaction.mask import Mask

__all__ = ["OPTIONS", "Settings", "SettingsError", "find_file", "options_markdown", "read_file"]

logger = logging.getLogger("otel_braintrust")

FILE_NAME = ".env.braintrust"
MAX_PARENT_DIRECTORIES = 64
DEFAULT_PARENT = "project_name:Global"
KEY_SOURCES = (
    f"the argument api_key, the environment variable BRAINTRUST_API_KEY, or a {FILE_NAME} file"
)


class SettingsError(ValueError):
    """An option has a value that cannot be used; says which, from where, and what to write."""


# Within one source of settings the first of these that is set says where spans go.
PARENT_OPTIONS: tuple[tuple[str, str], ...] = (
    ("parent", "{}"),
    ("project_id", "project_id:{}"),
    ("project", "project_name:{}"),
)
PRIVACY_OPTIONS = frozenset(("mask", "capture_content"))


@dataclass(frozen=True)
class Settings:
    """All options with their values, and where each value came from.

    Example::

        settings = Settings.resolve(project="support bot")
        settings.destination, settings.sources["api_key"]
    """

    api_key: str | None = field(repr=False)
    app_url: str
    api_url: str | None
    org_name: str | None
    parent: str
    project_id: str | None
    project: str | None
    http_timeout_s: float
    max_request_bytes: int | None
    max_request_rows: int
    num_retries: int | None
    max_retry_s: float
    queue_size: int | None
    exit_timeout_s: float
    disable_atexit_flush: bool
    max_field_bytes: int
    queue_bytes: int
    convert_attachments: bool
    attachment_bytes: int
    spool_dir: str | None
    spool_mode: str
    spool_max_bytes: int
    spool_max_age_s: float
    failed_payloads_dir: str | None
    all_payloads_dir: str | None
    sync_flush: bool
    serverless: bool | None
    serverless_budget_s: float
    handle_sigterm: bool
    on_drop: Callable[[Loss], object] | None
    on_error: Callable[[Exception], object] | None
    meter_provider: Any
    live: bool
    spans: str | None
    filter_ai_spans: bool
    span_rules: tuple[Rule, ...]
    span_filter: SpanFilter | None
    infrastructure_scopes: tuple[str, ...]
    route: Callable[[Any], str | bool | None] | None
    tail_ratio: float | None
    tail_slow_s: float
    tail_max_bytes: int
    tail_max_s: float
    capture_content: bool | None
    mask: Mask | None
    environment_type: str | None
    environment_name: str | None
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def resolve(cls, **arguments: Any) -> Settings:
        """Find every option's value: argument, environment, nearest ``.env.braintrust``, default.

        Args:
            arguments: Options by the names in :data:`OPTIONS`; None or blank text means not set.

        Raises:
            TypeError: An argument is no option, or has the wrong type.
            SettingsError: A value cannot be used: a number out of range, given as an argument, or
                an address that is none, wherever it stands.
        """
        unknown = sorted(set(arguments) - set(OPTION_BY_NAME))
        if unknown:
            raise TypeError(f"no such option: {', '.join(unknown)}; see otel_braintrust.settings")
        file_path = find_file()
        layers = (
            ("argument", arguments),
            (
                "environment",
                {each.name: os.environ.get(each.variable) for each in OPTIONS if each.variable},
            ),
            (str(file_path), read_file(file_path)),
        )
        values: dict[str, Any] = {}
        sources: dict[str, str] = {}
        for option in OPTIONS:
            values[option.name], sources[option.name] = _resolve_one(option, layers)
        values["parent"], sources["parent"] = _resolve_parent(layers)
        return cls(**values, sources=sources)

    @property
    def destination(self) -> Destination:
        """Where spans go that say nothing themselves.

        Raises:
            ParentError: The parent has none of the four forms.
        """
        return parse_parent(self.parent, origin=self.sources.get("parent", ""))

    @property
    def mode(self) -> str:
        """Which spans go: ``app``, ``ai`` or ``all``."""
        return self.spans or ("ai" if self.filter_ai_spans else "app")

    @property
    def sends_content(self) -> bool:
        """False when nothing that was said may leave the process."""
        return self.capture_content is not False

    @property
    def environment(self) -> dict[str, str]:
        """What ``context.span_origin.environment`` of a row says; empty when nothing is set."""
        pairs = {"type": self.environment_type, "name": self.environment_name}
        return {key: value for key, value in pairs.items() if value}


Layers = tuple[tuple[str, Mapping[str, Any]], ...]


def _resolve_one(option: Option, layers: Layers) -> tuple[Any, str]:
    for source, layer in layers:
        raw = layer.get(option.name)
        if _is_blank(raw):
            continue
        origin = option.variable if source == "environment" else source
        try:
            return READERS[option.kind](raw), origin
        except ValueError as error:
            shown = raw if option.name != "api_key" else "(not shown)"
            if option.kind == "address":
                shown = url_without_credentials(str(raw))
            message = f"{option.name} is {shown!r} ({origin}), but must be {error}"
            # A mistyped number in the environment must not stop an application; a mistyped address
            # must not send its data to another place, nor a mistyped mask what it was to keep back.
            must_be_right = option.kind == "address" or option.name in PRIVACY_OPTIONS
            if source == "argument" or must_be_right:
                raise SettingsError(message) from None
            logger.warning("%s; using the default, %s", message, option.default)
            return option.default, "default"
    return option.default, "default"


def _resolve_parent(layers: Layers) -> tuple[str, str]:
    for source, layer in layers:
        for name, form in PARENT_OPTIONS:
            raw = layer.get(name)
            if not _is_blank(raw):
                origin = f"argument {name}" if source == "argument" else source
                if source == "environment":
                    origin = OPTION_BY_NAME[name].variable
                return form.format(str(raw).strip()), origin
    return DEFAULT_PARENT, "default"


def _is_blank(raw: Any) -> bool:
    return raw is None or (isinstance(raw, str) and not raw.strip())


def find_file(start: Path | None = None) -> Path | None:
    """The nearest ``.env.braintrust``: in the working directory or one of 64 directories above it.

    Args:
        start: Directory to start in; default the working directory.
    """
    try:
        directory = (start or Path.cwd()).absolute()
    except OSError:  # the working directory was deleted
        return None
    for each in (directory, *list(directory.parents)[:MAX_PARENT_DIRECTORIES]):
        candidate = each / FILE_NAME
        try:
            if candidate.is_file():
                return candidate
        except OSError:
            continue
    return None


def read_file(path: Path | None) -> dict[str, str]:
    """The options a ``.env.braintrust`` file may set, by option name; an unreadable file sets none.

    The file is never put into ``os.environ``, and what it holds beside these options is ignored.
    """
    if path is None:
        return {}
    import io

    from dotenv import dotenv_values

    try:
        # Read first: a file that exists and cannot be read is a boundary, not an error.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        logger.warning(
            "cannot read %s (%s); no option is taken from it", path, type(error).__name__
        )
        return {}
    found = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {
        option.name: value
        for option in OPTIONS
        if option.in_file and (value := found.get(option.variable)) is not None
    }
