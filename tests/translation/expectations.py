"""What counts as right: a row's value against the truth that a recorded case tells.

The truths are those of the model's endpoint, and a row may say them in any form that Braintrust
shows alike: a message alone or in a choice, text as text or as a part, arguments as JSON text or as
an object, the model's name as it was asked for or as it was served.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# How a JSON text begins that is compared by what it means.
_JSON_STARTS = ("{", "[", '"')

# Parts of a message that carry no text of their own.
_PARTS_WITHOUT_TEXT = frozenset(
    [
        "image_url",
        "image",
        "file",
        "input_image",
        "input_file",
        "input_audio",
        "audio",
        "video",
        "document",
        "braintrust_attachment",
        "external_attachment",
        "inline_attachment",
        "reasoning",
        "thinking",
        "redacted_thinking",
        "tool_use",
        "tool_call",
        "server_tool_call",
        "blob",
        "uri",
    ]
)

# Parts that are no media.
_TEXTUAL_PARTS = frozenset(["text", "input_text", "output_text", "reasoning", "thinking", None])

# Names of one provider.
_PROVIDERS = (
    frozenset(
        [
            "google",
            "gemini",
            "gcp.gemini",
            "gcp.gen_ai",
            "google_genai",
            "google.generative-ai",
            "vertex",
            "vertexai",
            "vertex_ai",
            "gcp.vertex_ai",
        ]
    ),
    frozenset(["aws", "bedrock", "aws.bedrock", "amazon-bedrock", "amazon_bedrock", "amazon"]),
    frozenset(
        [
            "azure",
            "azure.ai.openai",
            "az.ai.openai",
            "azure_openai",
            "azure.ai.inference",
            "az.ai.inference",
        ]
    ),
    frozenset(["mistral", "mistralai", "mistral_ai"]),
    frozenset(["together", "together_ai", "togetherai"]),
    frozenset(["xai", "x_ai", "grok"]),
    frozenset(["fakeprov", "fakeprov.chat"]),
)

# OpenTelemetry's names of entries that a case calls by their plain name.
_OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "session_id": (
        "session.id",
        "sessionId",
        "gen_ai.conversation.id",
        "conversation_id",
        "thread_id",
    ),
    "user_id": ("user.id", "userId", "enduser.id"),
    "userId": ("user_id", "user.id"),
    "sessionId": ("session_id", "session.id"),
    "functionId": ("function_id", "ai.telemetry.functionId"),
    "prompt_template": ("llm.prompt_template.template",),
    "prompt_template_version": ("llm.prompt_template.version",),
    "prompt_template_variables": ("llm.prompt_template.variables",),
}

# Where a tool's definition has its parameters.
_SCHEMAS = ("parameters", "input_schema", "inputSchema", "parameters_json_schema")

_RELATIVE_TOLERANCE = 1e-6

Row = Mapping[str, Any]


def opened(value: Any) -> Any:
    """Return what a JSON text means; anything else as it is."""
    if isinstance(value, str) and value.strip().startswith(_JSON_STARTS):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def text_of(content: Any) -> str:
    """Return the text of a message's content; media have none."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(map(text_of, content))
    if not isinstance(content, Mapping):
        return str(content)
    for key in ("text", "content"):
        if isinstance(content.get(key), (str, list)):
            return text_of(content[key])
    if content.get("type") in _PARTS_WITHOUT_TEXT:
        return ""
    return json.dumps(content, ensure_ascii=False)


@dataclass
class Message:
    """What is compared of a message."""

    role: Any = None
    text: str = ""
    calls: list[tuple[Any, Any, str]] = field(default_factory=list)
    call_id: Any = None
    media: int = 0


def message_of(value: Any) -> Message:
    """Read a message, or the message of a choice."""
    if isinstance(value, Mapping) and isinstance(value.get("message"), Mapping):
        value = value["message"]
    if not isinstance(value, Mapping):
        return Message(text=text_of(value).strip())
    content = value.get("content")
    parts = content if isinstance(content, list) else []
    listed = opened(value.get("tool_calls")) or []
    return Message(
        role=value.get("role"),
        text=text_of(content).strip(),
        calls=[_call(call) for call in (listed if isinstance(listed, list) else [listed])],
        call_id=value.get("tool_call_id"),
        media=sum(isinstance(p, Mapping) and p.get("type") not in _TEXTUAL_PARTS for p in parts),
    )


