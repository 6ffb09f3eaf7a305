"""A model's answers as a list of choices: `{"index", "finish_reason", "message"}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otel_braintrust.translation.decoding import decode, decode_container
from otel_braintrust.translation.message_shapes import ITEM_TYPES, is_message, is_pair
from otel_braintrust.translation.messages import to_messages
from otel_braintrust.translation.plain_messages import plain_choice
from otel_braintrust.translation.roles import finish_reason_of


def to_choices(
    value: Any, finish_reasons: Sequence[Any] | None = None
) -> list[dict[str, Any]] | None:
    """Convert an answer, or several, to a list of choices.

    Args:
        value: messages of the assistant, choices, or a text.
        finish_reasons: reasons by position, for messages that carry none.

    Returns:
        `[{"index", "finish_reason", "message"}]`, or None if the value holds no message.
    """
    if type(value) is not list:
        value = decode(value)
    if type(value) is list and (plainly := list(map(plain_choice, value))) and all(plainly):
        return _numbered(plainly, finish_reasons or ())  # type: ignore[arg-type]  # no None
    listed = value if isinstance(value, (list, tuple)) else [value]
    if len(listed) == 1 and isinstance(listed[0], (list, tuple)) and not is_pair(listed[0]):
        listed = listed[0]
    choices: list[dict[str, Any]] = []
    for item in _grouped(listed):
        found = to_messages(item, "assistant")
        if found is None:
            return None
        reason, index = _reason_and_index(item)
        choices.extend(
            {"index": index, "finish_reason": reason, "message": message} for message in found
        )
    return _numbered(_joined(choices), finish_reasons or ())


def _grouped(listed: Sequence[Any]) -> list[Any]:
    """Keep messages apart, and take items and parts that stand alone as one answer."""
    decoded = [_opened(item) for item in listed]
    has_role = [isinstance(item, dict) and _has_own_role(item) for item in decoded]
    if all(has_role) or len(decoded) == 1:
        return list(decoded)
    groups: list[Any] = []
    loose: list[Any] = []
    for item, own in zip(decoded, has_role, strict=True):
        if own and not loose:
            groups.append(item)
        elif own:
            loose.append(item)
        else:
            loose.append(item)
    return [*groups, {"role": "assistant", "content": loose}] if loose else groups


_COMPLETION = {"text", "index", "finish_reason"}


def _opened(item: Any) -> Any:
    """Open an answer; a choice of the completions API is what the assistant said."""
    opened = decode_container(item)
    if isinstance(opened, dict) and opened.keys() >= _COMPLETION and not is_message(opened):
        kept = {name: opened[name] for name in ("index", "finish_reason")}
        return {"role": "assistant", "content": opened["text"], **kept}
    return opened


def _has_own_role(item: Mapping[str, Any]) -> bool:
    return is_message(item) and item.get("type") not in (ITEM_TYPES - {"message"})


_ONLY_TEXT = {"role", "content"}


def _reason_and_index(item: Any) -> tuple[str | None, Any]:
    if not isinstance(item, dict) or item.keys() == _ONLY_TEXT:
        return None, None
    inner = item.get("message") if isinstance(item.get("message"), dict) else {}
    for holder in (item, inner, item.get("kwargs") or {}):
        if isinstance(holder, dict):
            for key in ("finish_reason", "finishReason", "stop_reason", "stopReason"):
                reason = finish_reason_of(holder.get(key))
                if reason:
                    return reason, item.get("index")
            metadata = holder.get("response_metadata")
            if isinstance(metadata, dict):
                reason = finish_reason_of(
                    metadata.get("finish_reason") or metadata.get("stop_reason")
                )
                if reason:
                    return reason, item.get("index")
    return None, item.get("index")


def _joined(choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join a message that only thinks to the answer after it: one turn, told in two messages."""
    joined: list[dict[str, Any]] = []
    for choice in choices:
        message = choice["message"]
        before = joined[-1]["message"] if joined else None
        if (
            before is not None
            and before["role"] == message["role"] == "assistant"
            and not before.get("tool_calls")
            and _is_only_thinking(before["content"])
            and choice["index"] in (None, joined[-1]["index"])
        ):
            content = message["content"]
            after = content if isinstance(content, list) else _as_parts(content)
            joined[-1] = {**choice, "message": {**message, "content": [*before["content"], *after]}}
        else:
            joined.append(choice)
    return joined


def _is_only_thinking(content: Any) -> bool:
    return isinstance(content, list) and all(
        isinstance(part, dict) and part.get("type") == "thinking" for part in content
    )


def _as_parts(content: Any) -> list[Any]:
    return [] if content is None else [{"type": "text", "text": content}]


def _numbered(
    choices: list[dict[str, Any]], finish_reasons: Sequence[Any]
) -> list[dict[str, Any]] | None:
    for position, choice in enumerate(choices):
        if type(choice["index"]) is not int:
            choice["index"] = position
        if choice["finish_reason"] is None and position < len(finish_reasons):
            choice["finish_reason"] = finish_reason_of(finish_reasons[position])
    return choices or None
