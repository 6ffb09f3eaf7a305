"""Who is measured: each takes a recording of spans, or makes the same as its users would."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
import requests
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from benchmarks.kinds import Trace, Work
from benchmarks.recordings import Recording, make, provider_with, record

API_KEY = "sk-benchmark-1234567890"
PROJECT = "benchmark"
ROWS_AT_ONCE = 512


class Peer(ABC):
    """One way to get spans to a server.

    Args:
        url: The server's.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    @abstractmethod
    def prepare(self, traces: Sequence[Trace]) -> Any:
        """Make, unmeasured, what :meth:`play` takes."""

    @abstractmethod
    def play(self, prepared: Any) -> None:
        """Have it send all of it."""

    @abstractmethod
    def make(self, traces: Iterable[Trace]) -> None:
        """Make spans as its users do, and have it send them."""

    @abstractmethod
    def flush(self) -> None:
        """Return when all has arrived."""


class WithProcessor(Peer):
    """A span processor: it is shown spans that OpenTelemetry's SDK has made before."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.processor = self.new_processor()

    @abstractmethod
    def new_processor(self) -> SpanProcessor:
        """The processor, as its documentation says."""

    def prepare(self, traces: Sequence[Trace]) -> Recording:
        return record(traces)

    def play(self, prepared: Recording) -> None:
        prepared.play(self.processor)

    def make(self, traces: Iterable[Trace]) -> None:
        provider = provider_with(self.processor)
        for each in traces:
            make(each, provider.get_tracer)

    def flush(self) -> None:
        if not self.processor.force_flush():
            raise RuntimeError(f"{type(self).__name__} did not send all spans")


class Ours(WithProcessor):
    """This package, as it comes."""

    spans = "app"

    def new_processor(self) -> SpanProcessor:
        from otel_braintrust import BraintrustSpanProcessor

        return BraintrustSpanProcessor(
            api_key=API_KEY, app_url=self.url, project=PROJECT, spans=self.spans
        )


class OursAll(Ours):
    """This package, when every span goes."""

    spans = "all"


class Otlp(WithProcessor):
    """OpenTelemetry's exporter of OTLP by HTTP, behind its BatchSpanProcessor."""

    def new_processor(self) -> SpanProcessor:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{self.url}/v1/traces"))


class BraintrustOtel(WithProcessor):
    """``braintrust.otel``, which sends OTLP to Braintrust."""

    def new_processor(self) -> SpanProcessor:
        from braintrust.otel import BraintrustSpanProcessor

        # It has the methods of a SpanProcessor without being one.
        return BraintrustSpanProcessor(  # type: ignore[return-value]
            api_key=API_KEY, parent=f"project_name:{PROJECT}", api_url=self.url
        )


class _Nowhere(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002
        return SpanExportResult.SUCCESS


class Bare(WithProcessor):
    """OpenTelemetry's BatchSpanProcessor with an exporter that does nothing."""

    def new_processor(self) -> SpanProcessor:
        return BatchSpanProcessor(_Nowhere())


class Native(Peer):
    """Braintrust's own logger; its making of rows cannot be told from its making of spans."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        os.environ["BRAINTRUST_API_URL"] = os.environ["BRAINTRUST_APP_URL"] = url
        import braintrust

        self._logger = braintrust.init_logger(project=PROJECT, api_key=API_KEY, app_url=url)

    def prepare(self, traces: Sequence[Trace]) -> Sequence[Trace]:
        return traces

    def play(self, prepared: Sequence[Trace]) -> None:
        self.make(prepared)

    def make(self, traces: Iterable[Trace]) -> None:
        for each in traces:
            with self._start(self._logger, each.root) as root:
                for child in each.children:
                    self._start(root, child).end()

    def flush(self) -> None:
        self._logger.flush()

    @staticmethod
    def _start(above: Any, work: Work) -> Any:
        native = dict(work.native)
        return above.start_span(name=work.name, type=native.pop("type"), **native)


class Floor(Peer):
    """Rows that are ready, encoded by orjson and posted 512 at once: what cannot be saved."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._session = requests.Session()

    def prepare(self, traces: Sequence[Trace]) -> list[dict[str, Any]]:
        from otel_braintrust.translation import translate

        return [translate(span) for span in record(traces).spans]

    def make(self, traces: Iterable[Trace]) -> None:
        self.play(self.prepare(list(traces)))

    def flush(self) -> None:
        """Nothing waits."""

    def play(self, prepared: list[dict[str, Any]]) -> None:
        for first in range(0, len(prepared), ROWS_AT_ONCE):
            rows = prepared[first : first + ROWS_AT_ONCE]
            body = b'{"rows":[' + b",".join(map(orjson.dumps, rows)) + b'],"api_version":2}'
            answer = self._session.post(f"{self.url}/logs3", data=body, timeout=30)
            answer.raise_for_status()


PEERS: Mapping[str, Callable[[str], Peer]] = {
    "ours": Ours,
    "ours, all spans": OursAll,
    "OTLP/HTTP": Otlp,
    "braintrust.otel": BraintrustOtel,
    "native logger": Native,
    "floor": Floor,
    "bare BatchSpanProcessor": Bare,
}
