"""A masking function of the user's own: what it is given, and what happens when it fails."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

import otel_braintrust
from otel_braintrust.local.server import LocalServer
from otel_braintrust.redaction import MaskError, MaskRule, read_mask
from otel_braintrust.settings import Settings, SettingsError
from tests.redaction.conftest import Run

SECRET = "the-merger-is-on-friday"


def say_it_all() -> None:
    with otel_braintrust.start_span("answer", type="task", input=SECRET, tags=[SECRET]) as span:
        span.log(
            output={"text": SECRET},
            expected=[SECRET],
            error=SECRET,
            scores={"good": 0.5},
            metrics={"tokens": 7},
            metadata={"note": SECRET, "model": "gpt-4o"},
        )


def hide(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(SECRET, "***")
    if isinstance(value, dict):
        return {hide(key): hide(inner) for key, inner in value.items()}
    return [hide(each) for each in value] if isinstance(value, list) else value


def test_the_function_gets_the_value_of_each_field(run: Run) -> None:
    row = run(say_it_all, mask=hide)["answer"]

    assert row["input"] == "***"
    assert row["output"] == {"text": "***"}
    assert row["expected"] == ["***"]
    assert row["error"] == "***"
    assert row["tags"] == ["***"]
    assert row["metadata"]["note"] == "***"
    assert row["metadata"]["model"] == "gpt-4o"
    assert row["scores"] == {"good": 0.5}
    assert row["metrics"]["tokens"] == 7
    assert SECRET not in repr(row)


def test_spans_of_other_libraries_are_masked_too(run: Run) -> None:
    def foreign() -> None:
        tracer = trace.get_tracer("somebody.else")
        span = tracer.start_span(f"about {SECRET}", attributes={"custom.note": SECRET})
        span.add_event(SECRET, {"why": SECRET})
        span.set_status(Status(StatusCode.ERROR, SECRET))
        span.end()

    [row] = run(foreign, mask=hide).values()

    assert row["span_attributes"]["name"] == "about ***"
    assert row["error"] == "***"
    assert SECRET not in repr(row)


def test_a_function_that_raises_costs_that_value_only(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def fails_on_secrets(value: Any) -> Any:
        if SECRET in repr(value):
            raise RuntimeError(f"cannot mask {value}")
        return value

    row = run(say_it_all, mask=fails_on_secrets)["answer"]

    for field in ("input", "output", "expected", "error"):
        assert row[field] == f"ERROR: Failed to mask field '{field}' - RuntimeError"
    assert row["metadata"] == {"error": "ERROR: Failed to mask field 'metadata' - RuntimeError"}
    assert row["tags"] == ["ERROR: Failed to mask field 'tags' - RuntimeError"]
    assert row["scores"] == {"good": 0.5}
    assert row["metrics"]["tokens"] == 7
    told = [each for each in caplog.records if "could not mask" in each.message]
    assert len({each.message for each in told}) == len(told) == 6
    assert SECRET not in caplog.text
    assert not any(each.exc_info for each in told)


OFFICIAL = """
import braintrust

def hide(value):
    if "good" in repr(value) or "the-merger" in repr(value):
        raise RuntimeError(value)
    return value

braintrust.set_masking_function(hide)
logger = braintrust.init_logger(project="official")
with logger.start_span(name="answer") as span:
    span.log(
        input="the-merger-is-on-friday",
        output={"text": "the-merger-is-on-friday"},
        expected=["the-merger-is-on-friday"],
        metadata={"note": "the-merger-is-on-friday"},
        scores={"good": 0.5},
    )
