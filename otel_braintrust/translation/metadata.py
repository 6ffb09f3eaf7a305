"""A row's metadata: model, provider and parameters under their names, and all that is left over."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from otel_braintrust.translation import providers
from otel_braintrust.translation.decoding import decode, decode_container, is_placeholder
from otel_braintrust.translation.parameters import is_set
from otel_braintrust.translation.reading import KEPT_ELSEWHERE, Reading, Suggestion
from otel_braintrust.translation.remainder import Said, unsaid

# Names that say what model was called: entries of model calls only, elsewhere they stay raw.
_OF_MODEL_CALLS = frozenset({"request_model", "response_model", "provider"})
_OF_TOOLS = frozenset({"tool_name", "tool_call_id"})


def decide(reading: Reading, span_type: str) -> dict[str, Any]:
    """Return the canonical entries: model, provider, parameters, session, user.

    Args:
        reading: a span, read; what loses goes back into its leftovers.
        span_type: its Braintrust type.
    """
    metadata: dict[str, Any] = {}
    if span_type == "llm":
        _add_model(reading, metadata)
        _add_provider(reading, metadata)
    else:
        for name in _OF_MODEL_CALLS:
            _restore(reading, reading.named.get(name, ()))
    add_named(reading, reading.named, span_type, metadata)
    return metadata


def add_named(
    reading: Reading,
    named: Mapping[str, list[Suggestion]],
    span_type: str,
    metadata: dict[str, Any],
) -> None:
    """Add the best of what is suggested for each entry but the model and its provider.

    Args:
        reading: a span, read; what loses goes back into its leftovers.
        named: suggestions by entry.
        span_type: its Braintrust type.
        metadata: the canonical entries, added to.
    """
    # A model call that asks for a tool is not that tool's span: the attributes stay as they are.
    elsewhere = _OF_MODEL_CALLS | _OF_TOOLS if span_type == "llm" else _OF_MODEL_CALLS
    for name, suggestions in named.items():
        if name not in elsewhere:
            chosen = _choose(reading, suggestions)
            if chosen is not None:
                metadata[name] = chosen.value
                reading.origins[f"metadata.{name}"] = chosen.key


def _choose(reading: Reading, suggestions: list[Suggestion]) -> Suggestion | None:
    real = [s for s in suggestions if is_set(s.value)]
    if not real:
        return None
    if len(real) > 1:
        real.sort(key=attrgetter("rank"))
        _restore(reading, [s for s in real[1:] if s.value != real[0].value])
    return real[0]


def _restore(reading: Reading, suggestions: Any) -> None:
    for suggestion in suggestions:
        if suggestion.raw is KEPT_ELSEWHERE:
            continue
        if suggestion.key in reading.span.attributes:
            reading.restore({suggestion.key: suggestion.raw})
        elif isinstance(suggestion.raw, dict) and "." in suggestion.key:
            reading.restore(
                {k: v for k, v in suggestion.raw.items() if k in reading.span.attributes}
            )


def _add_model(reading: Reading, metadata: dict[str, Any]) -> None:
    answered = _choose(reading, reading.named.get("response_model", []))
    asked = _choose(reading, reading.named.get("request_model", []))
    chosen = next(
        (s for s in (answered, asked) if s is not None and not is_placeholder(s.value)), None
    )
    if chosen is None:
        return
    model = chosen.value
    shown = model.removeprefix("models/") if isinstance(model, str) else model
    metadata["model"] = shown
    reading.origins["metadata.model"] = chosen.key
    raw = asked.value if asked is not None else model
    if raw != shown and not is_placeholder(raw):
        metadata["request_model"] = raw
        if asked is not None:
            reading.origins["metadata.request_model"] = asked.key


def _add_provider(reading: Reading, metadata: dict[str, Any]) -> None:
    suggestions = sorted(reading.named.get("provider", ()), key=lambda s: s.rank)
    chosen = next((s for s in suggestions if providers.normalise(s.value) is not None), None)
    name = providers.normalise(chosen.value) if chosen else None
    attributes = reading.span.attributes
    host = providers.of_host(attributes.get("server.address"), attributes.get("server.port"))
    by_model = None
    if chosen is not None and chosen.value == "gcp.gen_ai" and host in ("google", "vertex"):
        name = host
    elif name in (None, "openai") and host is not None:
        name = host  # an OpenAI client pointed at another provider's host
    if name is None:
        by_model = providers.of_model(metadata.get("request_model") or metadata.get("model"))
        name = by_model or providers.of_model(metadata.get("model"))
    if name is not None:
        metadata["provider"] = name
        if by_model or (chosen is None and host is None):
            metadata["provider_source"] = "model"
        is_said = chosen is not None and name == providers.normalise(chosen.value)
        reading.origins["metadata.provider"] = (
            chosen.key
            if chosen is not None and is_said
            else ("server.address" if name == host else "model name")
        )
    for suggestion in suggestions:
        if (
            suggestion.value != name
            and suggestion.key in attributes
            and suggestion.raw is not KEPT_ELSEWHERE
        ):
            reading.restore({suggestion.key: suggestion.raw})


def add_remainders(reading: Reading, row: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Add what payloads say beyond the row, each under the key of its attribute.

    Args:
        reading: a span, read and decided.
        row: the row's other fields.
        metadata: the row's metadata, added to.
    """
    if not reading.remainders:
        return
    said = Said(row, metadata)
    for key, raw in reading.remainders.items():
        rest = unsaid(reading.open(raw), said)
        if rest is not None and key not in metadata:
            metadata[key] = rest


