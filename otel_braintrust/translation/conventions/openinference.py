"""OpenInference (Arize): `openinference.span.kind`, `llm.*`, `input.value`, and their kin.

Source: openinference-semantic-conventions 0.1.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.genai_events import add_evaluation
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.conventions.slots import Texts
from otel_braintrust.translation.decoding import decode, decode_container
from otel_braintrust.translation.reading import (
    DOMAIN_FORM,
    FIRST_CHOICE,
    PLAIN_VALUE,
    TOOL_FORM,
    Candidate,
    Reading,
)
from otel_braintrust.translation.tools import to_tools
from otel_braintrust.translation.usage import (
    CACHED,
    COMPLETION,
    COMPLETION_AUDIO,
    CREATED,
    PROMPT,
    PROMPT_AUDIO,
    REASONING,
    TOTAL,
)

KINDS: dict[str, str | None] = {
    "llm": "llm",
    "embedding": "llm",
    "reranker": "llm",
    "retriever": "function",
    "tool": "tool",
    "chain": "task",
    "agent": "task",
    "decision": "task",
    "prompt": "function",
    "guardrail": "function",
    "evaluator": "score",
}
_PLAIN = frozenset({"task", "tool", "function", "score", "eval"})
_LLM = frozenset({"llm"})
_SPEAKING = frozenset({"llm", "task"})
_FUNCTION = frozenset({"function", "llm"})


def _evaluator(reading: Reading, _key: str, value: Any) -> bool:
    if isinstance(value, str) and value.lower() == "evaluator":
        reading.purpose = reading.purpose or "scorer"
    return rules.kind(KINDS, 30)(reading, _key, value)


def _content_part(fields: Mapping[str, Any]) -> Any:
    """Read `message_content.*` of one numbered part."""
    part = {
        name.removeprefix("message_content."): value
        for name, value in fields.items()
        if name.startswith("message_content.") and value is not None
    }
    kind = part.get("type")
    image = decode_container(part.get("image.image.url"))
    if image is not None:
        url = image.get("url") if isinstance(image, dict) else image
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": None}}
    if kind == "audio" or "audio.audio.url" in part:
        return {
            "type": "audio",
            "url": part.get("audio.audio.url"),
            "mime_type": part.get("audio.audio.mime_type"),
            "transcript": part.get("audio.audio.transcript"),
        }
    if kind == "video" or "video.video.url" in part:
        return {"type": "video", "url": part.get("video.video.url")}
    if kind == "tool_use" and (calls := _tool_calls({**fields, **part})):
        return {"type": "tool_use", "function": calls[0].get("function"), "id": calls[0].get("id")}
    if "text" in part and kind in (None, "text"):
        return {"type": "text", "text": part["text"]}
    if kind is None:
        return {"type": "text", "text": "".join(str(value) for value in part.values())}
    return part


def _tool_calls(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Gather `tool_calls.K.tool_call.*` (or one bare `tool_call.*`) from a member's fields."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in fields.items():
        place = _place_in_call(name)
        if place is None or value is None:
            continue
        index, holder, rest = place
        call = found.setdefault(index, {})
        if holder:
            call.setdefault(holder, {})[rest] = value
        else:
            call[rest] = value
    return [found[index] for index in sorted(found)]


@functools.lru_cache(maxsize=8_192)
def _place_in_call(name: str) -> tuple[int, str, str] | None:
    """The number of a tool call, the object in it and the field of that; None if it is none."""
    prefix, mark, rest = name.partition("tool_call.")
    if not mark:
        return None
    digits = "".join(character for character in prefix if character.isdigit())
    holder = "function" if rest.startswith("function.") else ""
    return int(digits) if digits else 0, holder, rest.removeprefix("function.")


def _split_numbered(fields: Mapping[str, Any], prefix: str) -> list[tuple[int, dict[str, Any]]]:
    found: dict[int, dict[str, Any]] = {}
    for name, value in fields.items():
        if name.startswith(prefix):
            index, _, rest = name.removeprefix(prefix).partition(".")
            if index.isdigit():
                found.setdefault(int(index), {})[rest] = value
    return sorted(found.items())


@functools.lru_cache(maxsize=8_192)
def _place_in_message(name: str) -> tuple[str, str] | None:
    """The family within a message, and the field, that an attribute is; None if it is none."""
    prefix, mark, bare = name.partition("message.")
    if prefix or not mark:
        return None
    head, mark, _ = bare.partition(".")
    return head if mark and head in _FAMILIES else "", bare


_FAMILIES = frozenset({"contents", "tool_calls"})
_ONLY_TEXT = {"message.role", "message.content"}


def message(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Put one `llm.input_messages.N.message.*` together."""
    if fields.keys() == _ONLY_TEXT:
        return {"role": fields["message.role"], "content": fields["message.content"]}
    own: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    calls: dict[str, Any] = {}
    families = {"": own, "contents": parts, "tool_calls": calls}
    for name, value in fields.items():
        place = _place_in_message(name)
        if place is not None and value is not None:
            families[place[0]][place[1]] = value
    built: dict[str, Any] = {"role": own.pop("role", None)}
    content = own.pop("content", None)
    numbered = _split_numbered(parts, "contents.") if parts else ()
    listed = [_content_part(part) for _, part in numbered]
    if not listed:
        built["content"] = content
    elif isinstance(content, str) and content and not _says(listed, content):
        built["content"] = [*listed, {"type": "text", "text": content}]
    else:
        built["content"] = listed
    name = own.pop("function_call_name", None)
    arguments = own.pop("function_call_arguments_json", None)
    if calls and (made := _tool_calls(calls)):
        built["tool_calls"] = made
    elif name:
        built["function_call"] = {"name": name, "arguments": arguments}
    return built | own


