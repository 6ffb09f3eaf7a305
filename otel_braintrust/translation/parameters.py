"""Request parameters under the names that Braintrust's own SDK gives them."""

from __future__ import annotations

import re
from typing import Any

from otel_braintrust.translation.decoding import UNSET, decode, decode_container
from otel_braintrust.translation.tools import to_tool_choice, to_tools

# Clients' markers for "not given", as `repr` writes them.
_UNSET_OBJECT = re.compile(r"^<[\w.]+\.(Omit|NotGiven|Unset)\b.*>$")

PARAMETERS = frozenset(
    [
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "max_completion_tokens",
        "frequency_penalty",
        "presence_penalty",
        "stop",
        "seed",
        "n",
        "stream",
        "response_format",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_tool_calls",
        "reasoning_effort",
        "service_tier",
        "user",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "thinking",
        "thinking_config",
        "reasoning",
        "modalities",
        "store",
        "metadata",
        "verbosity",
        "dimensions",
        "encoding_format",
        "stream_options",
    ]
)

RENAMES: dict[str, str] = {
    "stop_sequences": "stop",
    "stopSequences": "stop",
    "stop_words": "stop",
    "maxOutputTokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "maxTokens": "max_tokens",
    "max_new_tokens": "max_tokens",
    "num_predict": "max_tokens",
    "num_output": "max_tokens",
    "maxTokenCount": "max_tokens",
    "topP": "top_p",
    "p": "top_p",
    "topK": "top_k",
    "k": "top_k",
    "candidateCount": "n",
    "candidate_count": "n",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "toolChoice": "tool_choice",
    "responseFormat": "response_format",
    "thinkingConfig": "thinking_config",
}
# Objects inside a request or its parameters whose members are parameters themselves.
NESTED = (
    "inferenceConfig",
    "generation_config",
    "generationConfig",
    "config",
    "options",
    "textGenerationConfig",
    "model_kwargs",
    "kwargs",
    "toolConfig",
    "tool_config",
    "extra_body",
)
# Members of a request that are no parameters: its content, its address, its secrets.
_CONTENT = frozenset(
    [
        "inputText",
        "messages",
        "input",
        "contents",
        "prompt",
        "inputs",
        "system",
        "system_instruction",
        "systemInstruction",
        "instructions",
        "model",
        "model_name",
        "modelId",
        "model_id",
        "input_messages",
        "message",
        "chat_history",
        "preamble",
    ]
)


def is_set(value: Any) -> bool:
    """Tell whether a parameter carries a value: not None, not an "unset" marker."""
    if isinstance(value, str):
        return value not in UNSET and not _UNSET_OBJECT.match(value)
    return value is not None


def parameters_of(value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split an object of request parameters into those Braintrust names and the rest.

    Args:
        value: an object or its JSON text; nested configurations are opened.

    Returns:
        Canonical parameters (tools and tool choice converted), and all others as they were.
    """
    holder = decode(value)
    known: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    if not isinstance(holder, dict):
        return known, rest
    for key, raw in holder.items():
        if key in _CONTENT or not is_set(raw):
            continue
        if key in NESTED and isinstance(raw, dict):
            inner_known, inner_rest = parameters_of(raw)
            known = {**inner_known, **known}
            if inner_rest:
                rest[key] = inner_rest
            continue
        name = RENAMES.get(key, key)
        if name in PARAMETERS and name != "metadata":
            known[name] = parameter(name, raw)
        else:
            rest[key] = raw
    return {key: inner for key, inner in known.items() if inner is not None}, rest


def parameter(name: str, value: Any) -> Any:
    """Convert one parameter's value to the form that its canonical name has."""
    if name == "tools":
        return to_tools(value)
    if name == "tool_choice":
        return to_tool_choice(value)
    if name == "stream" and isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    if name == "stop":
        return decode_container(value)
    if name in _NUMERIC and isinstance(value, str):
        return _number(value)
    return decode_container(value)


_NUMERIC = frozenset(
    [
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "n",
        "max_completion_tokens",
    ]
)


def _number(text: str) -> Any:
    try:
        return float(text) if any(mark in text for mark in ".eEn") else int(text)
    except ValueError:
        return text