logger.flush()
"""


def test_a_failing_function_leaves_what_it_leaves_with_braintrusts_own_sdk(
    run: Run, local_braintrust: LocalServer
) -> None:
    def fails(value: Any) -> Any:
        if "good" in repr(value) or SECRET in repr(value):
            raise RuntimeError(value)
        return value

    def say() -> None:
        with otel_braintrust.start_span("answer", input=SECRET) as span:
            span.log(output={"text": SECRET}, expected=[SECRET], metadata={"note": SECRET})
            span.log(scores={"good": 0.5})

    foreign = ("BRAINTRUST_", "OTEL_", "PYTEST_")
    environment = {name: each for name, each in os.environ.items() if not name.startswith(foreign)}
    environment |= {
        "BRAINTRUST_API_URL": local_braintrust.url,
        "BRAINTRUST_APP_URL": local_braintrust.url,
        "BRAINTRUST_API_KEY": local_braintrust.api_key,
    }
    script = [sys.executable, "-c", OFFICIAL]
    done = subprocess.run(script, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    [theirs] = local_braintrust.rows("official")
    ours = run(say, mask=fails)["answer"]

    for field in ("input", "output", "expected", "metadata", "scores", "error"):
        assert ours[field] == theirs[field], field


def test_numbers_that_cannot_be_masked_are_left_out_and_the_error_says_so(run: Run) -> None:
    def fails_on_numbers(value: Any) -> Any:
        if isinstance(value, dict) and ("good" in value or "tokens" in value):
            raise LookupError("no")
        return value

    row = run(say_it_all, mask=fails_on_numbers)["answer"]

    assert not row["scores"]
    assert set(row["metrics"]) == {"start", "end"}
    assert row["error"] == (
        f"{SECRET}; ERROR: Failed to mask field 'scores' - LookupError; "
        "ERROR: Failed to mask field 'metrics' - LookupError"
    )


@pytest.mark.parametrize(
    "unfit", [object(), {1, 2}, b"bytes", lambda: None, {"a": object()}, [[{"b": {3}}]]]
)
def test_what_json_does_not_hold_is_not_sent_as_text(run: Run, unfit: Any) -> None:
    row = run(say_it_all, mask=lambda value: unfit if value == SECRET else value)["answer"]

    assert row["input"] == "ERROR: Failed to mask field 'input' - TypeError"


@pytest.mark.parametrize("answer", ["***", None, 5, [1]])
def test_a_value_that_the_field_cannot_hold_does_not_cost_the_row(run: Run, answer: Any) -> None:
    rows = run(say_it_all, mask=lambda _: answer)
    [row] = rows.values()

    assert row["input"] == answer
    assert row["metadata"] == {"error": "ERROR: Failed to mask field 'metadata' - TypeError"}
    assert set(row["metrics"]) == {"start", "end"}
    assert row["span_attributes"]["type"] == "task"
    assert SECRET not in repr(row)


def test_functions_rules_and_patterns_go_together_in_order(run: Run) -> None:
    def say() -> None:
        key = "sk-ant-api03-abcdefgh12345678"
        with otel_braintrust.start_span("both", input=f"{SECRET} C-123456 {key}"):
            pass

    mask = [hide, "keys", MaskRule("customer", pattern=r"C-\d{6}")]
    row = run(say, mask=mask)["both"]

    assert row["input"] == "*** [masked: customer] [masked: anthropic key]"


@pytest.mark.parametrize("mask", [str.upper, re.compile("quiet"), {"x": re.compile("quiet")}])
def test_a_method_and_a_compiled_pattern_will_do(run: Run, mask: Any) -> None:
    def say() -> None:
        with otel_braintrust.start_span("answer", input="quiet"):
            pass

    [row] = run(say, mask=mask).values()

    assert row["input"] in ("QUIET", "[masked: pattern]", "[masked: x]")


def test_feedback_updates_and_comments_are_masked(run: Run, local_braintrust: LocalServer) -> None:
    def say() -> None:
        with otel_braintrust.start_span("answer", input="?") as span:
            pass
        otel_braintrust.log_feedback(
            span,
            scores={"good": 1},
            expected=SECRET,
            comment=f"It is {SECRET}",
            tags=[SECRET],
            metadata={"who": SECRET},
        )
        otel_braintrust.update_span(span, output=SECRET)
        span.log(metadata={"later": SECRET})

    row = run(say, mask=hide)["answer"]

    assert row["expected"] == row["output"] == row["metadata"]["later"] == "***"
    assert [each["comment"]["text"] for each in row["comments"]] == ["It is ***"]
    assert row["scores"] == {"good": 1}
    assert SECRET not in repr(local_braintrust.rows("masked"))


def test_the_name_of_a_span_that_cannot_be_masked_is_not_sent(run: Run) -> None:
    def fails(value: Any) -> Any:
        raise ValueError(value)

    rows = run(say_it_all, mask=fails)

    assert list(rows) == ["ERROR: Failed to mask field 'name' - ValueError"]


def test_masks_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BRAINTRUST_MASK", "keys, email, key:patient*")
    mask = Settings.resolve().mask

    assert mask is not None
    assert mask.groups == ("keys", "email")
    assert [rule.key for rule in mask.rules] == ["patient*"]


@pytest.mark.parametrize("text", ["secrts", "keys, tokns", "keys;tokens"])
def test_a_mistyped_mask_stops_the_set_up_rather_than_masking_by_halves(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("OTEL_BRAINTRUST_MASK", text)
    with pytest.raises(SettingsError, match=r"OTEL_BRAINTRUST_MASK.*there are keys, tokens"):
        Settings.resolve()


def test_a_mistyped_switch_for_content_stops_the_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BRAINTRUST_CAPTURE_CONTENT", "flase")
    with pytest.raises(SettingsError, match="OTEL_BRAINTRUST_CAPTURE_CONTENT"):
        Settings.resolve()


def keyword_only(*, data: Any) -> Any:
    return data


async def awaited(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaskRule("", pattern="a"), "needs a name"),
        (lambda: MaskRule("x"), "needs a pattern or a key"),
        (lambda: MaskRule("x", pattern="("), "cannot be read"),
        (lambda: MaskRule("x", pattern=b"a"), "of bytes"),  # type: ignore[arg-type]  # the test
        (lambda: read_mask([5]), "int is no mask"),
        (lambda: read_mask({"x": "["}), "cannot be read"),
        (lambda: read_mask(lambda: None), "must take one argument"),
        (lambda: read_mask(lambda key, value: value), "must take one argument"),
        (lambda: read_mask([keyword_only]), "keyword_only must take one argument"),
        (lambda: read_mask(awaited), "awaited must be an ordinary function"),
    ],
)
def test_a_rule_that_cannot_be_used_says_so_when_it_is_made(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(MaskError, match=message):
        make()
