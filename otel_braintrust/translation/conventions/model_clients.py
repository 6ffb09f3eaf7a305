"""What the scope alone tells: whose client an instrumentation is of, when its span does not say.

Sources: the package names of OpenLLMetry, OpenTelemetry contrib and OpenInference. A call that
failed before its attributes were set has nothing else; an early release names the maker of the
model where Bedrock serves it, or nobody.
"""

from __future__ import annotations

from otel_braintrust.translation.conventions.rules import Convention, Step
from otel_braintrust.translation.reading import KEPT_ELSEWHERE, Reading

# The last part of the package's name, and the provider. Of OpenAI's client only what it calls:
# others are asked through it as well, which the server's address or the model shows.
CLIENTS: dict[str, str | None] = {
    "openai": None,
    "openai_v2": None,
    "litellm": None,
    "anthropic": "anthropic",
    "bedrock": "bedrock",
    "cohere": "cohere",
    "google_genai": "google",
    "google_generativeai": "google",
    "groq": "groq",
    "mistralai": "mistral",
    "ollama": "ollama",
    "replicate": "replicate",
    "sagemaker": "sagemaker",
    "together": "together",
    "vertexai": "vertex",
    "voyageai": "voyageai",
    "watsonx": "watsonx",
    "writer": "writer",
    "alephalpha": "alephalpha",
}
# Platforms that serve models of many makers: whoever made the model, they are the provider.
PLATFORMS = frozenset({"bedrock", "sagemaker", "watsonx"})


def _client(package: str, *, only_model_calls: bool) -> Step:
    def read(reading: Reading) -> None:
        name = reading.span.scope_name[len(package) :].partition(".")[0]
        if name not in CLIENTS:
            return
        provider = CLIENTS[name]
        if provider is not None:
            rank = 5 if provider in PLATFORMS else 95
            reading.suggest("provider", rank, "scope name", provider, KEPT_ELSEWHERE)
        if only_model_calls:
            reading.kinds.append((96, "llm", "scope name"))

    return read


CONVENTION = Convention(
    name="model_clients",
    scopes={
        "opentelemetry.instrumentation.": _client(
            "opentelemetry.instrumentation.", only_model_calls=True
        ),
        "netra.instrumentation.": _client("netra.instrumentation.", only_model_calls=True),
        "openinference.instrumentation.": _client(
            "openinference.instrumentation.", only_model_calls=False
        ),
    },
)
