"""One source message on its way to the chat messages that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation import parts
from otel_braintrust.translation.decoding import decode_container
from otel_braintrust.translation.gathered import Gathered, ToolResult

Message = dict[str, Any]

# Keys of a message that the converter turns into other keys; all the rest is carried over.
_READ_KEYS = frozenset(
    [
        "role",
        "type",
        "images",
        "parts",
        "content",
        "contents",
        "blocks",
        "tool_calls",
        "toolCalls",
        "tool_call_id",
        "toolCallId",
        "finish_reason",
        "finishReason",
        "stop_reason",
        "function_call",
        "refusal",
        "additional_kwargs",
        "message",
        "lc",
        "id",
        "kwargs",
        "data",
    ]
)

# Where calls, or a refusal, may stand beside a message's content.
_CALLS = frozenset({"additional_kwargs", "function_call", "refusal", "toolCalls", "tool_calls"})


def item_messages(item: Mapping[str, Any]) -> list[Message]:
    """Convert an item of the Responses API, or a part, that stands where a message does."""
    gathered = Gathered()
    parts.gather(item, gathered)
    if gathered.results:
        return [_result_message(result) for result in gathered.results]
    message: Message = {"role": "assistant", "content": parts.collapse(gathered.content)}
    if gathered.tool_calls:
        message["tool_calls"] = gathered.tool_calls
    return [message]


def _result_message(result: ToolResult) -> Message:
    message: Message = {"role": "tool", "content": result.content}
    if result.call_id:
        message["tool_call_id"] = result.call_id
    if result.name:
        message["name"] = result.name
    return message


class MessageBuilder:
    """One source message on its way to one or more chat messages."""

    def __init__(self, role: str, body: Mapping[str, Any]) -> None:
        self.role = role
        self.body = body
        self.gathered = Gathered()
        self.done: list[Message] = []

    def add(self, part: Any) -> None:
        parts.gather(part, self.gathered)
        if self.gathered.results:
            results, self.gathered.results = self.gathered.results, []
            self._close()
            self.gathered = Gathered()
            self.done.extend(_result_message(result) for result in results)

    def add_calls(self, body: Mapping[str, Any]) -> None:
        """Add the calls that stand beside the content, unless the content had them already."""
        if _CALLS.isdisjoint(body):
            return
        extra = body.get("additional_kwargs")
        sources = [body.get("tool_calls"), body.get("toolCalls")]
        if isinstance(extra, dict):
            sources.append(extra.get("tool_calls"))
        listed = next(
            (decoded for source in sources if (decoded := decode_container(source))), None
        )
        if listed is not None and not self.gathered.tool_calls:
            parts.read_tool_calls(listed, self.gathered)
        elif not self.gathered.tool_calls and isinstance(body.get("function_call"), dict):
            parts.read_tool_calls([body["function_call"]], self.gathered)
        if isinstance(body.get("refusal"), str) and body["refusal"]:
            self.gathered.refusal = body["refusal"]

    def tool_message(self, content: Any) -> Message:
        call_id = next(
            (
                self.body[key]
                for key in ("tool_call_id", "toolCallId", "id")
                if isinstance(self.body.get(key), str)
            ),
            None,
        )
        message: Message = {"role": "tool", "content": parts.tool_result_content(content)}
        if call_id:
            message["tool_call_id"] = call_id
        return {**message, **self._extras(("id",))}

    def messages(self) -> list[Message]:
        if (
            self.gathered.content
            or self.gathered.tool_calls
            or self.gathered.refusal
            or not self.done
        ):
            self._close(keep_empty=not self.done)
        return self.done

    def _close(self, *, keep_empty: bool = False) -> None:
        gathered = self.gathered
        if not (keep_empty or gathered.content or gathered.tool_calls or gathered.refusal):
            return
        content = parts.collapse(gathered.content)
        if content is None and self.body.get("content") == "" and not gathered.tool_calls:
            content = ""
        message: Message = {"role": self.role, "content": content}
        if gathered.tool_calls:
            message["tool_calls"] = gathered.tool_calls
        if gathered.refusal:
            message["refusal"] = gathered.refusal
        self.done.append(message if _READ_KEYS.issuperset(self.body) else message | self._extras())

    def _extras(self, also_read: tuple[str, ...] = ()) -> dict[str, Any]:
        return {
            key: value
            for key, value in self.body.items()
            if key not in _READ_KEYS and key not in also_read and value not in (None, [], {})
        }
