"""What a convention of your own is written from; see `docs/conventions.md`.

A convention says what the attributes and events of a dialect of spans mean. Give yours to
`configure(conventions=[...])`, or offer it to every program that installs your distribution through
the entry point group `otel_braintrust.conventions`.

Example::

    from otel_braintrust.conventions import FIRST, PROMPT, Convention, content, count, kind, named

    ACME = Convention(
        name="acme",
        keys={
            "acme.kind": kind({"generation": "llm", "step": "task"}, FIRST),
            "acme.model": named("response_model", FIRST),
            "acme.asked": content("input", FIRST, "messages"),
            "acme.tokens.in": count("acme", PROMPT),
        },
    )
    otel_braintrust.configure(conventions=[ACME])
"""

from __future__ import annotations

from otel_braintrust.translation.conventions.genai_events import add_evaluation
from otel_braintrust.translation.conventions.numbered_messages import messages
from otel_braintrust.translation.conventions.rules import (
    Convention,
    EventRule,
    PrefixRule,
    Rule,
    Step,
    content,
    cost,
    count,
    decoded,
    drop,
    entry,
    error,
    first_token,
    keep,
    kind,
    member,
    named,
    numbered,
    setting,
    settings,
    spread,
    tags,
    tools,
)
from otel_braintrust.translation.conventions.users import FIRST_RANK, GROUP
from otel_braintrust.translation.reading import Candidate, Reading
from otel_braintrust.translation.span import SpanEvent, SpanView
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

# Ranks: what goes before all that our own conventions tell, and what stands in where they are mute.
FIRST = FIRST_RANK
LAST = 90

__all__ = [
    "CACHED",
    "COMPLETION",
    "COMPLETION_AUDIO",
    "CREATED",
    "FIRST",
    "GROUP",
    "LAST",
    "PROMPT",
    "PROMPT_AUDIO",
    "REASONING",
    "TOTAL",
    "Candidate",
    "Convention",
    "EventRule",
    "PrefixRule",
    "Reading",
    "Rule",
    "SpanEvent",
    "SpanView",
    "Step",
    "add_evaluation",
    "content",
    "cost",
    "count",
    "decoded",
    "drop",
    "entry",
    "error",
    "first_token",
    "keep",
    "kind",
    "member",
    "messages",
    "named",
    "numbered",
    "setting",
    "settings",
    "spread",
    "tags",
    "tools",
]