def _call(call: Any) -> tuple[Any, Any, str]:
    if not isinstance(call, Mapping):
        return None, None, json.dumps(call)
    function = call.get("function", call)
    function = function if isinstance(function, Mapping) else call
    arguments = json.dumps(opened(function.get("arguments")), sort_keys=True)
    return call.get("id"), function.get("name"), arguments


def _is_conversation(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(message, Mapping) and "role" in message for message in value)
    )


def _is_same_text(want: str, got: str) -> bool:
    if want.strip() == got.strip():
        return True
    meaning = opened(want)
    return meaning is not want and meaning == opened(got)


def is_same_conversation(want: list[Any], got: Any) -> bool:
    """Tell whether a value holds these messages, in this order and no others."""
    got = opened(got)
    if isinstance(got, Mapping):
        got = got.get("messages") or got.get("choices") or [got]
    if isinstance(got, str):
        got = [{"role": want[0]["role"], "content": got}] if len(want) == 1 else None
    if not isinstance(got, list) or len(got) != len(want):
        return False
    return all(map(_is_same_message, map(message_of, want), map(message_of, got)))


def _is_same_message(want: Message, got: Message) -> bool:
    return (
        (want.role == got.role or {want.role, got.role} == {"system", "developer"})
        and _is_same_text(want.text, got.text)
        and len(want.calls) == len(got.calls)
        and all(map(_is_same_call, want.calls, got.calls))
        and want.media <= got.media
        and not (want.role == "tool" and want.call_id and got.call_id != want.call_id)
    )


def _is_same_call(want: tuple[Any, Any, str], got: tuple[Any, Any, str]) -> bool:
    return want[1:] == got[1:] and not (want[0] and got[0] and want[0] != got[0])


def _definition(tool: Any) -> Any:
    tool = opened(tool)
    if not isinstance(tool, Mapping):
        return tool
    nested = tool.get("function")
    flat = {**tool, **(nested if isinstance(nested, Mapping) else {})}
    return {
        "name": flat.get("name"),
        "description": flat.get("description"),
        "parameters": opened(next((flat[key] for key in _SCHEMAS if flat.get(key)), None)),
    }


def is_same_tools(want: Any, got: Any) -> bool:
    """Tell whether two lists define the same tools, nested under `function` or flat."""
    want, got = opened(want), opened(got)
    if not want and not got:
        return True
    if not isinstance(want, list) or not isinstance(got, list) or len(got) != len(want):
        return False
    return all(map(_is_same_tool, map(_definition, want), map(_definition, got)))


def _is_same_tool(want: Any, got: Any) -> bool:
    if not isinstance(want, Mapping) or not isinstance(got, Mapping):
        return bool(want == got)
    if want["name"] != got["name"]:
        return False
    said, heard = want["description"], got["description"]
    if said and heard and said.strip() != heard.strip():
        return False
    schema = want["parameters"]
    return not schema or (
        isinstance(got["parameters"], Mapping)
        and _properties(schema) == _properties(got["parameters"])
    )


def _properties(schema: Any) -> set[str]:
    return set((schema.get("properties") or {}) if isinstance(schema, Mapping) else ())


def is_same_model(want: Any, got: Any) -> bool:
    """Tell whether two names mean one model: the name asked for, and the dated one served."""
    if not isinstance(want, str) or not isinstance(got, str):
        return bool(want == got)
    asked, served = (
        name.lower().rpartition("/")[2].removeprefix("models/") for name in (want, got)
    )
    return asked == served or asked.startswith(f"{served}-") or served.startswith(f"{asked}-")


def is_same_provider(want: Any, got: Any) -> bool:
    """Tell whether two names mean one provider."""
    if not isinstance(want, str) or not isinstance(got, str):
        return bool(want == got)
    names = {want.lower(), got.lower()}
    return len(names) == 1 or any(names <= provider for provider in _PROVIDERS)


