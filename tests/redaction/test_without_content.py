"""With capture_content=False nothing that was said leaves the process; what remains is useful."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_braintrust
from otel_braintrust.cli.translate import assemble
from otel_braintrust.redaction import Redaction
from otel_braintrust.translation.otlp import decode
from tests.redaction.conftest import Run
from tests.redaction.evidence import EchoingServer, Evidence, new_processor, plant_everywhere
from tests.redaction.planted import Plant

CORPUS = Path(__file__).parent.parent / "corpus"
SAID = "nobody may read this sentence"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """configure() sets the switches of instrumentations; they must not outlive the test."""
    from otel_braintrust.instruments import CONTENT_SWITCHES

    for variable in CONTENT_SWITCHES:
        monkeypatch.delenv(variable, raising=False)


def test_no_text_of_any_recorded_trace_is_left() -> None:
    """The recorded cases say what was asked and answered; none of it may be in a row."""
    redaction = Redaction(sends_content=False)
    leaked = []
    compared = 0
    for path in sorted(CORPUS.rglob("spans.otlp.json")):
        files = [path, path.with_name("logs.otlp.json")]
        telemetry = [decode(file.read_bytes()) for file in files if file.exists()]
        for assembled in assemble(telemetry):
            if assembled.row is None:
                continue
            row = redaction(assembled.row)
            assert row is not None
            assert row["span_id"] == assembled.row["span_id"]
            assert row["metrics"]["start"]
            text = json.dumps({**row, "span_attributes": None}, ensure_ascii=False)
            for said in sentences(assembled.row):
                compared += 1
                if said in text:
                    leaked.append((path.parent.name, said, text))
    assert leaked[:3] == []
    assert compared > 1000


def sentences(row: dict[str, Any]) -> set[str]:
    """The texts of several words in a row's input, output and error, and in its messages."""
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, str):
            if " " in value.strip():
                found.add(value)
        elif isinstance(value, dict):
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk([row.get(name) for name in ("input", "output", "expected", "error")])
    walk(row["metadata"])
    return found


def test_what_is_planted_in_any_field_of_any_dialect_is_found_nowhere(
    server: EchoingServer,
    evidence: Evidence,
    tmp_path: Path,
    global_provider: TracerProvider,
) -> None:
    class Sentences(Plant):
        """Plants sentences, which no pattern finds, instead of keys."""

        def __call__(self, kind: str | None = None) -> str:
            number = len(self.secrets)
            text = f"{SAID}, number {number}."
            self.secrets[text] = text
            return text

    plant = Sentences()
    processor = new_processor(server, tmp_path, evidence, mask=None, capture_content=False)
    global_provider.add_span_processor(processor)
    plant_everywhere(global_provider, plant, every=2)
    assert processor.flush(60.0).ok
    processor.shutdown()
    # The name of a span is structure, and stays.
    names = {row["span_attributes"].get("name", "") for row in server.rows.values()}
    for text in [text for text in plant.secrets if any(text in name for name in names)]:
        del plant.secrets[text]

    evidence.assert_without(plant, marker=b'"model":"gpt-4o"')


def test_structure_numbers_and_the_model_stay(run: Run) -> None:
    def say() -> None:
        with (
            otel_braintrust.start_span("outer", type="task"),
            otel_braintrust.start_span("call", type="llm", input=SAID, tags=[SAID]) as span,
        ):
            span.set_attributes(
                {
                    "gen_ai.request.model": "gpt-4o",
                    "gen_ai.system": "openai",
                    "gen_ai.request.temperature": 0.5,
                    "gen_ai.usage.input_tokens": 11,
                    "gen_ai.usage.output_tokens": 7,
                    "gen_ai.prompt": SAID,
                    "my.attribute": SAID,
                    "gen_ai.response.id": SAID,
                }
            )
            span.log(
                output=SAID,
                scores={"good": 0.5},
                metadata={"note": SAID},
                error=ValueError(SAID),
            )

    rows = run(say, capture_content=False)
    row = rows["call"]

    assert row["span_parents"] == [rows["outer"]["span_id"]]
    assert row["span_attributes"]["type"] == "llm"
    assert {
        "model": "gpt-4o",
        "provider": "openai",
        "temperature": 0.5,
    }.items() <= row["metadata"].items()
    assert row["metrics"]["prompt_tokens"] == 11
    assert row["metrics"]["completion_tokens"] == 7
    assert row["scores"] == {"good": 0.5}
    assert row["error"] == "ValueError"
    assert not row["input"]
    assert not row["output"]
    assert not row["tags"]
    assert SAID not in repr(rows)


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (
            "Traceback (most recent call last):\n  File x\nopenai.RateLimitError: no",
            "openai.RateLimitError",
        ),
        ("ValueError: John is ill", "ValueError"),
        ("John: is ill", "ERROR"),
        ("John is ill", "ERROR"),
        ({"code": "John"}, "ERROR"),
        ("he said ValueError: John", "ERROR"),
        ("asyncio.TimeoutError", "asyncio.TimeoutError"),
    ],
)
def test_of_an_error_the_class_is_left(error: Any, left: str) -> None:
    row = Redaction(sends_content=False)({"id": "1", "error": error})
    assert row == {"id": "1", "error": left}


def test_feedback_keeps_its_scores_and_loses_its_words(
    run: Run,
) -> None:
    def say() -> None:
        with otel_braintrust.start_span("answer") as span:
            pass
        otel_braintrust.log_feedback(
            span, scores={"good": 1}, comment=SAID, expected=SAID, metadata={"note": SAID}
        )
        otel_braintrust.update_span(span, output=SAID)

    row = run(say, capture_content=False)["answer"]

    assert row["scores"] == {"good": 1}
    assert not row.get("comments")
    assert not row["output"]
    assert SAID not in repr(row)


def test_content_that_passes_for_an_id_does_not_pass_under_unknown_names() -> None:
    row = Redaction(sends_content=False)(
        {"id": "1", "metadata": {"name": "John", "model": "gpt-4o", "tool_name": "a b c", "n": {}}}
    )
    assert row == {"id": "1", "metadata": {"model": "gpt-4o"}}


def test_attachments_are_held_back(
    server: EchoingServer, evidence: Evidence, tmp_path: Path, global_provider: TracerProvider
) -> None:
    processor = new_processor(server, tmp_path, evidence, mask=None, capture_content=False)
    global_provider.add_span_processor(processor)
    attachment = otel_braintrust.Attachment(SAID.encode(), "said.txt")
    with otel_braintrust.start_span("answer", input={"file": attachment}) as span:
        pass
    otel_braintrust.update_span(span, output=attachment)
    assert processor.flush(20.0).ok
    processor.shutdown()

    assert len(server.rows) == 1
    assert server.announced == server.files == {}
