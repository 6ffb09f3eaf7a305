"""A stranger's convention, written from docs/conventions.md: given, installed, and failing."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from otel_braintrust.conventions import (
    COMPLETION,
    FIRST,
    LAST,
    PROMPT,
    Candidate,
    Convention,
    Reading,
    content,
    count,
    entry,
    error,
    kind,
    named,
    numbered,
    tags,
)
from otel_braintrust.local.server import LocalServer
from otel_braintrust.processor import BraintrustSpanProcessor
from otel_braintrust.traces import TraceAssembler
from otel_braintrust.translation import OtlpSpan, translate
from otel_braintrust.translation import SpanEvent as Event
from otel_braintrust.translation.conventions import users

DOCS = Path(__file__).parents[2] / "docs" / "conventions.md"
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)

# The convention that the installed distribution of these tests offers: it is written to a file.
ZORK_MODULE = """
from otel_braintrust.conventions import *


def whisper(reading: Reading, event: SpanEvent) -> bool:
    told = event.attributes.get("zork.text")
    answer = [{"role": "assistant", "content": told}]
    reading.offer("output", Candidate(FIRST, "messages", answer, {}))
    return True


ZORK = Convention(
    name="zork",
    keys={
        "zork.verb": kind({"speak": "llm", "dig": "tool"}, FIRST),
        "zork.oracle": named("response_model", FIRST),
        "zork.coins.paid": count("zork", PROMPT),
        "zork.coins.change": count("zork", COMPLETION),
    },
    prefixes={"zork.scroll.": numbered("zork.scroll")},
    events={"zork.whisper": whisper},
    finish=(messages("zork.scroll", "input", FIRST),),
)
"""
ZORK_ATTRIBUTES = {
    "zork.verb": "speak",
    "zork.oracle": "claude-sonnet-4-5",
    "zork.coins.paid": 7,
    "zork.coins.change": 3,
    "zork.scroll.0.role": "user",
    "zork.scroll.0.content": "Open the mailbox.",
    "zork.lantern": "lit",
}


@pytest.fixture(autouse=True)
def _nothing_told_yet() -> Iterator[None]:
    users._told.clear()
    yield
    users._told.clear()


def span(attributes: dict[str, Any], *events: Event) -> OtlpSpan:
    return OtlpSpan(
        "1" * 32, "2" * 16, "work", start_ns=1, end_ns=2, attributes=attributes, events=events
    )


def blocks(language: str) -> list[str]:
    found = (m["text"] for m in BLOCK.finditer(DOCS.read_text()) if m["language"] == language)
    return list(found)


def test_the_example_of_the_documentation_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    module_text, _, trial = blocks("python")
    module = types.ModuleType("acme_spans")
    monkeypatch.setitem(sys.modules, "acme_spans", module)
    exec(compile(module_text, "acme_spans.py", "exec"), module.__dict__)
    exec(compile(trial, "trial.py", "exec"), {})

    replaced = translate(
        span({"acme.kind": "generation", "acme.answer": "Damn!"}, whisper("acme.guardrail", "Oh.")),
        conventions=[module.__dict__["ACME"]],
    )
    assert replaced["output"][0]["message"]["content"] == "Oh."
    assert "Damn!" in str(replaced["metadata"])


def whisper(name: str, text: str) -> Event:
    return Event(name, {"acme.guardrail.replaced_by": text}, 1)


def test_the_documentation_names_every_public_maker() -> None:
    import otel_braintrust.conventions as public

    told = DOCS.read_text()
    assert [name for name in public.__all__ if name[0].islower() and f"`{name}" not in told] == []


def test_a_processor_sends_what_a_convention_says(local_braintrust: LocalServer) -> None:
    zork = Convention(name="zork", keys={"zork.said": content("output", FIRST)})
    processor = BraintrustSpanProcessor(
        api_key=local_braintrust.api_key,
        app_url=local_braintrust.url,
        project="cave",
        conventions=[zork],
    )
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    provider.get_tracer("cave").start_span("speak", attributes={"zork.said": "xyzzy"}).end()

    assert processor.flush(10).ok
    assert [row["output"] for row in local_braintrust.rows("cave")] == ["xyzzy"]
    provider.shutdown()


def test_a_users_convention_goes_before_ours_where_keys_clash() -> None:
    shout = Convention(
        name="shout",
        keys={
            "gen_ai.request.model": named("flavour", FIRST),
            "gen_ai.operation.name": kind({"chat": "tool"}, FIRST),
        },
    )
    row = translate(
        span({"gen_ai.request.model": "m", "gen_ai.operation.name": "chat"}), conventions=[shout]
    )
    assert row["metadata"]["flavour"] == "m"
    assert row["span_attributes"]["type"] == "tool"


def test_one_convention_goes_before_the_next() -> None:
    first = Convention(name="first", keys={"k": named("one", FIRST)})
    second = Convention(name="second", keys={"k": named("two", FIRST), "l": named("three", FIRST)})
    metadata = translate(span({"k": 1, "l": 2}), conventions=[first, second])["metadata"]
    assert (metadata["one"], metadata["three"]) == (1, 2)
    assert "two" not in metadata


def test_braintrusts_own_attributes_stay_over_a_users_convention() -> None:
    proud = Convention(
        name="proud",
        keys={
            "proud.said": content("output", -5),
            "proud.kind": kind({"x": "llm"}, -5),
            "braintrust.output_json": named("stolen", FIRST),
            "braintrust.metadata.a": named("stolen", FIRST),
        },
        prefixes={"braintrust.metadata.": entry()},
    )
    row = translate(
        span(
            {
                "proud.said": "theirs",
                "proud.kind": "x",
                "braintrust.output_json": '"ours"',
                "braintrust.metadata.a": "kept",
                "braintrust.span_attributes": '{"type": "task"}',
            }
        ),
        conventions=[proud],
    )
    assert row["output"] == "ours"
    assert row["span_attributes"]["type"] == "task"
    assert row["metadata"]["a"] == "kept"
    assert row["metadata"]["proud.said"] == "theirs"
    assert "stolen" not in row["metadata"]


def test_ranks_say_who_is_believed() -> None:
    for rank, shown in ((FIRST, "theirs"), (LAST, "ours")):
        quiet = Convention(name="quiet", keys={"quiet.said": content("output", rank)})
        row = translate(span({"quiet.said": "theirs", "output.value": "ours"}), conventions=[quiet])
        assert row["output"] == shown
        assert {"theirs", "ours"} <= {row["output"], *row["metadata"].values()}


def test_an_own_record_of_tokens_supplies_the_whole_usage() -> None:
    zork = Convention(
        name="zork",
        keys={
            "zork.verb": kind({"speak": "llm"}, FIRST),
            "in": count("zork", PROMPT),
            "out": count("zork", COMPLETION),
        },
    )
    other = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 50}
    row = translate(span({"zork.verb": "speak", "in": "7", "out": 3, **other}), conventions=[zork])
    assert row["metrics"]["tokens"] == 10


def test_a_failure_and_tags_of_ones_own() -> None:
    zork = Convention(name="zork", keys={"zork.grue": error(), "zork.rooms": tags(",")})
    row = translate(
        span({"zork.grue": "eaten by a grue", "zork.rooms": "cellar,attic"}), conventions=[zork]
    )
    assert row["error"] == "eaten by a grue"
    assert row["tags"] == ["cellar", "attic"]


def broken(*_arguments: Any) -> bool:
    raise KeyError("secret content")


def test_a_rule_that_fails_costs_only_itself_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clumsy = Convention(
        name="clumsy",
        keys={"clumsy.a": broken, "clumsy.b": named("b", FIRST)},
        prefixes={"clumsy.rest.": broken, "clumsy.turn.": numbered("turn")},
        events={"clumsy.event": broken},
        scopes={"": broken},
        finish=(broken, _take_and_fail),
    )
    attributes = {
        "clumsy.a": "1",
        "clumsy.b": "2",
        "clumsy.rest.x": "3",
        "clumsy.turn.0.role": "user",
        "gen_ai.output.messages": "Hello",
    }
    with caplog.at_level(logging.WARNING, logger="otel_braintrust"):
        rows = [
            translate(span(attributes, Event("clumsy.event", {"x": 4})), conventions=[clumsy])
            for _ in range(3)
        ]
    for row in rows:
        metadata = row["metadata"]
        assert row["output"][0]["message"]["content"] == "Hello"
        assert (metadata["clumsy.a"], metadata["b"]) == ("1", "2")
        assert (metadata["clumsy.rest.x"], metadata["clumsy.turn.0.role"]) == ("3", "user")
        assert metadata["events"][0]["name"] == "clumsy.event"
        assert "clumsy: clumsy.a: KeyError" in metadata["mapping_error"]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == len(set(told)) == 5
    assert all("clumsy" in line and "secret" not in line for line in told)


def _take_and_fail(reading: Reading) -> None:
    reading.groups.pop("turn", None)
    raise ValueError


def test_members_that_nobody_puts_together_stay_in_the_metadata() -> None:
    half = Convention(name="half", prefixes={"half.": numbered("half")})
    metadata = translate(span({"half.0.role": "user"}), conventions=[half])["metadata"]
    assert metadata["half.0.role"] == "user"


def _nonsense(reading: Reading, key: str, value: Any) -> bool:
    reading.offer("output", Candidate(FIRST, "no such form", value, {key: value}))
    reading.kinds.append((1, ["no", "type"], key))  # type: ignore[arg-type]  # a mistake
    return True


def _vandalism(reading: Reading, _key: str, _value: Any) -> bool:
    reading.leftovers = None  # type: ignore[assignment]  # a mistake
    return True


@pytest.mark.parametrize("rule", [_nonsense, _vandalism])
def test_what_no_row_can_be_made_of_is_left_out(
    rule: Any, caplog: pytest.LogCaptureFixture
) -> None:
    vandal = Convention(name="vandal", keys={"vandal.key": rule})
    attributes = {"gen_ai.output.messages": "Hello", "vandal.key": "kept", "other": 1}
    with caplog.at_level(logging.WARNING, logger="otel_braintrust"):
        assembled = [
            TraceAssembler(conventions=[vandal]).assemble([span(attributes)])[0] for _ in range(2)
        ]
    for each in assembled:
        assert each.row is not None
        assert each.row["output"][0]["message"]["content"] == "Hello"
        assert each.row["metadata"]["vandal.key"] == "kept"
        assert each.row["metadata"]["mapping_error"] == "left out: vandal"
    assert len(caplog.records) == 1
    assert "vandal" in caplog.text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("acme", "must be an otel_braintrust.conventions.Convention"),
        (Convention(name=""), "needs a name"),
        (Convention(name="acme", prefixes={"acme": entry()}), "must end with a dot"),
        (Convention(name="acme", keys={"acme.model": "model"}), "must map text to a rule"),  # type: ignore[dict-item]  # a mistake
        (Convention(name="acme", finish=("x",)), "no step"),  # type: ignore[arg-type]  # a mistake
    ],
)
def test_what_is_no_convention_is_refused_at_once(wrong: Any, says: str) -> None:
    for take in (
        lambda: translate(span({}), conventions=[wrong]),
        lambda: TraceAssembler(conventions=[wrong]),
        lambda: BraintrustSpanProcessor(api_key="sk-test", conventions=[wrong]),
    ):
        with pytest.raises((TypeError, ValueError), match=re.escape(says)):
            take()


def install(site: Path, name: str, module: str, value: str) -> None:
    """Put a distribution into a directory as an installer would."""
    site.mkdir(exist_ok=True)
    (site / f"{name}_spans.py").write_text(module)
    information = site / f"{name}_spans-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}-spans\nVersion: 1.0\n"
    )
    (information / "entry_points.txt").write_text(
        f"[otel_braintrust.conventions]\n{name} = {value}\n"
    )


def test_an_installed_convention_is_found_by_its_entry_point(tmp_path: Path) -> None:
    site = tmp_path / "site"
    install(site, "zork", ZORK_MODULE, "zork_spans:ZORK")
    install(site, "broken", "raise RuntimeError('no lamp')", "broken_spans:ANY")
    install(site, "wrong", "WRONG = {'name': 'wrong'}", "wrong_spans:WRONG")
    attributes = [
        {
            "key": key,
            "value": {"intValue": value} if isinstance(value, int) else {"stringValue": value},
        }
        for key, value in ZORK_ATTRIBUTES.items()
    ]
    event = {
        "name": "zork.whisper",
        "timeUnixNano": "1",
        "attributes": [{"key": "zork.text", "value": {"stringValue": "A leaflet."}}],
    }
    spans = [
        {
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": span_id,
            "name": "speak",
            "startTimeUnixNano": "1",
            "endTimeUnixNano": "2",
            "attributes": attributes,
            "events": [event],
        }
        for span_id in ("b7ad6b7169203331", "b7ad6b7169203332")
    ]
    file = tmp_path / "spans.json"
    file.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}))

    arguments = ["translate", str(file)]
    done = subprocess.run(
        [sys.executable, "-c", "from otel_braintrust.cli import main; main()", *arguments],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )

    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 2
    for row in rows:
        assert row["span_attributes"]["type"] == "llm"
        assert row["input"] == [{"role": "user", "content": "Open the mailbox."}]
        assert row["output"][0]["message"]["content"] == "A leaflet."
        assert row["metrics"]["tokens"] == 10
        assert row["metadata"]["model"] == "claude-sonnet-4-5"
        assert row["metadata"]["zork.lantern"] == "lit"
    assert done.stderr.count("broken-spans") == 1
    assert "no lamp" in done.stderr
    assert done.stderr.count("wrong-spans") == 1


def test_importing_the_package_loads_no_entry_point(tmp_path: Path) -> None:
    site = tmp_path / "site"
    install(site, "loud", "raise SystemExit('loaded')", "loud_spans:LOUD")
    program = "import otel_braintrust, otel_braintrust.conventions as c; c.Convention(name='x')"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(site)}, check=False
    )
    assert done.returncode == 0
