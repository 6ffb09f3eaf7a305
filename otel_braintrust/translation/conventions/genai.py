"""OpenTelemetry GenAI semantic conventions, current and older attributes.

Source: semantic-conventions-genai (and semantic-conventions v1.27 to v1.41), `gen_ai.*`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_braintrust.translation.conventions import marks, rules
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.conventions.slots import System
from otel_braintrust.translation.decoding import as_list, as_mapping, decode, read_literal
from otel_braintrust.translation.reading import (
    DOMAIN_FORM,
    DUMP,
    FIRST_CHOICE,
    OLD_CONTENT,
    TOOL_FORM,
    Candidate,
    Reading,
)
from otel_braintrust.translation.usage import (
    CACHED,
    COMPLETION,
    COMPLETION_AUDIO,
    COMPLETION_IMAGE,
    CREATED,
    PROMPT,
    PROMPT_AUDIO,
    REASONING,
    TOTAL,
)

LLM, TASK, TOOL, FUNCTION = "llm", "task", "tool", "function"

OPERATIONS: Mapping[str, str | None] = (
    dict.fromkeys(
        [
            "chat",
            "generate_content",
            "text_completion",
            "completion",
            "generate",
            "response",
            "llm_call",
            "llm_request",
            "messages",
            "responses",
            "image",
            "image_generation",
            "audio",
            "speech",
            "transcription",
            "fetch_response",
            "embeddings",
            "embedding",
            "embed",
            "llm_response",
            "rerank",
            "chat.completions",
            "text.completions",
        ],
        LLM,
    )
    | dict.fromkeys(["execute_tool", "tool_call", "llm_tool_call", "llm_tool_result"], TOOL)
    | dict.fromkeys(
        [
            "invoke_agent",
            "create_agent",
            "invoke_workflow",
            "plan",
            "agent_step",
            "execute_task",
            "execute_event_loop_cycle",
            "agent_call",
            "user_prompt",
            "handoff",
            "schedule_tool_calls",
            "agent",
            "workflow",
            "chain",
            "task",
            "graph",
            "workflow.run",
            "workflow.build",
            "executor.process",
            "edge_group.process",
        ],
        TASK,
    )
    | dict.fromkeys(
        [
            "retrieval",
            "vector_db_retrieve",
            "vectordb",
            "guardrail",
            "system_prompt",
            "create_memory",
            "update_memory",
            "upsert_memory",
            "delete_memory",
            "search_memory",
            "create_memory_store",
            "delete_memory_store",
            "message.send",
            "tts",
            "stt",
            "llm_setup",
        ],
        FUNCTION,
    )
)

_TOOL = frozenset({TOOL})
_RETRIEVAL = frozenset({FUNCTION})
_ANY = frozenset({LLM, TASK, TOOL, FUNCTION, "score", "eval"})
_LLM_TASK = frozenset({LLM, TASK})


def _system_instructions(reading: Reading, key: str, value: Any) -> bool:
    reading.system = Candidate(FIRST_CHOICE, "system", value, {key: value})
    return True


def _finish_reasons(reading: Reading, _key: str, value: Any) -> bool:
    listed = as_list(value)
    if listed is None and isinstance(value, str):
        listed = [part.strip() for part in value.split(",")]
    reading.finish_reasons = [
        r for r in listed or () if isinstance(r, str)
    ] or reading.finish_reasons
    return False


def _token_details(names: dict[str, str]) -> rules.Rule:
    """Read LangSmith's details: JSON text of sub-counts beside the totals."""

    def read(reading: Reading, key: str, value: Any) -> bool:
        holder = as_mapping(read_literal(value) if isinstance(value, str) else value)
        if holder is None:
            return False
        for name, canonical in names.items():
            if name in holder:
                reading.count("gen_ai", canonical, key, holder[name])
        return False

    return marks.varying(read)


def _response_format(reading: Reading, key: str, value: Any) -> bool:
    decoded = decode(value)
    form = decoded if isinstance(decoded, dict) else {"type": decoded}
    reading.suggest("response_format", 50, key, form, value)
    return True


def _output_schema(reading: Reading, key: str, value: Any) -> bool:
    schema = decode(value)
    if isinstance(schema, dict):
        form = {"type": "json_schema", "json_schema": {"schema": schema}}
        reading.suggest("response_format", 50, key, form, value)
        return True
    return False


def _prompt_variable(reading: Reading, _key: str, rest: str, value: Any) -> bool:
    reading.own.setdefault("prompt", {}).setdefault("variables", {})[rest] = value
    return True


def _prompt(name: str) -> rules.Rule:
    def read(reading: Reading, _key: str, value: Any) -> bool:
        reading.own.setdefault("prompt", {})[name] = value
        return True

    return read