def is_same(want: Any, got: Any) -> bool:
    """Tell whether a value says what it should: all of an expected object, in any encoding."""
    if _is_conversation(want):
        return is_same_conversation(want, got)
    if isinstance(want, str) and _says(want, got):
        return True
    want, got = opened(want), opened(got)
    if want == [] and got is None:
        return True
    if isinstance(want, bool) or isinstance(got, bool):
        return bool(want == got)
    if isinstance(want, Mapping) and isinstance(got, Mapping):
        return all(key in got and is_same(inner, got[key]) for key, inner in want.items())
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(map(is_same, want, got))
    if isinstance(want, str) and isinstance(got, Mapping):
        return text_of(got) == want
    if isinstance(want, (int, float)) and isinstance(got, (int, float)):
        return abs(want - got) <= _RELATIVE_TOLERANCE * max(1, abs(want))
    if isinstance(want, (int, float, str)) and isinstance(got, (int, float, str)):
        return str(want) == str(got)
    return bool(want == got)


def _says(want: str, got: Any) -> bool:
    """Tell whether a text stands there alone, or as the one message that is there."""
    if isinstance(opened(want), (dict, list)):
        return False
    if isinstance(got, str) and want.strip() == got.strip():
        return True
    one = opened(got)
    one = one[0] if isinstance(one, list) and len(one) == 1 else one
    is_message = isinstance(one, Mapping) and not {"role", "message", "content"}.isdisjoint(one)
    return is_message and message_of(one).text == want.strip()


def metadata_of(row: Row, name: str) -> Any:
    """Return a metadata entry by its plain name, OpenTelemetry's name, or its path."""
    metadata = row.get("metadata") or {}
    if name in metadata:
        return metadata[name]
    if name == "tags" and row.get("tags"):
        return row["tags"]
    for other in _OTHER_NAMES.get(name, ()):
        if other in metadata:
            return metadata[other]
    found: Any = metadata
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def _says_error(want: str | None, got: Any) -> bool:
    if want is None or not got:
        return want is None and not got
    return want.lower() in json.dumps(got, ensure_ascii=False).lower()


_ALIKE: dict[str, Callable[[Any, Any], bool]] = {
    "model": is_same_model,
    "provider": is_same_provider,
    "tools": is_same_tools,
}


@dataclass(frozen=True)
class Check:
    """One truth about a span, and whether the row tells it."""

    field: str
    is_right: bool
    want: Any = None
    got: Any = None


def checks(expected: Mapping[str, Any], row: Row) -> Iterator[Check]:
    """Compare a row with every truth that a case tells of its span.

    Args:
        expected: the span's entry in `expect.json`.
        row: the span's row; empty if there is none.
    """
    others = expected.get("alternatives", {})

    def check(name: str, want: Any, got: Any, alike: Callable[[Any, Any], bool]) -> Check:
        answers = [want, *others.get(name, ())]
        return Check(name, any(alike(answer, got) for answer in answers), want, got)

    if "type" in expected:
        got = (row.get("span_attributes") or {}).get("type")
        yield check("type", expected["type"], got, lambda want, got: bool(want == got))
    for side in ("input", "output"):
        if expected.get(side) is not None:
            yield check(
                side, expected[side], row.get(side), lambda w, g: bool(row) and is_same(w, g)
            )
    for name, want in (expected.get("metadata") or {}).items():
        alike = _ALIKE.get(name, is_same)
        yield check(f"metadata.{name}", want, metadata_of(row, name), alike)
    for name, want in (expected.get("metrics") or {}).items():
        yield check(f"metrics.{name}", want, (row.get("metrics") or {}).get(name), is_same)
    if "error" in expected:
        is_right = bool(row) and _says_error(expected["error"], row.get("error"))
        yield Check("error", is_right, expected["error"], row.get("error"))
    if expected.get("tags"):
        got = row.get("tags") or (row.get("metadata") or {}).get("tags") or []
        is_right = sorted(map(str, got)) == sorted(map(str, expected["tags"]))
        yield Check("tags", is_right, expected["tags"], got)
