"""Answers of the model APIs, wherever they turn up as JSON: choices, model and usage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from otel_braintrust.translation import usage
from otel_braintrust.translation.choices import to_choices
from otel_braintrust.translation.decoding import decode, is_placeholder
from otel_braintrust.translation.message_shapes import is_message
from otel_braintrust.translation.model_requests import MODEL_KEYS, are_said_by_someone, text_of
from otel_braintrust.translation.payload_usage import of_payload
from otel_braintrust.translation.roles import finish_reason_of, role_of


@dataclass(slots=True)
class Response:
    """What a model answered: choices, model, usage and what else the response says.

    Attributes:
        is_taken: what it says besides its choices is noted already.
    """

    choices: list[dict[str, Any]] | None = None
    model: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    excludes_cache: bool = False
    response_id: str | None = None
    is_taken: bool = False


def read_response(value: Any) -> Response | None:
    """Read a response payload.

    Args:
        value: an object or its JSON text; a list of choices or of messages counts too.

    Returns:
        The response, or None if the value is no answer of a model.
    """
    holder = decode(value)
    if isinstance(holder, (list, tuple)):
        choices = (
            to_choices(holder) if are_said_by_someone(holder) or _are_choices(holder) else None
        )
        return Response(choices) if choices else None
    if not isinstance(holder, dict):
        return None
    if holder.keys() == {"data"} and isinstance(holder["data"], dict):
        holder = holder["data"]  # a streamed event of Mistral's client
    choices = _choices_of(holder)
    counts, excludes_cache = _usage_of(holder)
    if choices is None and not counts:
        return None
    response_id = holder.get("id") or holder.get("responseId") or holder.get("response_id")
    return Response(
        choices,
        text_of(holder, MODEL_KEYS) or _model_inside(holder),
        counts,
        excludes_cache,
        response_id if isinstance(response_id, str) else None,
    )


def _are_choices(listed: Any) -> bool:
    return bool(listed) and all(
        isinstance(item, dict) and ("message" in item or str(item.get("type")) in _OUTPUT_ITEMS)
        for item in listed
    )


_OUTPUT_ITEMS = frozenset(
    {"message", "function_call", "reasoning", "tool_use", "tool_call", "text", "output_text"}
)


def _choices_of(holder: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    for key, read in _RESPONSE_FORMS.items():
        if key in holder and not is_placeholder(holder[key]):
            choices = read(holder, holder[key])
            if choices:
                return choices
    if is_message(holder):
        return to_choices(holder)
    return None


def _openai_choices(_holder: Mapping[str, Any], listed: Any) -> list[dict[str, Any]] | None:
    if not isinstance(listed, (list, tuple)):
        return None
    forms = []
    for choice in listed:
        if (
            isinstance(choice, dict)
            and isinstance(choice.get("text"), str)
            and "message" not in choice
        ):
            forms.append({**choice, "message": {"role": "assistant", "content": choice["text"]}})
        elif (
            isinstance(choice, dict)
            and isinstance(choice.get("delta"), dict)
            and "message" not in choice
        ):
            forms.append({**choice, "message": {"role": "assistant", **choice["delta"]}})
        else:
            forms.append(choice)
    return to_choices(forms)


def _content_blocks(holder: Mapping[str, Any], content: Any) -> list[dict[str, Any]] | None:
    """Read Anthropic's message, or any answer that has content and no choices."""
    if isinstance(content, dict):
        return to_choices({**holder, **content, "role": content.get("role", "assistant")})
    if not isinstance(content, (list, str)):
        return None
    return to_choices({**_answer(holder), "content": content})


def _answer(holder: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        key: holder[key]
        for key in (
            "finish_reason",
            "stop_reason",
            "stopReason",
            "tool_calls",
            "reasoning_content",
            "refusal",
        )
        if holder.get(key)
    }
    return {"role": role_of(holder.get("role"), "assistant"), **kept}


def _output(holder: Mapping[str, Any], output: Any) -> list[dict[str, Any]] | None:
    """Read the output of the Responses API (items) or of Bedrock Converse (a message)."""
    if isinstance(output, dict):
        message = output.get("message", output)
        if not isinstance(message, dict):
            return None
        return to_choices({**_answer(holder), **message}, [holder.get("stopReason")])
    if not isinstance(output, (list, tuple)):
        return None
    reason = "stop" if holder.get("status") == "completed" else None
    choices = to_choices([{"role": "assistant", "content": list(output)}], [reason])
    if (
        choices
        and choices[0]["message"].get("tool_calls")
        and choices[0]["finish_reason"] == "stop"
    ):
        choices[0]["finish_reason"] = "tool_calls"
    return choices


def _candidates(_holder: Mapping[str, Any], listed: Any) -> list[dict[str, Any]] | None:
    if not isinstance(listed, (list, tuple)):
        return None
    forms = []
    for index, candidate in enumerate(listed):
        if not isinstance(candidate, dict):
            return None
        content = candidate.get("content")
        body = content if isinstance(content, dict) else {"content": content}
        forms.append(
            {
                **body,
                "role": "assistant",
                "index": candidate.get("index", index),
                "finish_reason": candidate.get("finish_reason") or candidate.get("finishReason"),
            }
        )
    return to_choices(
        [
            {k: v for k, v in form.items() if k != "index"} | {"index": form["index"]}
            for form in forms
        ]
    )


