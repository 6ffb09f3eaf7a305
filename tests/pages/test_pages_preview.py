"""One line says what was asked and what was answered."""

from __future__ import annotations

import time
from typing import Any

import pytest

from otel_braintrust.local.pages.preview import MAX_CHARS, error_line, input_line, output_line

USER = {"role": "user", "content": "Where is my parcel?"}
CALL = {"id": "c", "type": "function", "function": {"name": "look_up", "arguments": '{"id": 7}'}}


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ([{"role": "system", "content": "Be terse."}, USER], "Where is my parcel?"),
        ([USER, {"role": "assistant", "content": "One moment."}], "Where is my parcel?"),
        ([USER, {"role": "tool", "tool_call_id": "c", "content": "x"}], "Where is my parcel?"),
        ({"messages": [USER], "stream": True}, "Where is my parcel?"),
        ({"question": "Where?", "history": []}, "Where?"),
        ("plain\n  words ", "plain words"),
        (
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    ],
                }
            ],
            "What is this? [image]",
        ),
        ([{"role": "user", "parts": [{"text": "Hallo"}]}], "Hallo"),
        ({"city": "Zürich", "days": 3}, "city: Zürich, days: 3"),
        (["a", "b"], "a · b"),
        ([["system", "Be terse."], ["user", "Hi"]], "Hi"),
        ({"tools": "<FunctionTool object>", "user_msg": "Hi"}, "Hi"),
        (0, "0"),
        (None, ""),
        ([], ""),
        ({}, ""),
    ],
)
def test_the_input_line_is_what_the_user_said_last(value: Any, line: str) -> None:
    assert input_line(value) == line


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ([{"index": 0, "message": {"role": "assistant", "content": "18 C"}}], "18 C"),
        (
            [{"message": {"role": "assistant", "content": None, "tool_calls": [CALL]}}],
            'look_up({"id": 7})',
        ),
        (
            [
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm"},
                        {"type": "text", "text": "**Yes.** It is."},
                    ],
                }
            ],
            "Yes. It is.",
        ),
        (
            [
                {"type": "reasoning", "summary": []},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "42"}],
                },
            ],
            "42",
        ),
        (
            [
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "name": "f", "input": {"a": 1}}],
                }
            ],
            "f(a: 1)",
        ),
        ([{"role": "assistant", "content": "", "refusal": "I can't."}], "I can't."),
        ({"answer": "Bug in the code.", "sources": ["a"]}, "Bug in the code."),
        ({"embedding_length": 1536}, "1536"),
        (True, "true"),
    ],
)
def test_the_output_line_is_the_answer(value: Any, line: str) -> None:
    assert output_line(value) == line


def test_an_error_line_is_the_last_of_a_traceback() -> None:
    traceback = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: bad\n'
    assert error_line(traceback) == "ValueError: bad"
    assert error_line("RateLimitError: 429") == "RateLimitError: 429"
    assert (
        error_line("TypeError: x is null\n    at f (/app/a.js:1:2)\n    at g")
        == "TypeError: x is null"
    )
    assert error_line({"message": "no key"}) == "no key"


@pytest.mark.parametrize(
    "value", ["x" * 20_000_000, [{"role": "user", "content": "x " * 9_000_000}]]
)
def test_a_line_is_short_and_quickly_found_in_megabytes(value: Any) -> None:
    started = time.perf_counter()
    line = input_line(value)
    assert time.perf_counter() - started < 0.5
    assert len(line) == MAX_CHARS
    assert line.endswith("…")


def test_nesting_without_end_is_cut() -> None:
    value: Any = "deep"
    for _ in range(5_000):
        value = [value]
    assert input_line(value) == ""