def _opened(text: str) -> Any:
    """Open JSON text of an object, a list or a text; numbers and words stay as they are."""
    return decode(text) if text[:1] == text[-1:] == '"' else decode_container(text)


# A text that may be JSON begins with one of these, or with white space before them.
_OPENINGS = frozenset('{["' + " \t\r\n")


def shown(value: Any) -> Any:
    """An attribute that no field took, as the metadata shows it."""
    return _opened(value) if type(value) is str and value[:1] in _OPENINGS else value


def opened(leftovers: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes that no field took, as the metadata shows them."""
    return {key: shown(value) for key, value in leftovers.items()}


def _set_aside(metadata: dict[str, Any], name: str, value: Any) -> None:
    """Keep what has the name of another entry; a span may have an attribute `attributes` too."""
    held = metadata.get("attributes", {})
    held = held if isinstance(held, dict) else {"attributes": held}
    metadata["attributes"] = {**held, name: value}


def finish(reading: Reading, metadata: dict[str, Any]) -> dict[str, Any]:
    """Add the user's own entries, facts on the span, and every attribute left over.

    Args:
        reading: a span, read and decided.
        metadata: the canonical entries, added to; they win over equal names.
    """
    own = reading.own
    for name, value in (own.get("extra") or {}).items():
        metadata.setdefault(name, value)
    if own.get("prompt"):
        metadata.setdefault("prompt", own["prompt"])
    if reading.evaluations:
        metadata["evaluations"] = reading.evaluations
    if reading.rejected_scores:
        metadata["rejected_scores"] = reading.rejected_scores
    if reading.truncated:
        metadata["braintrust.mapping.truncated"] = sorted(set(reading.truncated))
    if reading.events:
        metadata["events"] = reading.events
    for name, value in reading.user_metadata.items():
        if name not in metadata:
            metadata[name] = value
        elif metadata[name] != value:
            _set_aside(metadata, name, value)
    for key, shown in opened(reading.leftovers).items():
        if key not in metadata:
            metadata[key] = shown
        elif metadata[key] != shown:
            _set_aside(metadata, key, shown)
    if reading.preserve:
        for key, value in reading.span.attributes.items():
            metadata.setdefault(key, value)
    metadata |= own.get("metadata", {})
    return metadata