def _says(parts: list[Any], text: str) -> bool:
    said = [part.get("text") for part in parts if isinstance(part, dict)]
    return text in said or "".join(str(piece) for piece in said if piece) == text


def _build_messages(family: str, side: str) -> rules.Step:
    def step(reading: Reading) -> None:
        members, raw = reading.take(family)
        if not members:
            return
        listed = [message(fields) for fields in members]
        reading.offer(
            side,
            Candidate(FIRST_CHOICE, "messages", listed, raw, _SPEAKING, order=3),
        )

    slot = Texts(family, side, "message.role", "message.content")
    return marks.gathering(f"{family}.", slot=slot)(step)


@marks.gathering("llm.prompts.", "llm.choices.")
def _build_prompts(reading: Reading) -> None:
    for family, side, role, name in (
        ("llm.prompts", "input", "user", "prompt.text"),
        ("llm.choices", "output", "assistant", "completion.text"),
    ):
        members, raw = reading.take(family)
        if members:
            texts = [{"role": role, "content": fields.get(name)} for fields in members]
            reading.offer(side, Candidate(FIRST_CHOICE, "messages", texts, raw, _LLM, order=4))


@marks.settling()
def _build_tools(reading: Reading) -> None:
    members, raw = reading.take("llm.tools")
    if not members:
        return
    listed = []
    for fields in members:
        definition = {name.removeprefix("tool."): value for name, value in fields.items()}
        schema = decode(definition.get("json_schema"))
        listed.append(schema if isinstance(schema, dict) and len(definition) == 1 else definition)
    found = to_tools(listed)
    if found is None:
        reading.restore(raw)
    else:
        reading.suggest("tools", 30, "llm.tools", found, raw)


def _documents(reading: Reading, family: str) -> tuple[list[Any], dict[str, Any]]:
    members, raw = reading.take(family)
    listed = [
        {
            name.removeprefix("document."): decode_container(value)
            for name, value in fields.items()
            if value is not None
        }
        for fields in members
    ]
    return listed, raw


@marks.gathering(
    "retrieval.documents.",
    "reranker.output_documents.",
    "reranker.input_documents.",
    "reranker.query",
)
def _build_documents(reading: Reading) -> None:
    for family in ("retrieval.documents", "reranker.output_documents"):
        found, raw = _documents(reading, family)
        if found:
            reading.offer(
                "output", Candidate(DOMAIN_FORM, "as_is", found, raw, _FUNCTION, order=-1)
            )
    asked, raw = _documents(reading, "reranker.input_documents")
    if asked or "reranker.query" in reading.leftovers:
        query = reading.leftovers.pop("reranker.query", None)
        value = {"query": query, "documents": asked}
        if query is not None:
            raw["reranker.query"] = query
        reading.offer("input", Candidate(DOMAIN_FORM, "as_is", value, raw, _FUNCTION, order=-1))


@marks.gathering("embedding.embeddings.")
def _build_embeddings(reading: Reading) -> None:
    members, raw = reading.take("embedding.embeddings")
    raw_texts = {key: value for key, value in raw.items() if not key.endswith(".vector")}
    raw_vectors = {key: value for key, value in raw.items() if key.endswith(".vector")}
    texts, lengths = [], []
    for fields in members:
        text = fields.get("embedding.text")
        vector = decode_container(fields.get("embedding.vector"))
        if text is not None:
            texts.append(text)
        if isinstance(vector, (list, tuple)):
            lengths.append(len(vector))
    if texts:
        value = texts[0] if len(texts) == 1 and len(members) == 1 else texts
        reading.offer("input", Candidate(DOMAIN_FORM, "as_is", value, raw_texts, _LLM))
    if lengths:
        summary = {"embedding_count": len(lengths), "embedding_length": lengths[0]}
        reading.offer("output", Candidate(DOMAIN_FORM, "summary", summary, raw_vectors, _LLM))


