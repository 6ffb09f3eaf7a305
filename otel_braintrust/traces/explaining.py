"""An assembler that tells how each span became its row, for `translate --explain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from otel_braintrust.traces.assembler import AssembledSpan, TraceAssembler
from otel_braintrust.translation.explaining import explain, is_demoted
from otel_braintrust.translation.explanation import DROPPED, Explanation, Fate, Origin
from otel_braintrust.translation.reading import Reading
from otel_braintrust.translation.recording import Recorder
from otel_braintrust.translation.recurring import Made, whole_way
from otel_braintrust.translation.span import LogEvent, SpanView


@dataclass(slots=True)
class _Recorded:
    """What is needed to explain a span once its whole batch is assembled."""

    reading: Reading
    recorder: Recorder
    log_events: list[LogEvent]


class ExplainingAssembler(TraceAssembler):
    """Assembles as its parent does, and explains what it did.

    Takes the arguments of `TraceAssembler`; the rows are the same.

    Example:
        >>> from otel_braintrust.translation import OtlpSpan
        >>> attributes = {"gen_ai.operation.name": "chat"}
        >>> span = OtlpSpan("0" * 31 + "1", "0" * 15 + "1", "hi", 0, attributes=attributes)
        >>> [(_, explanation)] = ExplainingAssembler().assemble_and_explain([span])
        >>> explanation.attributes[0].fields
        ['span_attributes.type']
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._recorded: dict[tuple[str, str], _Recorded] = {}

    def assemble_and_explain(self, spans: Sequence[Any]) -> list[tuple[AssembledSpan, Explanation]]:
        """Assemble spans as `assemble` does, and explain each.

        Args:
            spans: SDK spans or span views; those of one trace belong into one call.
        """
        self._recorded.clear()
        return [(entry, self._explain(entry)) for entry in self.assemble(spans)]

    def _made(self, spans: Sequence[SpanView]) -> list[Made]:
        dispatch = self._recurring.dispatch
        made = []
        for span in spans:
            logs = self._logs.take(span.trace_id, span.span_id)
            recorder = Recorder(dispatch)
            made.append(whole_way(span, dispatch, logs, recorder))
            if recorder.reading is not None:
                recorded = _Recorded(recorder.reading, recorder, logs)
                self._recorded[span.trace_id, span.span_id] = recorded
        return made

    def _explain(self, entry: AssembledSpan) -> Explanation:
        span, row = entry.span, entry.row
        recorded = self._recorded.get((span.trace_id, span.span_id))
        if recorded is None:
            return _unread(span)
        told = explain(recorded.reading, recorded.recorder, row, recorded.log_events)
        if recorded.log_events:
            told.notes.append(f"joined by id: {len(recorded.log_events)} log events")
        if row is not None and is_demoted(recorded.reading, row):
            told.notes.append(
                "demoted from llm to task: a call beneath it is billed, its own usage is "
                "metadata.aggregated_usage"
            )
        if row is not None and row.get("tags"):
            _tell_risen_tags(told, recorded.reading)
        return told


def _tell_risen_tags(told: Explanation, reading: Reading) -> None:
    """Tell of tags on a root that its own attributes did not give."""
    if not reading.tags:
        told.fields.append(Origin("tags", ["tags of spans beneath it"]))


def _unread(span: SpanView) -> Explanation:
    because = "the span could not be read; see metadata.mapping_error"
    fates = [Fate(str(key), DROPPED, because=because) for key in span.attributes]
    return Explanation(
        span.trace_id, span.span_id, span.name, attributes=fates, notes=["translation failed"]
    )
