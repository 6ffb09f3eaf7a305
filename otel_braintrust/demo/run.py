"""The demo from one end to the other: spans made, sent, read back, rated and shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from rich.console import Console

from otel_braintrust.client import BraintrustClient
from otel_braintrust.configuration import configure
from otel_braintrust.demo.agent import Answer, SupportAgent, openai_client
from otel_braintrust.demo.endpoint import ModelEndpoint
from otel_braintrust.demo.report import print_trace, wide_console
from otel_braintrust.local.server import LocalServer

PROJECT = "Demo"
QUESTION = "Where is my order 1042, and can I return it?"
RATING = {"rating": 5, "comment": "Found my lamp!", "metadata": {"user_id": "user-7"}}
FLUSH_TIMEOUT_S = 10.0

# What a user has set for real work must not change the demo, nor lead it out of this machine.
FOREIGN_PREFIXES = ("BRAINTRUST_", "OTEL_", "OPENAI_", "OPENINFERENCE_")
PROXY_EXCEPTIONS = "127.0.0.1,localhost"


class DemoError(Exception):
    """The demo did not come to its end; the message says at which step."""


@dataclass(frozen=True)
class Demo:
    """What the demo left behind.

    Args:
        answer: what the agent answered.
        logs: the rows of its trace, read back over the API.
        page_url: the page that shows them, while the server is up.
    """

    answer: str
    logs: list[dict[str, Any]]
    page_url: str


@contextmanager
def running_demo(
    *, port: int = 0, db: str | Path = ":memory:", console: Console | None = None
) -> Iterator[Demo]:
    """Run the demo, and keep its local Braintrust up until the block ends.

    Args:
        port: the local Braintrust's port; default any that is free.
        db: where it keeps its data; default nowhere.
        console: where to tell what happens; default stdout.

    Raises:
        DemoError: a step failed.
        OSError: the port is taken.
    """
    out = console or wide_console()
    with isolated_environment(), LocalServer(port=port, db=db) as server:
        out.print(f"A local Braintrust is up at {server.url}")
        answer = _run_agent(server)
        out.print(f"The agent was asked: [italic]{QUESTION}[/italic]")
        out.print(f"and answered: [italic]{answer.text}[/italic]\n")
        with BraintrustClient(
            api_key=server.api_key,
            api_url=server.url,
            app_url=server.url,
            org_name=server.store.organization.name,
        ) as client:
            project_id = client.project_id(PROJECT)
            # The row's id is the span's: what an application keeps is enough to rate it.
            client.feedback(project_id, [{"id": answer.span_id, **RATING}])
            logs = client.fetch(project_id, filters={"root_span_id": answer.trace_id}).logs
        print_trace(logs, out)
        organization = quote(server.store.organization.name)
        place = f"r={answer.trace_id}&s={answer.span_id}"
        page_url = f"{server.url}/app/{organization}/p/{quote(PROJECT)}/logs?{place}"
        out.print(f"\nThe trace as a page: {page_url}", soft_wrap=True)
        yield Demo(answer.text, logs, page_url)


def _run_agent(server: LocalServer) -> Answer:
    """Run the agent as an application would, and flush."""
    provider = TracerProvider(
        sampler=ALWAYS_ON, resource=Resource.create({"service.name": "demo-agent"})
    )
    processor = configure(
        api_key=server.api_key,
        api_url=server.url,
        app_url=server.url,
        org_name=server.store.organization.name,
        project=PROJECT,
        tracer_provider=provider,
    )
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        with ModelEndpoint() as endpoint, openai_client(endpoint.url) as client:
            agent = SupportAgent(client, provider.get_tracer("otel_braintrust.demo"))
            answer = agent.answer(QUESTION, user_id="user-7", session_id="session-7")
        result = processor.flush(timeout_s=FLUSH_TIMEOUT_S)
        if not result.ok:
            raise DemoError(f"the spans did not all arrive: {result}")
    finally:
        instrumentor.uninstrument()
        provider.shutdown()
    return answer


@contextmanager
def isolated_environment() -> Iterator[None]:
    """Take foreign settings out of the environment, and proxies out of the way to loopback."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(FOREIGN_PREFIXES):
            del os.environ[name]
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [before.get(name), PROXY_EXCEPTIONS]))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