def _build_evaluations(family: str, prefix: str) -> rules.Step:
    def step(reading: Reading) -> None:
        members, raw = reading.take(family)
        for fields in members:
            own = {name.removeprefix(prefix): decode_container(v) for name, v in fields.items()}
            name = own.pop("name", None)
            if isinstance(name, str):
                add_evaluation(reading, name, own.pop("score", None), own)
            else:  # which of the attributes were this member's does not matter to a reader
                reading.restore(raw)

    return marks.gathering(f"{family}.")(step)


@marks.varying
def _function_call(reading: Reading, key: str, value: Any) -> bool:
    call = decode(value)
    if isinstance(call, dict) and call.get("name"):
        answer = [{"role": "assistant", "function_call": call}]
        reading.offer("output", Candidate(PLAIN_VALUE, "messages", answer, {key: value}, order=9))
        return True
    return False


def _finish_reason(reading: Reading, _key: str, value: Any) -> bool:
    if isinstance(value, str) and not reading.finish_reasons:
        reading.finish_reasons = [value]
    return False


@marks.gathering("llm.cost.prompt", "llm.cost.completion")
def _total_cost(reading: Reading) -> None:
    """Add prompt and completion cost where no total was given."""
    costs = {key: value for _, key, value in reading.costs}
    prompt, completion = costs.get("llm.cost.prompt"), costs.get("llm.cost.completion")
    reading.costs = [
        c for c in reading.costs if c[1] not in ("llm.cost.prompt", "llm.cost.completion")
    ]
    if isinstance(prompt, (int, float)) and isinstance(completion, (int, float)):
        reading.costs.append((45, "llm.cost.prompt+completion", prompt + completion))


@marks.varying
def _partial_cost(reading: Reading, key: str, value: Any) -> bool:
    reading.costs.append((99, key, value))
    return False


CONVENTION = Convention(
    name="openinference",
    keys={
        "openinference.span.kind": _evaluator,
        "input.value": rules.content("input", PLAIN_VALUE, "framework", homes=_PLAIN),
        "output.value": rules.content("output", PLAIN_VALUE, "framework", homes=_PLAIN),
        "llm.model_name": rules.named("response_model", 20),
        "llm.request.model_name": rules.named("request_model", 30),
        "llm.response.model_name": rules.named("response_model", 12),
        "embedding.model_name": rules.named("response_model", 30),
        "reranker.model_name": rules.named("response_model", 30),
        "reranker.top_k": rules.setting("top_k", 40),
        "llm.provider": rules.named("provider", 10),
        "llm.system": rules.named("provider", 70),
        "llm.invocation_parameters": rules.settings(60, rest_as="invocation_parameters"),
        "embedding.invocation_parameters": rules.settings(60, rest_as="invocation_parameters"),
        "llm.function_call": _function_call,
        "llm.finish_reason": _finish_reason,
        "llm.token_count.prompt": rules.count("llm", PROMPT),
        "llm.token_count.completion": rules.count("llm", COMPLETION),
        "llm.token_count.total": rules.count("llm", TOTAL),
        "llm.token_count.prompt_details.cache_read": rules.count("llm", CACHED),
        "llm.token_count.prompt_details.cache_input": rules.count("llm", CACHED),
        "llm.token_count.prompt_details.cache_write": rules.count("llm", CREATED),
        "llm.token_count.prompt_details.audio": rules.count("llm", PROMPT_AUDIO),
        "llm.token_count.completion_details.reasoning": rules.count("llm", REASONING),
        "llm.token_count.completion_details.audio": rules.count("llm", COMPLETION_AUDIO),
        "llm.cost.total": rules.cost(40),
        "llm.cost.prompt": _partial_cost,
        "llm.cost.completion": _partial_cost,
        "llm.prompts": rules.content("input", FIRST_CHOICE, "prompts", homes=_LLM, order=4),
        "tool.parameters": rules.content(
            "input", TOOL_FORM + 5, homes=frozenset({"tool"}), order=8
        ),
        "tag.tags": rules.tags(","),
        "metadata": rules.spread(),
    },
    prefixes={
        "llm.input_messages.": rules.numbered("llm.input_messages"),
        "llm.output_messages.": rules.numbered("llm.output_messages"),
        "llm.prompts.": rules.numbered("llm.prompts"),
        "llm.choices.": rules.numbered("llm.choices"),
        "llm.tools.": rules.numbered("llm.tools", varies=False),
        "retrieval.documents.": rules.numbered("retrieval.documents"),
        "reranker.input_documents.": rules.numbered("reranker.input_documents"),
        "reranker.output_documents.": rules.numbered("reranker.output_documents"),
        "embedding.embeddings.": rules.numbered("embedding.embeddings"),
        "evaluations.": rules.numbered("evaluations"),
        "annotations.": rules.numbered("annotations"),
    },
    finish=(
        _build_messages("llm.input_messages", "input"),
        _build_messages("llm.output_messages", "output"),
        _build_prompts,
        _build_tools,
        _build_documents,
        _build_embeddings,
        _build_evaluations("evaluations", "evaluation."),
        _build_evaluations("annotations", "annotation."),
        _total_cost,
    ),
)
