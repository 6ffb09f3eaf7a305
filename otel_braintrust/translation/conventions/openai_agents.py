"""OpenAI Agents as OpenTelemetry contrib records it: tool calls as Python writes them.

Source: opentelemetry-instrumentation-openai-agents-v2 0.1, `span_processor.py`.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from otel_braintrust.translation.conventions import marks
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import as_list, read_literal
from otel_braintrust.translation.reading import Reading

_PACKAGE = "opentelemetry.instrumentation.openai_agents"
_CALL = re.compile(r"^ResponseFunctionToolCall\(.*\)$", re.DOTALL)


@marks.of_scope(_PACKAGE)
@marks.gathering("gen_ai.output.messages", always=True)
def _open_answers(reading: Reading) -> None:
    if not reading.span.scope_name.startswith(_PACKAGE):
        return
    for candidate in reading.outputs:
        value = candidate.value
        if candidate.form == "messages" and isinstance(value, str) and _is_written_out(value):
            listed = as_list(value)
            if listed is not None:
                candidate.value = [_opened(message) for message in listed]


def _is_written_out(text: str) -> bool:
    return "ResponseFunctionToolCall(" in text or "{'content': " in text


def _opened(message: Any) -> Any:
    """Return the message that stands in the only text of another, if one does."""
    parts = message.get("parts") if isinstance(message, dict) else None
    if not isinstance(parts, list) or len(parts) != 1 or not isinstance(parts[0], dict):
        return message
    text = parts[0].get("content")
    if not isinstance(text, str):
        return message
    inner = read_literal(text)
    if isinstance(inner, dict) and isinstance(inner.get("role"), str):
        return {name: held for name, held in inner.items() if held is not None}
    call = _call_of(text)
    return message if call is None else {"role": "assistant", "tool_calls": [call]}


def _call_of(text: str) -> dict[str, Any] | None:
    if _CALL.match(text) is None:
        return None
    try:
        written = ast.parse(text, mode="eval").body
        fields = {
            keyword.arg: ast.literal_eval(keyword.value)
            for keyword in getattr(written, "keywords", ())
            if keyword.arg in ("arguments", "call_id", "name")
        }
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    if not isinstance(fields.get("name"), str):
        return None
    function = {"name": fields["name"], "arguments": fields.get("arguments")}
    return {"id": fields.get("call_id"), "function": function}


CONVENTION = Convention(name="openai_agents", finish=(_open_answers,))
