"""Provider names in Braintrust's spelling, from what instrumentations, hosts and model ids say.

Source: Braintrust's registry names (`openai`, `anthropic`, `google`, `vertex`, `bedrock`, ...); the
aliases are those that OTel GenAI, OpenInference, OpenLLMetry, Vercel, LiteLLM and LangChain write.
"""

from __future__ import annotations

import re

_ALIASES: dict[str, tuple[str, ...]] = {
    "openai": (
        "text-completion-openai",
        "chatopenai",
        "openai-chat",
        "openai-responses",
        "open_ai",
        "openai_chat_completion",
        "openai_responses",
    ),
    "anthropic": ("claude", "claude_agent_sdk", "chatanthropic"),
    "azure": (
        "azure.ai.openai",
        "az.ai.openai",
        "azure_openai",
        "azure-openai",
        "azureopenai",
        "azure_text",
        "azure.ai.inference",
        "az.ai.inference",
        "azure_ai",
        "azure-ai",
    ),
    "google": (
        "gcp.gemini",
        "gcp.gen_ai",
        "gemini",
        "google_genai",
        "google-genai",
        "google-gla",
        "google_ai_studio",
        "google.generative-ai",
        "generative-ai",
        "google_generativeai",
        "google_ai",
        "googleai",
    ),
    "vertex": (
        "gcp.vertex_ai",
        "vertex_ai",
        "vertexai",
        "google.vertex",
        "google_vertexai",
        "google_vertex",
        "google-vertex",
        "vertex_ai_beta",
    ),
    "bedrock": (
        "aws.bedrock",
        "aws_bedrock",
        "aws-bedrock",
        "bedrock_converse",
        "amazon-bedrock",
        "amazon_bedrock",
        "amazon.bedrock",
        "aws",
        "amazon",
        "bedrock-runtime",
    ),
    "mistral": ("mistral_ai", "mistralai", "mistral-ai"),
    "xai": ("x_ai", "x-ai", "grok"),
    "cohere": ("cohere_chat", "co.here"),
    "together": ("together_ai", "togetherai", "together-ai"),
    "fireworks": ("fireworks_ai", "fireworks-ai"),
    "huggingface": ("hugging_face", "hugging-face"),
    "watsonx": ("ibm.watsonx.ai", "ibm.watsonx", "watsonx_ai"),
    "moonshot": ("moonshot_ai", "moonshotai"),
    "alephalpha": ("aleph_alpha", "aleph-alpha"),
    "oci": ("oci_genai", "oracle"),
    "deepseek": ("deep_seek",),
    "perplexity": ("perplexity_ai",),
}

PROVIDERS: dict[str, str] = {
    alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases)
} | {
    name: name
    for name in [
        "groq",
        "cerebras",
        "replicate",
        "ollama",
        "openrouter",
        "databricks",
        "baseten",
        "lepton",
        "qwen",
        "zai",
        "minimax",
        "elevenlabs",
        "vllm",
        "voyageai",
        "jina",
        "nvidia",
        "sambanova",
        "ai21",
        "meta",
    ]
}

# Frameworks and placeholders that stand where a provider should: the next source is asked.
NOT_PROVIDERS = frozenset(
    {
        "",
        "langchain",
        "langgraph",
        "langchain_core",
        "crewai",
        "litellm",
        "strands-agents",
        "strands",
        "autogen",
        "gcp.vertex.agent",
        "microsoft.agent_framework",
        "agent_framework",
        "semantic_kernel",
        "spring_ai",
        "haystack",
        "llamaindex",
        "llama_index",
        "pydantic_ai",
        "pydantic-ai",
        "mcp",
        "openai-agents",
        "openai_agents",
        "agno",
        "dspy",
        "smolagents",
        "instructor",
        "portkey",
        "beeai",
        "unknown",
        "none",
        "null",
        "undefined",
        "_other",
        "function",
        "test",
    }
)

