"""The table of options: argument, environment variable, type, default and meaning of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MIB = 1024 * 1024


@dataclass(frozen=True)
class Option:
    """One row of the table: an option, where it is read from, and what it means."""

    name: str
    variable: str
    kind: str
    default: Any
    meaning: str
    in_file: bool = False
    default_text: str = ""


OPTIONS: tuple[Option, ...] = (
    Option("api_key", "BRAINTRUST_API_KEY", "text", None, "API key", True),
    Option(
        "app_url",
        "BRAINTRUST_APP_URL",
        "address",
        "https://www.braintrust.dev",
        "App host: login and links",
        True,
    ),
    Option(
        "api_url",
        "BRAINTRUST_API_URL",
        "address",
        None,
        "API host: rows, projects, queries",
        True,
        "what the login says",
    ),
    Option(
        "org_name",
        "BRAINTRUST_ORG_NAME",
        "text",
        None,
        "Organization, for a key that belongs to several",
        True,
        "the first",
    ),
    Option(
        "parent",
        "BRAINTRUST_PARENT",
        "text",
        None,
        "Where spans go: `project_id:`, `project_name:`, `experiment_id:` or a span slug",
        False,
        "from the project",
    ),
    Option("project_id", "BRAINTRUST_PROJECT_ID", "text", None, "Project, by id", True),
    Option("project", "BRAINTRUST_PROJECT", "text", None, "Project, by name", True, "Global"),
    Option(
        "http_timeout_s",
        "BRAINTRUST_HTTP_TIMEOUT",
        "seconds",
        60.0,
        "Longest time for one request and its whole answer",
    ),
    Option(
        "max_request_bytes",
        "BRAINTRUST_MAX_REQUEST_SIZE",
        "count",
        None,
        "Most bytes in one request",
        False,
        "half of what the server takes",
    ),
    Option(
        "max_request_rows",
        "BRAINTRUST_DEFAULT_BATCH_SIZE",
        "count",
        512,  # as many as a BatchSpanProcessor hands over at once
        "Most rows in one request",
    ),
    Option(
        "num_retries",
        "BRAINTRUST_NUM_RETRIES",
        "count or 0",
        None,
        "Most repetitions of a request",
        False,
        "no limit but the time",
    ),
    Option(
        "max_retry_s",
        "OTEL_BRAINTRUST_MAX_RETRY",
        "seconds",
        300.0,
        "How long spans that cannot be delivered are tried again",
    ),
    Option(
        "queue_size",
        "BRAINTRUST_QUEUE_SIZE",
        "count",
        None,
        "Most spans that wait to be sent; more are dropped and counted",
        False,
        "`OTEL_BSP_MAX_QUEUE_SIZE`, else 10000",
    ),
    Option(
        "exit_timeout_s",
        "OTEL_BRAINTRUST_EXIT_TIMEOUT",
        "seconds or 0",
        4.0,
        "Longest time that shutdown and the end of the process wait for delivery",
    ),
    Option(
        "disable_atexit_flush",
        "BRAINTRUST_DISABLE_ATEXIT_FLUSH",
        "switch",
        False,
        "Leave without sending what still waits when the process ends",
    ),
    Option(
        "max_field_bytes",
        "OTEL_BRAINTRUST_MAX_FIELD_BYTES",
        "count",
        8 * MIB,
        "Most bytes of one text in a row; a longer one is cut, and says how long it was",
    ),
    Option(
        "queue_bytes",
        "OTEL_BRAINTRUST_QUEUE_BYTES",
        "count",
        256 * MIB,
        "Most bytes of spans that wait to be sent, about; more are dropped and counted",
    ),
    Option(
        "convert_attachments",
        "BRAINTRUST_AUTO_CONVERT_AI_ATTACHMENTS",
        "switch",
        True,
        "Upload base64 files in prompts and answers as attachments, and send references for them",
    ),
    Option(
        "attachment_bytes",
        "OTEL_BRAINTRUST_ATTACHMENT_BYTES",
        "count",
        256 * MIB,
        "Most bytes of attachments that wait to be uploaded, and of one file; base64 beyond it "
        "stays in its row",
    ),
    Option(
        "spool_dir",
        "OTEL_BRAINTRUST_SPOOL_DIR",
        "text",
        None,
        "Directory where spans wait that cannot be delivered, for this or a later process",
    ),
    Option(
        "spool_mode",
        "OTEL_BRAINTRUST_SPOOL_MODE",
        "spool mode",
        "failed",
        "`failed`: to disk what cannot be delivered; `always`: each span, before it is sent",
    ),
    Option(
        "spool_max_bytes",
        "OTEL_BRAINTRUST_SPOOL_MAX_BYTES",
        "count",
        512 * MIB,
        "Most bytes on disk; more spans are dropped and counted",
    ),
    Option(
        "spool_max_age_s",
        "OTEL_BRAINTRUST_SPOOL_MAX_AGE",
        "seconds",
        604800.0,
        "Longest time that spans wait on disk",
    ),
    Option(
        "failed_payloads_dir",
        "BRAINTRUST_FAILED_PUBLISH_PAYLOADS_DIR",
        "text",
        None,
        "Directory for files with the rows that were dropped",
    ),
    Option(
        "all_payloads_dir",
        "BRAINTRUST_ALL_PUBLISH_PAYLOADS_DIR",
        "text",
        None,
        "Directory for files with all rows that are sent",
    ),
    Option(
        "sync_flush",
        "BRAINTRUST_SYNC_FLUSH",
        "switch",
        False,
        "Send from the callers of flush and shutdown only, without a thread",
    ),
    Option(
        "serverless",
        "OTEL_BRAINTRUST_SERVERLESS",
        "switch",
        None,
        "Flush when a trace's outermost span of this process ends",
        False,
        "on in AWS Lambda, Cloud Functions and Cloud Run",
    ),
    Option(
        "serverless_budget_s",
        "OTEL_BRAINTRUST_SERVERLESS_BUDGET",
        "seconds",
        2.0,
        "Longest time that such a flush holds up the end of the span",
    ),
    Option(
        "handle_sigterm",
        "OTEL_BRAINTRUST_HANDLE_SIGTERM",
        "switch",
        True,
        "`configure()` lets SIGTERM flush before it ends the process, unless it is handled already",
    ),
    Option(
        "on_drop",
        "",
        "function",
        None,
        "Called with each loss: `reason`, `count`, `span_ids`",
    ),
    Option("on_error", "", "function", None, "Called with the error of each request that fails"),
    Option(
        "meter_provider",
        "",
        "object",
        None,
        "MeterProvider for `otel.sdk.exporter.span.*` and `otel.sdk.processor.span.*`",
    ),
    Option(
        "live",
        "OTEL_BRAINTRUST_LIVE",
        "switch",
        False,
        "Show spans while they are open, and complete their rows when they end",
    ),
    Option(
        "spans",
        "OTEL_BRAINTRUST_SPANS",
        "spans",
        None,
        "Which spans go: `app`, all but infrastructure with nothing kept beneath it; `ai`, those "
        "with AI attributes; `all`",
        False,
        "`ai` with `BRAINTRUST_FILTER_AI_SPANS`, else `app`",
    ),
    Option(
        "filter_ai_spans",
        "BRAINTRUST_FILTER_AI_SPANS",
        "switch",
        False,
        "The same as `spans` `ai`, where `spans` is not set",
    ),
    Option(
        "span_rules",
        "OTEL_BRAINTRUST_SPAN_RULES",
        "rules",
        (),
        "Rules before the mode, for instance `drop name=GET /health*; keep scope=my.lib*`; "
        "the first that fits decides",
        False,
        "none",
    ),
    Option(
        "span_filter",
        "",
        "function",
        None,
        "Called with each span that ended, from a thread of its own, before the rules: True keeps "
        "it, False drops it, None leaves it to them",
    ),
    Option(
        "infrastructure_scopes",
        "OTEL_BRAINTRUST_INFRASTRUCTURE_SCOPES",
        "names",
        (),
        "Instrumentation scopes that are infrastructure beside those known, separated by commas",
        False,
        "none",
    ),
    Option(
        "route",
        "",
        "function",
        None,
        "Called with each span that starts and says nothing itself: its parent, as in `parent`; "
        "None: its parent span's; False: not here",
    ),
    Option(
        "tail_ratio",
        "OTEL_BRAINTRUST_TAIL_RATIO",
        "ratio",
        None,
        "Share of traces that go; those with an error, a score or a slow span go anyway",
        False,
        "all of them",
    ),
    Option(
        "tail_slow_s",
        "OTEL_BRAINTRUST_TAIL_SLOW",
        "seconds",
        10.0,
        "What a slow span is, for `tail_ratio`",
    ),
    Option(
        "tail_max_bytes",
        "OTEL_BRAINTRUST_TAIL_MAX_BYTES",
        "count",
        64 * MIB,
        "Most bytes of traces that are not decided yet, about; the oldest go",
    ),
    Option(
        "tail_max_s",
        "OTEL_BRAINTRUST_TAIL_MAX",
        "seconds",
        60.0,
        "Longest time a trace waits to be decided; then it goes",
    ),
    Option(
        "capture_content",
        "OTEL_BRAINTRUST_CAPTURE_CONTENT",
        "switch",
        None,
        "`false`: no content is sent, only structure, times, metrics, scores and the model; either "
        "way it sets the content switches of instrumentations, where they are not set",
        False,
        "as each has it",
    ),
    Option(
        "mask",
        "OTEL_BRAINTRUST_MASK",
        "mask",
        None,
        "What is masked before anything is written or sent: names of patterns (`secrets`, or "
        "`keys`, `tokens`, `passwords`; `personal`, or `email`, `card`, `iban`, `ssn`, `phone`, "
        "`ip`; `all`), `key:NAME`; as an argument also functions, `MaskRule`s, and lists of these",
    ),
    Option(
        "environment_type",
        "BRAINTRUST_ENVIRONMENT_TYPE",
        "text",
        None,
        "Kind of environment in `context.span_origin`, for instance `ci`",
        True,
    ),
    Option(
        "environment_name",
        "BRAINTRUST_ENVIRONMENT_NAME",
        "text",
        None,
        "Its name, for instance `github_actions`",
        True,
    ),
)
OPTION_BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}


def options_markdown() -> str:
    """The table of options as Markdown, for the README."""
    lines = [
        "| Argument | Environment variable | in `.env.braintrust` | Type | Default | Meaning |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for option in OPTIONS:
        default = option.default_text or _default_text(option.default)
        variable = f"`{option.variable}`" if option.variable else "none"
        in_file = "yes" if option.in_file else "no"
        lines.append(
            f"| `{option.name}` | {variable} | {in_file} | {option.kind} "
            f"| {default} | {option.meaning} |"
        )
    return "\n".join(lines) + "\n"


def _default_text(default: Any) -> str:
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