def _generations(_holder: Mapping[str, Any], listed: Any) -> list[dict[str, Any]] | None:
    """Read LangChain's result, `generations[[{text, message, generation_info}]]`, or Cohere's."""
    if not isinstance(listed, (list, tuple)):
        return None
    flat = [
        inner for item in listed for inner in (item if isinstance(item, (list, tuple)) else [item])
    ]
    forms: list[Any] = []
    for generation in flat:
        if not isinstance(generation, dict):
            return None
        info = generation.get("generation_info")
        reason = (
            info.get("finish_reason") if isinstance(info, dict) else generation.get("finish_reason")
        )
        message = generation.get("message")
        if isinstance(message, dict):
            forms.append(
                {
                    "message": {"type": "ai", **message} if "kwargs" in message else message,
                    "finish_reason": reason,
                }
            )
        else:
            forms.append(
                {
                    "role": "assistant",
                    "content": generation.get("text", ""),
                    "finish_reason": reason,
                }
            )
    return to_choices([_as_answer(form) for form in forms])


def _as_answer(form: dict[str, Any]) -> dict[str, Any]:
    message = form.get("message")
    if (
        isinstance(message, dict)
        and isinstance(message.get("kwargs"), dict)
        and "lc" not in message
    ):
        return {**form, "message": {"role": "assistant", **message["kwargs"]}}
    return form


_REASON_KEYS = ("finish_reason", "finishReason", "done_reason")


def _message(holder: Mapping[str, Any], message: Any) -> list[dict[str, Any]] | None:
    """Read Ollama's and Cohere's answer: one message beside its metadata."""
    if isinstance(message, dict):
        reason = next((holder[key] for key in _REASON_KEYS if holder.get(key)), None)
        return to_choices(
            {"role": "assistant", **message, "finish_reason": finish_reason_of(reason)}
        )
    return None


def _replies(_holder: Mapping[str, Any], listed: Any) -> list[dict[str, Any]] | None:
    """Read Haystack's replies: messages whose metadata holds the finish reason, or texts."""
    if not isinstance(listed, (list, tuple)):
        return None
    forms = []
    for reply in listed:
        meta = reply.get("meta") if isinstance(reply, dict) else None
        if isinstance(meta, dict):
            rest = {key: value for key, value in reply.items() if key != "meta"}
            forms.append({**rest, "finish_reason": meta.get("finish_reason")})
        else:
            forms.append(reply)
    return to_choices(forms)


def _plain_text(holder: Mapping[str, Any], text: Any) -> list[dict[str, Any]] | None:
    return to_choices({**_answer(holder), "content": text}) if isinstance(text, str) else None


_RESPONSE_FORMS = {
    "choices": _openai_choices,
    "candidates": _candidates,
    "generations": _generations,
    "replies": _replies,
    "output": _output,
    "content": _content_blocks,
    "message": _message,
    "messages": lambda _holder, listed: (
        to_choices(listed) if isinstance(listed, (list, tuple)) else None
    ),
    "output_text": _plain_text,
    "completion": _plain_text,
    "outputText": _plain_text,
    "text": _plain_text,
    "response": _plain_text,
}

_USAGE_KEYS = (
    "usage",
    "usage_metadata",
    "usageMetadata",
    "token_usage",
    "tokenUsage",
    "usageMetaData",
)


def _usage_of(holder: Mapping[str, Any]) -> tuple[dict[str, int], bool]:
    for key in _USAGE_KEYS:
        if key in holder and (found := of_payload(holder[key]))[0]:
            return _with_details(found, holder.get("raw"))
    if "eval_count" in holder:  # Ollama has its counts at the top
        return of_payload({key: holder.get(key) for key in ("prompt_eval_count", "eval_count")})
    return _usage_inside(holder)


def _with_details(found: tuple[dict[str, int], bool], raw: Any) -> tuple[dict[str, int], bool]:
    """Fill gaps in a framework's counts from the model's own response that it keeps as `raw`."""
    own = _usage_of(raw)[0] if isinstance(raw, dict) else {}
    if own and all(own.get(n) == found[0].get(n) for n in (usage.PROMPT, usage.COMPLETION)):
        return own | found[0], found[1]
    return found


def _model_inside(holder: Mapping[str, Any]) -> str | None:
    return next(
        (
            found
            for inner in _usage_holders(holder)
            if isinstance(inner, dict) and (found := text_of(inner, MODEL_KEYS))
        ),
        None,
    )


def _usage_inside(holder: Mapping[str, Any]) -> tuple[dict[str, int], bool]:
    """Look where LangChain (`llm_output`) and Haystack (`replies[].meta`, `meta`) keep counts."""
    for inner in _usage_holders(holder):
        if isinstance(inner, dict):
            found = _usage_of(inner)
            if found[0]:
                return found
    return {}, False


def _usage_holders(holder: Mapping[str, Any]) -> Iterator[Any]:
    yield from (holder.get(key) for key in ("llm_output", "meta", "response_metadata"))
    for key in ("meta", "replies", "generations"):
        listed = holder.get(key)
        while isinstance(listed, (list, tuple)) and len(listed) == 1:
            listed = listed[0]
        if isinstance(listed, dict):
            if listed is not holder.get(key):
                yield listed
            yield listed.get("meta")
            message = listed.get("message")
            if isinstance(message, dict):
                body = message.get("kwargs", message)
                yield body
                yield body.get("response_metadata") if isinstance(body, dict) else None
