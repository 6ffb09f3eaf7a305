"""Rows without content: what is known to be structure stays, everything else goes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from otel_braintrust.redaction.fields import is_structure

# Where a row is, and what it is to other rows.
STRUCTURE = frozenset(
    (
        *("id", "span_id", "root_span_id", "span_parents", "created"),
        *("project_id", "experiment_id", "dataset_id", "prompt_session_id", "log_id", "org_id"),
        *("_xact_id", "_is_merge", "_merge_paths", "_parent_id", "_object_delete", "_array_delete"),
        *("_audit_source", "source"),
    )
)
# Metadata that says how something was done, not what was said. Everything else, and so everything
# that an instrumentation may come to record, is taken for content.
METADATA = frozenset(
    (
        *("model", "request_model", "provider", "provider_source", "original_type", "output_type"),
        *("temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "seed", "n"),
        *("frequency_penalty", "presence_penalty", "stream", "logprobs", "top_logprobs"),
        *("parallel_tool_calls", "max_tool_calls", "reasoning_effort", "service_tier", "verbosity"),
        *("dimensions", "encoding_format", "store", "modalities", "async", "cost_source"),
        *("finish_reason", "finish_reasons", "stop_reason", "response_id", "tool_call_id"),
        *("tool_name", "agent_name", "session_id", "error_type", "error.type", "chunk_count"),
        *("events_truncated", "aggregated_usage", "retry_attempts", "content_from"),
        *("gen_ai.operation.name", "gen_ai.system", "gen_ai.provider.name", "gen_ai.output.type"),
        *("gen_ai.request.model", "gen_ai.response.model", "gen_ai.response.id"),
        *("gen_ai.response.finish_reasons", "gen_ai.conversation.id", "gen_ai.agent.id"),
        *("gen_ai.agent.name", "gen_ai.tool.name", "gen_ai.tool.type", "gen_ai.tool.call.id"),
        *("gen_ai.workflow.name", "openinference.span.kind", "llm.model_name", "llm.provider"),
        *("llm.system", "llm.finish_reason", "llm.request.type", "llm.is_streaming", "session.id"),
        *("traceloop.span.kind", "traceloop.entity.name", "traceloop.workflow.name"),
        *("ai.operationId", "ai.telemetry.functionId", "ai.model.id", "ai.model.provider"),
        *("ai.response.finishReason", "ai.settings.maxRetries", "ai.settings.maxSteps"),
        *("langsmith.span.kind", "langfuse.observation.type", "mlflow.spanType", "operation.name"),
        *("logfire.span_type", "logfire.level_num", "ls_provider", "ls_model_name"),
        *("ls_model_type", "langgraph_step", "langgraph_node", "graph.node.id"),
        *("mcp.method.name", "mcp.protocol.version", "jsonrpc.request.id"),
        *("server.address", "server.port", "url.scheme", "http.request.method", "http.method"),
        *("http.route", "http.response.status_code", "http.status_code", "cloud.region"),
        *("rpc.system", "rpc.service", "rpc.method", "db.system", "db.system.name"),
        *("messaging.system", "messaging.operation", "asgi.event.type"),
        *("input.mime_type", "output.mime_type"),
    )
)
RESOURCE = frozenset(
    (
        *("service.name", "service.version", "service.namespace", "service.instance.id"),
        *("deployment.environment", "deployment.environment.name", "telemetry.sdk.name"),
        *("telemetry.sdk.language", "telemetry.sdk.version", "telemetry.distro.name"),
        *("host.name", "host.arch", "os.type", "process.pid", "process.runtime.name"),
        *("process.runtime.version", "container.id", "k8s.namespace.name", "k8s.pod.name"),
        *("cloud.provider", "cloud.region", "cloud.platform", "faas.name", "faas.version"),
    )
)
# Objects in the metadata and the context that are kept in part.
WITHIN: Mapping[str, frozenset[str]] = {
    "resource": RESOURCE,
    "otel.scope": frozenset(("name", "version")),
    "otel": frozenset(("kind", "dropped_attributes", "dropped_events", "dropped_links")),
    "aggregated_usage": frozenset(
        ("prompt_tokens", "completion_tokens", "tokens", "prompt_cached_tokens")
    ),
    "span_origin": frozenset(("name", "version", "instrumentation", "environment")),
    "instrumentation": frozenset(("name", "version")),
    "environment": frozenset(("type", "name")),
}
CONTEXT = frozenset(
    ("caller_functionname", "caller_filename", "caller_lineno", "span_origin", "local_root")
)
ORIGIN = frozenset(("object_type", "object_id", "id", "_xact_id", "created"))
# A word, an id, a path, a version: nothing that anybody would say.
_WORD = re.compile(r"[A-Za-z0-9_<][\w.:/@+#<>~\\-]{0,199}")
# The name of a score or a metric: a few words, no sentence.
_NAME = re.compile(r"[\w(][\w.:/()&%-]{0,63}(?: [\w.:/()&%-]{1,40}){0,3}")
MAX_ITEMS = 20

_FAILED = re.compile(
    r"^(?:[A-Za-z_]\w{0,60}\.){0,6}[A-Za-z_]\w{0,60}"
    r"(?:Error|Exception|Warning|Exit|Interrupt|Timeout|Failure|Cancelled|Refused|NotFound)\b"
    r"(?=:|$|\s*$)",
    re.MULTILINE | re.ASCII,
)
FAILED = "ERROR"


def without_content(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """A row without anything that was said: no input, output, message, argument or error text.

    What stays: its place in the trace, the span's name and type, times, metrics, scores, the model
    and how it was asked, and the class of an exception.

    Args:
        row: A row, or one that changes another.

    Returns:
        A new row; None when it changes another and nothing of the change is left.
    """
    kept: dict[str, Any] = {name: row[name] for name in STRUCTURE if name in row}
    for name, keep in _FIELDS.items():
        if row.get(name) is not None:
            kept[name] = keep(row[name])
    if row.get("_is_merge") or "comment" in row:
        said = kept.keys() - STRUCTURE - {"_audit_metadata", "origin"}
        if not any(kept[name] for name in said):
            return None
    return kept


def _metadata(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    kept = _members(value, METADATA | WITHIN.keys())
    for name, show in (("links", _link), ("events", _event)):
        items = value.get(name)
        if isinstance(items, (list, tuple)):
            kept[name] = [show(each) for each in items if isinstance(each, Mapping)]
    return kept


def _members(value: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    kept = {}
    for name in value.keys() & names:
        inner = value[name]
        if isinstance(inner, Mapping):
            if name in WITHIN and (members := _members(inner, WITHIN[name])):
                kept[name] = members
        elif _is_plain(inner):
            kept[name] = inner
    return kept


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) <= MAX_ITEMS and all(
            not isinstance(each, (list, tuple)) and _is_plain(each) for each in value
        )
    if isinstance(value, str):
        return _WORD.fullmatch(value) is not None
    return value is None or isinstance(value, (bool, int, float))


def _link(link: Mapping[str, Any]) -> dict[str, Any]:
    return _members(link, frozenset(("trace_id", "span_id")))


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    return _members(event, frozenset(("name", "time")))


def _context(value: Any) -> dict[str, Any]:
    return _members(value, CONTEXT) if isinstance(value, Mapping) else {}


def _numbers(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    return {
        name: number
        for name, number in value.items()
        if isinstance(name, str)
        and _NAME.fullmatch(name)
        and (number is None or isinstance(number, (int, float)))
        and (number is None or math.isfinite(number))
    }


def _span_attributes(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    kept = {key: each for key, each in value.items() if is_structure(key, each)}
    # The name of a span is a part of its trace's structure, whatever its letters.
    return {**kept, **({"name": value["name"]} if isinstance(value.get("name"), str) else {})}


def _origin(value: Any) -> dict[str, Any]:
    return _members(value, ORIGIN) if isinstance(value, Mapping) else {}


def _error(value: Any) -> str:
    """The class of the exception where a line of the text begins with one, and no word more."""
    found = _FAILED.findall(value) if isinstance(value, str) else []
    return found[-1] if found else FAILED


_FIELDS: Mapping[str, Any] = {
    "span_attributes": _span_attributes,
    "metadata": _metadata,
    "metrics": _numbers,
    "scores": _numbers,
    "context": _context,
    "error": _error,
    "origin": _origin,
    "_audit_metadata": _metadata,
}