# Hosts of the model APIs, as suffix patterns of `server.address`.
_HOSTS: tuple[tuple[str, str], ...] = (
    (
        r"(^|\.)openai\.azure\.com$|\.services\.ai\.azure\.com$|\.inference\.ai\.azure\.com$",
        "azure",
    ),
    (r"(^|\.)api\.openai\.com$", "openai"),
    (r"(^|\.)anthropic\.com$", "anthropic"),
    (r"^bedrock(-agent)?(-runtime)?[.-].*", "bedrock"),
    (r"aiplatform\.googleapis\.com$", "vertex"),
    (r"generativelanguage\.googleapis\.com$", "google"),
    (r"(^|\.)openrouter\.ai$", "openrouter"),
    (r"(^|\.)groq\.com$", "groq"),
    (r"(^|\.)mistral\.ai$", "mistral"),
    (r"(^|\.)x\.ai$", "xai"),
    (r"(^|\.)deepseek\.com$", "deepseek"),
    (r"(^|\.)together\.(xyz|ai)$", "together"),
    (r"(^|\.)fireworks\.ai$", "fireworks"),
    (r"(^|\.)cohere\.(com|ai)$", "cohere"),
    (r"(^|\.)perplexity\.ai$", "perplexity"),
    (r"(^|\.)cerebras\.ai$", "cerebras"),
    (r"(^|\.)moonshot\.(ai|cn)$", "moonshot"),
    (r"(^|\.)huggingface\.co$", "huggingface"),
    (r"(^|\.)replicate\.com$", "replicate"),
)
HOSTS = tuple((re.compile(pattern), name) for pattern, name in _HOSTS)
OLLAMA_PORT = 11434

_MODELS: tuple[tuple[str, str], ...] = (
    (
        r"^(us|eu|apac|global|jp|au|us-gov)?\.?(anthropic|amazon|meta|cohere|ai21|mistral|deepseek)\.",
        "bedrock",
    ),
    (r"^arn:aws[^:]*:bedrock", "bedrock"),
    (r"^claude-", "anthropic"),
    (
        r"^(gpt-|chatgpt-|o1|o3|o4|text-embedding-(3|ada)|text-davinci|davinci|whisper-|tts-|dall-e|omni-)",
        "openai",
    ),
    (r"^(models/)?(gemini-|gemma-|text-embedding-00)", "google"),
    (r"^(mistral-|codestral|ministral|pixtral|open-mi(s|x)tral|magistral)", "mistral"),
    (r"^(command|embed-(english|multilingual|v\d)|rerank-)", "cohere"),
    (r"^grok-", "xai"),
    (r"^deepseek-", "deepseek"),
)
MODELS = tuple((re.compile(pattern), name) for pattern, name in _MODELS)


_ADDRESS = re.compile(r"^(https?://|localhost\b|\d+(\.\d+){3}\b|[\w.-]+:\d+$)")


def normalise(raw: object) -> str | None:
    """Spell a provider as Braintrust does.

    Args:
        raw: what an instrumentation recorded, such as `aws.bedrock` or `openai.chat`.

    Returns:
        The provider, or None if the text names a framework or nothing.
    """
    if not isinstance(raw, str):
        return None
    name = raw.strip().lower()
    if name in NOT_PROVIDERS:
        return None
    if name in PROVIDERS:
        return PROVIDERS[name]
    if (host := of_host(name)) is not None or _ADDRESS.match(name):
        return host  # a client that knows its server's address only
    # Vercel writes `provider.surface` (`openai.responses`, `google.vertex.chat`).
    head = name
    while "." in head:
        head = head.rpartition(".")[0]
        if head in PROVIDERS:
            return PROVIDERS[head]
    if head in NOT_PROVIDERS:
        return None
    return (
        head
        if re.search(r"\.(chat|responses|completions?|embeddings?|messages|text|image)$", name)
        else name
    )


def of_host(address: object, port: object = None) -> str | None:
    """Name the provider whose API answers at a host, if it is a known one."""
    if not isinstance(address, str):
        return None
    host = address.strip().lower().removeprefix("https://").removeprefix("http://")
    host, _, own_port = host.partition("/")[0].partition(":")
    if host in ("localhost", "127.0.0.1", "::1"):
        return "ollama" if str(own_port or port) == str(OLLAMA_PORT) else None
    return next((name for pattern, name in HOSTS if pattern.search(host)), None)


def of_model(model: object) -> str | None:
    """Guess the provider from a model id, such as `claude-sonnet-4-5` or `openai/gpt-4o`."""
    if not isinstance(model, str):
        return None
    name = model.strip().lower()
    head, slash, _rest = name.partition("/")
    if slash and head in PROVIDERS:
        return PROVIDERS[head]
    return next((provider for pattern, provider in MODELS if pattern.search(name)), None)
