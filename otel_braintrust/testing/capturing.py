"""The rows of a test's spans, made as they are for Braintrust and kept in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust import equipment
from otel_braintrust.processor import BraintrustSpanProcessor
from otel_braintrust.testing.captured import CapturedRows, Row
from otel_braintrust.testing.memory import MemoryBraintrust

KEY = "sk-of-a-test"
TIMEOUT_S = 30.0
# What a row of the store has beside what was sent.
ADDED = ("_pagination_key", "_xact_id", "is_root", "log_id", "org_id", "project_id")


@contextmanager
def capture_rows(
    *, tracer_provider: Any = None, project: str = "test", spans: str = "all", **options: Any
) -> Iterator[CapturedRows]:
    """Collect the rows that this process's spans become; nothing goes to the network.

    They are selected, translated, masked and merged as they would be for Braintrust; feedback and
    updates are in them. A processor of ours that the provider has rests meanwhile, and what is
    configured within the block sends nowhere else.

    Args:
        tracer_provider: Whose spans; default the process's, which is made if there is none.
        project: Where spans go that say nothing else; default ``test``.
        spans: Which spans go, see :class:`otel_braintrust.selection.Selection`; default ``all``.
        options: Other options of :func:`otel_braintrust.configure`.

    Returns:
        The rows, which are there as soon as they are looked at.

    Raises:
        TypeError: The provider takes no span processors.

    Example::

        with capture_rows() as rows:
            answer("Where is my order?")
        assert rows["answer"]["output"] == "On its way."
    """
    provider = _provider(tracer_provider)
    braintrust = MemoryBraintrust()
    others = _taken_off(provider)
    equipment.replacements.append(braintrust.connect)
    try:
        processor = BraintrustSpanProcessor(api_key=KEY, project=project, spans=spans, **options)
        provider.add_span_processor(processor)

        kept: list[Row] | None = None

        def read() -> list[Row]:
            return kept if kept is not None else _delivered(processor, braintrust)

        try:
            yield CapturedRows(read, braintrust.files)
        finally:
            kept = _delivered(processor, braintrust)
            processor.shutdown()
            braintrust.store.close()
            _taken_off(provider)
    finally:
        equipment.replacements.remove(braintrust.connect)
        for other in others:
            provider.add_span_processor(other)


def _provider(given: Any) -> Any:
    provider = given if given is not None else trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        trace.set_tracer_provider(TracerProvider())
        provider = trace.get_tracer_provider()
    if not hasattr(provider, "add_span_processor"):
        raise TypeError(
            f"{type(provider).__name__} takes no span processors: hand one in that does"
        )
    return provider


def _delivered(processor: BraintrustSpanProcessor, braintrust: MemoryBraintrust) -> list[Row]:
    processor.flush(TIMEOUT_S)
    store = braintrust.store
    return [_plain(row) for each in store.projects() for row in store.rows(each.id)]


def _plain(row: Row) -> Row:
    """A row without what only a project gives a meaning, and without what is not there."""
    return {name: value for name, value in row.items() if value is not None and name not in ADDED}


def _taken_off(provider: Any) -> list[BraintrustSpanProcessor]:
    """Take our processors off a provider: none shall send meanwhile, and none stay behind."""
    multiple = getattr(provider, "_active_span_processor", None)
    held = getattr(multiple, "_span_processors", None)
    if not isinstance(held, tuple) or multiple is None:
        return []
    found = [each for each in held if isinstance(each, BraintrustSpanProcessor)]
    kept = tuple(each for each in held if each not in found)
    multiple._span_processors = kept  # noqa: SLF001  (OpenTelemetry has no other way)
    return found
