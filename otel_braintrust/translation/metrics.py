"""A row's metrics: times, tokens, cost, time to first token; only finite numbers.

Tokens and cost are metrics of model calls alone. On any other span the same record is
`metadata.aggregated_usage`: it repeats what the calls below it used.
"""

from __future__ import annotations

import math
from typing import Any

from otel_braintrust.translation import usage
from otel_braintrust.translation.reading import Reading

# Producers whose input count leaves cache tokens out, by instrumentation scope.
EXCLUSIVE_SCOPES = (
    "openinference.instrumentation.claude_agent_sdk",
    "openlit.instrumentation.anthropic",
)
CONVERSE_SCOPES = (
    "opentelemetry.instrumentation.bedrock",
    "openinference.instrumentation.bedrock",
    "@arizeai/openinference-instrumentation-bedrock",
)


def decide(
    reading: Reading, span_type: str, provider: str | None, metadata: dict[str, Any]
) -> dict[str, Any]:
    """Return the metrics; what is no metric goes into the metadata.

    Args:
        reading: a span, read.
        span_type: its Braintrust type.
        provider: the canonical provider, if known.
        metadata: the row's metadata, added to.
    """
    span = reading.span
    metrics: dict[str, Any] = {"start": span.start_ns / 1e9}
    if span.end_ns:
        metrics["end"] = span.end_ns / 1e9
    counts = _counts(reading, provider, metadata)
    estimated_cost = _cost(reading, metadata, has_tokens=bool(counts))
    if span_type == "llm":
        metrics |= counts
        if estimated_cost is not None:
            metrics["estimated_cost"] = estimated_cost
    else:
        if counts:
            metadata["aggregated_usage"] = counts
        if estimated_cost is not None:
            metadata["aggregated_cost"] = estimated_cost
    first_token = _first_token(reading)
    if first_token is not None:
        metrics["time_to_first_token"] = first_token
    metrics |= reading.own.get("metrics", {})
    return metrics


def _counts(reading: Reading, provider: str | None, metadata: dict[str, Any]) -> dict[str, int]:
    if not reading.usage:
        return {}
    found = usage.resolve(
        reading.usage,
        excludes_cache=excludes_cache(reading),
        provider=provider,
        is_embedding=reading.is_embedding,
    )
    if found is None:
        for keys in reading.usage.keys.values():
            reading.restore(
                {
                    key: reading.span.attributes[key]
                    for key in keys.values()
                    if key in reading.span.attributes
                }
            )
        return {}
    reading.origins["usage"] = found
    if found.normalised:
        metadata["usage_normalized"] = found.normalised
    if found.reported_total is not None:
        metadata["reported_total_tokens"] = found.reported_total
    if found.rejected:
        metadata["rejected_usage"] = found.rejected
    _keep_differing(reading, found)
    return found.counts


def excludes_cache(reading: Reading) -> bool:
    """Tell whether a span's producer leaves cache tokens out of the input count."""
    scope, name = reading.span.scope_name, reading.span.name.lower()
    if reading.excludes_cache or scope.startswith(EXCLUSIVE_SCOPES):
        return True
    # Of Bedrock's calls only Converse is recorded as it is; `invoke_model` is summed up.
    return scope.startswith(CONVERSE_SCOPES) and "invoke_model" not in name


def _keep_differing(reading: Reading, found: usage.Usage) -> None:
    """Keep counts of other families where they say something else than the chosen record."""
    if len(reading.usage.families) == 1:
        return
    for family, record in reading.usage.families.items():
        if family == found.family or record.items() <= found.counts.items():
            continue
        for name, count in record.items():
            key = reading.usage.keys.get(family, {}).get(name, "")
            if key in reading.span.attributes and found.counts.get(name) != count:
                reading.restore({key: reading.span.attributes[key]})


def _cost(reading: Reading, metadata: dict[str, Any], *, has_tokens: bool) -> float | None:
    if not reading.costs:
        return None
    chosen: float | None = None
    for _rank, key, raw in sorted(reading.costs, key=lambda cost: cost[0]):
        number = _dollars(raw)
        if chosen is None and number is not None and (number > 0 or has_tokens):
            chosen = number
            metadata["cost_source"] = key
        elif number is None and raw is not None and key in reading.span.attributes:
            reading.restore({key: raw})
    return chosen


def _dollars(raw: Any) -> float | None:
    if isinstance(raw, bool) or raw is None:
        return None
    try:
        number = float(raw)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _first_token(reading: Reading) -> float | None:
    if not reading.first_token:
        return None
    span = reading.span
    duration_s = (span.end_ns - span.start_ns) / 1e9 if span.end_ns else math.inf
    is_strands = span.scope_name.startswith("strands")
    for _rank, key, raw_seconds, raw in sorted(reading.first_token, key=lambda t: t[0]):
        seconds = raw_seconds
        if key.startswith("gen_ai.server.") and (is_strands or seconds > duration_s):
            seconds = seconds / 1e3  # Strands writes milliseconds under the name that means seconds
        if math.isfinite(seconds) and 0 <= seconds <= duration_s + 1:
            reading.origins["metrics.time_to_first_token"] = key
            return seconds
        if key in span.attributes:
            reading.restore({key: raw})
    return None