def _agent_name(reading: Reading, key: str, value: Any) -> bool:
    """Name the agent on its own spans; on others the attribute is inherited and stays as it is."""
    if reading.span.attributes.get("gen_ai.operation.name") in ("invoke_agent", "create_agent"):
        reading.suggest("agent_name", 50, key, value)
    return False


_STRING_PARAMETERS = [
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "stream",
    "encoding_formats",
    "parallel_tool_calls",
    "max_tool_calls",
    "user",
    "reasoning_effort",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "service_tier",
]

CONVENTION = Convention(
    name="genai",
    keys={
        "gen_ai.operation.name": rules.kind(OPERATIONS, 60),
        "gen_ai.provider.name": rules.named("provider", 20),
        "gen_ai.system": rules.named("provider", 30),
        "gen_ai.request.model": rules.named("request_model", 20),
        "gen_ai.request_model": rules.named("request_model", 25),
        "gen_ai.response.model": rules.named("response_model", 10),
        "gen_ai.response_model": rules.named("response_model", 15),
        "gen_ai.response.id": rules.named("response_id", keep=False),
        "gen_ai.response.status": rules.named("response_status"),
        "gen_ai.input.messages": rules.content(
            "input", FIRST_CHOICE, "messages", homes=_LLM_TASK, order=2
        ),
        "gen_ai.output.messages": rules.content(
            "output", FIRST_CHOICE, "messages", homes=_LLM_TASK, order=2
        ),
        "gen_ai.system_instructions": marks.varying(_system_instructions, System()),
        "gen_ai.tool.definitions": rules.tools(20),
        "gen_ai.response.finish_reasons": _finish_reasons,
        "gen_ai.response.finish_reason": _finish_reasons,
        "gen_ai.response.time_to_first_chunk": rules.first_token(10),
        "gen_ai.client.operation.time_to_first_chunk": rules.first_token(11),
        "gen_ai.server.time_to_first_token": rules.first_token(12),
        "gen_ai.server.ttft": rules.first_token(13),
        **{f"gen_ai.request.{name}": rules.setting(name, 20) for name in _STRING_PARAMETERS},
        "gen_ai.request.stop_sequences": rules.setting("stop", 20),
        "gen_ai.request.choice.count": rules.setting("n", 20),
        "gen_ai.request.reasoning.level": rules.setting("reasoning_effort", 20),
        "gen_ai.request.reasoning_effort": rules.setting("reasoning_effort", 21),
        "gen_ai.request.previous_response.id": rules.named("previous_response_id"),
        "gen_ai.request.is_stream": rules.setting("stream", 30),
        "gen_ai.is_streaming": rules.setting("stream", 31),
        "llm.is_streaming": rules.setting("stream", 32),
        "gen_ai.request.response_format": _response_format,
        "gen_ai.openai.request.response_format": _response_format,
        "gen_ai.request.structured_output_schema": _output_schema,
        "gen_ai.openai.request.seed": rules.setting("seed", 30),
        "gen_ai.openai.request.service_tier": rules.setting("service_tier", 30),
        "gen_ai.request.tool_choice": rules.setting("tool_choice", 30),
        "gen_ai.output.type": rules.named("output_type"),
        "gen_ai.prompt.name": _prompt("name"),
        "gen_ai.prompt.version": _prompt("version"),
        "gen_ai.usage.input_tokens": rules.count("gen_ai", PROMPT),
        "gen_ai.usage.output_tokens": rules.count("gen_ai", COMPLETION),
        "gen_ai.usage.total_tokens": rules.count("gen_ai", TOTAL),
        "llm.usage.total_tokens": rules.count("gen_ai", TOTAL),
        "gen_ai.usage.cache_read.input_tokens": rules.count("gen_ai", CACHED),
        "gen_ai.usage.cache_read_input_tokens": rules.count("gen_ai", CACHED),
        "gen_ai.usage.cache_read_tokens": rules.count("gen_ai", CACHED),
        "gen_ai.usage.input_cached_tokens": rules.count("gen_ai", CACHED),
        "gen_ai.usage.cached_tokens": rules.count("gen_ai", CACHED),
        "gen_ai.usage.cached_input_tokens": rules.count("gen_ai", CACHED),
        "gen_ai.usage.cache_write.input_tokens": rules.count("gen_ai", CREATED),
        "gen_ai.usage.cache_creation.input_tokens": rules.count("gen_ai", CREATED),
        "gen_ai.usage.cache_creation_input_tokens": rules.count("gen_ai", CREATED),
        "gen_ai.usage.cache_write_input_tokens": rules.count("gen_ai", CREATED),
        "gen_ai.usage.cache_write_tokens": rules.count("gen_ai", CREATED),
        "gen_ai.usage.cache_creation_tokens": rules.count("gen_ai", CREATED),
        "gen_ai.usage.input_cache_creation": rules.count("gen_ai", CREATED),
        "gen_ai.usage.reasoning.output_tokens": rules.count("gen_ai", REASONING),
        "gen_ai.usage.reasoning_tokens": rules.count("gen_ai", REASONING),
        "gen_ai.usage.output_reasoning_tokens": rules.count("gen_ai", REASONING),
        "gen_ai.usage.audio.input_tokens": rules.count("gen_ai", PROMPT_AUDIO),
        "gen_ai.usage.audio.output_tokens": rules.count("gen_ai", COMPLETION_AUDIO),
        "gen_ai.usage.image.output_tokens": rules.count("gen_ai", COMPLETION_IMAGE),
        "gen_ai.usage.input_token_details": _token_details(
            {"cache_read": CACHED, "cache_creation": CREATED, "audio": PROMPT_AUDIO}
        ),
        "gen_ai.usage.output_token_details": _token_details(
            {"reasoning": REASONING, "audio": COMPLETION_AUDIO}
        ),
        "gen_ai.usage.prompt_tokens": rules.count("gen_ai.old", PROMPT),
        "gen_ai.usage.completion_tokens": rules.count("gen_ai.old", COMPLETION),
        "gen_ai.aggregated_usage.input_tokens": rules.count("gen_ai", PROMPT),
        "gen_ai.aggregated_usage.output_tokens": rules.count("gen_ai", COMPLETION),
        "gen_ai.aggregated_usage.cache_read.input_tokens": rules.count("gen_ai", CACHED),
        "gen_ai.aggregated_usage.cache_creation.input_tokens": rules.count("gen_ai", CREATED),
        "gen_ai.aggregated_usage.cache_write.input_tokens": rules.count("gen_ai", CREATED),
        "gen_ai.usage.cost": rules.cost(10),
        "gen_ai.cost.total_cost": rules.cost(20),
        "gen_ai.prompt": rules.content("input", OLD_CONTENT, "framework"),
        "gen_ai.tool.call.arguments": rules.content("input", TOOL_FORM, homes=_TOOL),
        "gen_ai.tool.call.result": rules.content("output", TOOL_FORM, homes=_TOOL),
        "gen_ai.tool.input": rules.content("input", TOOL_FORM, homes=_TOOL, order=1),
        "gen_ai.tool.args": rules.content("input", TOOL_FORM, homes=_TOOL, order=2),
        "gen_ai.tool.output": rules.content("output", TOOL_FORM, homes=_TOOL, order=1),
        "gen_ai.retrieval.query.text": rules.content(
            "input", DOMAIN_FORM, "text", homes=_RETRIEVAL
        ),
        "gen_ai.retrieval.query": rules.content("input", DOMAIN_FORM, homes=_RETRIEVAL, order=1),
        "gen_ai.retrieval.documents": rules.content("output", DOMAIN_FORM, homes=_RETRIEVAL),
        "gen_ai.retrieval.top_k": rules.setting("top_k", 20),
        "gen_ai.memory.query.text": rules.member("input", "query", DOMAIN_FORM, homes=_RETRIEVAL),
        "gen_ai.memory.record.id": rules.member(
            "input", "record_id", DOMAIN_FORM, homes=_RETRIEVAL
        ),
        "gen_ai.memory.records": rules.content("output", DOMAIN_FORM, homes=_RETRIEVAL),
        "gen_ai.embeddings.dimension.count": rules.member(
            "output", "embedding_length", DOMAIN_FORM, homes=frozenset({LLM})
        ),
        "gen_ai.transcription.text": rules.content("output", DOMAIN_FORM, "text"),
        "gen_ai.speech.input_text": rules.content("input", DOMAIN_FORM, "text"),
        "gen_ai.workflow.input": rules.content("input", DUMP),
        "gen_ai.workflow.output": rules.content("output", DUMP),
        "gen_ai.task.input": rules.content("input", DUMP, order=1),
        "gen_ai.task.output": rules.content("output", DUMP, order=1),
        "gen_ai.agent.name": _agent_name,
        "gen_ai.tool.name": rules.named("tool_name", keep=True),
        "gen_ai.tool.call.id": rules.named("tool_call_id", keep=True),
        "gen_ai.conversation.id": rules.named("session_id", 30, keep=True, convert=decode),
        "gen_ai.user": rules.named("user_id", 40, keep=True),
        "gen_ai.request.user": rules.named("user_id", 41, keep=True),
        "llm.user": rules.named("user_id", 42, keep=True),
        "session.id": rules.named("session_id", 20, keep=True),
        "user.id": rules.named("user_id", 20, keep=True),
        "enduser.id": rules.named("user_id", 30, keep=True),
        "error.type": rules.named("error_type", keep=False),
    },
    prefixes={"gen_ai.prompt.variable.": _prompt_variable},
)
