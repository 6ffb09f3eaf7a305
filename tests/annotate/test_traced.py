"""@traced: calls become spans, and the function behaves as before."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from opentelemetry import trace

from otel_braintrust import current_span, start_span, traced
from tests.annotate.conftest import Process


def test_arguments_by_name_result_and_nesting(process: Process) -> None:
    @traced(type="tool", name="look up")
    def search(query: str, /, limit: int = 10, *more: Any, exact: bool = False, **rest: Any) -> str:
        return f"{query}!"

    @traced
    def plain(query: str, limit: int = 10) -> str:
        """Doc."""
        return search(query, limit, "x", exact=True, z=1)

    assert plain("q", limit=3) == "q!"
    assert (plain.__name__, plain.__doc__) == ("plain", "Doc.")
    rows = process.rows()
    assert rows["plain"]["input"] == {"query": "q", "limit": 3}
    assert rows["plain"]["output"] == "q!"
    assert rows["plain"]["span_attributes"]["type"] == "function"
    found = rows["look up"]
    assert found["input"] == {
        "query": "q",
        "limit": 3,
        "more": ["x"],
        "exact": True,
        "rest": {"z": 1},
    }
    assert found["span_attributes"]["type"] == "tool"
    assert found["span_parents"] == [rows["plain"]["span_id"]]


def test_methods_leave_self_out(process: Process) -> None:
    class Bot:
        @traced
        def answer(self, question: str) -> str:
            return question.upper()

        @traced
        @classmethod
        def make(cls, kind: str) -> Bot:
            return cls()

        @staticmethod
        @traced
        def check(text: str) -> bool:
            return bool(text)

    bot = Bot.make("k")
    assert bot.answer("hi") == "HI"
    assert Bot.check("x")
    rows = process.rows()
    assert rows["answer"]["input"] == {"question": "hi"}
    assert rows["make"]["input"] == {"kind": "k"}
    assert rows["check"]["input"] == {"text": "x"}


def test_notrace_io_keeps_content_out(process: Process) -> None:
    @traced(notrace_io=True)
    def secret(password: str) -> str:
        current_span().log(metadata={"checked": True})
        return password

    secret("hunter2")
    row = process.rows()["secret"]
    assert "hunter2" not in repr(row)
    assert row["metadata"]["checked"] is True


def test_an_exception_is_the_error(process: Process) -> None:
    @traced
    def fail() -> None:
        raise ValueError("bad")

    @traced
    async def fail_later() -> None:
        raise ValueError("worse")

    with pytest.raises(ValueError, match="bad"):
        fail()
    with pytest.raises(ValueError, match="worse"):
        asyncio.run(fail_later())
    rows = process.rows()
    assert "ValueError: bad" in rows["fail"]["error"]
    assert "ValueError: worse" in rows["fail_later"]["error"]


def test_wrong_arguments_fail_as_without_it(process: Process) -> None:
    @traced
    def one(a: int) -> int:
        return a

    with pytest.raises(TypeError, match="positional argument"):
        one(1, 2)  # type: ignore[call-arg]


def test_coroutine_functions_nest_over_tasks(process: Process) -> None:
    @traced
    async def child(number: int) -> int:
        await asyncio.sleep(0)
        return number * 2

    @traced
    async def parent() -> list[int]:
        return await asyncio.gather(child(1), child(2))

    assert inspect.iscoroutinefunction(parent)
    assert asyncio.run(parent()) == [2, 4]
    process.processor.flush(10.0)
    rows = process.server.rows("annotated")
    root = next(row for row in rows if row["span_attributes"]["name"] == "parent")
    children = [row for row in rows if row["span_attributes"]["name"] == "child"]
    assert sorted(row["output"] for row in children) == [2, 4]
    assert all(row["span_parents"] == [root["span_id"]] for row in children)


def test_a_generators_span_lasts_until_it_is_exhausted(process: Process) -> None:
    @traced
    def numbers(count: int) -> Iterator[int]:
        with start_span("body"):
            for number in range(count):
                with start_span(f"step {number}"):
                    pass
                yield number
        return "done"  # type: ignore[return-value]

    assert inspect.isgeneratorfunction(numbers)
    with start_span("root") as root:
        generator = numbers(2)
        assert next(generator) == 0
        assert current_span().get_span_context() == root.get_span_context()
        with start_span("between"):
            pass
        assert next(generator) == 1
        with pytest.raises(StopIteration) as stop:
            next(generator)
    assert stop.value.value == "done"
    rows = process.rows()
    assert rows["numbers"]["output"] == [0, 1]
    assert rows["body"]["span_parents"] == [rows["numbers"]["span_id"]]
    assert rows["step 1"]["span_parents"] == [rows["body"]["span_id"]]
    assert rows["between"]["span_parents"] == [rows["root"]["span_id"]]


def test_a_generator_is_sent_to_thrown_into_and_closed(process: Process) -> None:
    events: list[Any] = []

    @traced
    def echo() -> Iterator[Any]:
        try:
            while True:
                try:
                    events.append((yield len(events)))
                except KeyError as error:  # noqa: PERF203  (the test is about it)
                    events.append(error)
        finally:
            events.append("closed")

    generator = echo()
    next(generator)
    assert generator.send("a") == 1  # type: ignore[attr-defined]
    assert generator.throw(KeyError("k")) == 2  # type: ignore[attr-defined]
    generator.close()  # type: ignore[attr-defined]
    assert (events[0], str(events[1]), events[2]) == ("a", "'k'", "closed")
    row = process.rows()["echo"]
    assert row["output"] == [0, 1, 2]
    assert not row.get("error")


def test_more_items_than_the_limit_are_not_kept(
    process: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BRAINTRUST_MAX_GENERATOR_ITEMS", "3")

    @traced
    def numbers() -> Iterator[int]:
        yield from range(5)

    assert list(numbers()) == [0, 1, 2, 3, 4]
    assert "BRAINTRUST_MAX_GENERATOR_ITEMS" in caplog.text
    assert "output" not in process.rows()["numbers"] or process.rows()["numbers"]["output"] is None


def test_an_async_generator_closed_early_leaves_no_trace_in_the_log(
    process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    @traced
    async def stream() -> AsyncIterator[int]:
        with start_span("inside"):
            for number in range(10):
                await asyncio.sleep(0)
                yield number

    async def take_two(name: str) -> None:
        with start_span(name):
            async for number in stream():
                if number == 1:
                    break
            assert current_span().name == name

    async def main() -> None:
        await take_two("consumer")
        gc.collect()
        await asyncio.sleep(0.01)
        never_finished = stream()
        await never_finished.__anext__()

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
        gc.collect()
    assert "Failed to detach context" not in caplog.text
    process.processor.flush(10.0)
    rows = process.server.rows("annotated")
    streams = [row for row in rows if row["span_attributes"]["name"] == "stream"]
    assert sorted(len(row["output"]) for row in streams) == [1, 2]
    assert not any(row.get("error") for row in rows)


def test_an_async_generator_fails_as_without_it(process: Process) -> None:
    @traced
    async def stream() -> AsyncIterator[int]:
        yield 1
        raise ValueError("broken")

    async def main() -> None:
        async for _ in stream():
            pass

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(main())
    row = process.rows()["stream"]
    assert row["output"] == [1]
    assert "broken" in row["error"]


def test_nothing_configured_means_a_plain_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)

    @traced
    def add(a: int, b: int) -> int:
        return a + b

    @traced
    def numbers() -> Iterator[int]:
        yield 1

    @traced
    async def stream() -> AsyncIterator[int]:
        yield 1

    async def collect() -> list[int]:
        return [number async for number in stream()]

    assert add(1, b=2) == 3
    assert list(numbers()) == [1]
    assert asyncio.run(collect()) == [1]


def test_what_cannot_be_traced_is_refused() -> None:
    with pytest.raises(TypeError, match="function"):
        traced("text")  # type: ignore[call-overload]
