"""Rows packed by bytes and count, and the waits between attempts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import SpanContext

from otel_braintrust.accounts import Ticket
from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.errors import ConnectionFailure, ThrottledError
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.packing import body_of, halves, pack
from otel_braintrust.delivery.parcels import Parcel, address, seal
from otel_braintrust.delivery.retrying import Backoff, Patience, RowPatience

HERE = Destination("project_id", "p")


class _Span:
    context = SpanContext(1, 1, is_remote=False)


def parcel(text: str) -> Parcel:
    sealed = seal(Ticket(_Span(), _Span.context), {"id": "1", "input": text}, HERE)
    address([sealed], {"project_id": "p", "log_id": "g"})
    return sealed


@given(
    st.lists(st.text(max_size=200), max_size=60),
    st.integers(60, 2000),
    st.integers(1, 20),
)
def test_requests_keep_order_and_limits(texts: list[str], max_bytes: int, max_rows: int) -> None:
    parcels = [parcel(text) for text in texts]
    batches = list(pack(parcels, max_bytes=max_bytes, max_rows=max_rows))
    assert [each for batch in batches for each in batch] == parcels
    for batch in batches:
        body = body_of(batch)
        rows = json.loads(body)["rows"]
        assert [row["input"] for row in rows] == [json.loads(each.row)["input"] for each in batch]
        assert all(row["project_id"] == "p" and row["log_id"] == "g" for row in rows)
        assert len(batch) == 1 or len(body) <= max_bytes
        assert 1 <= len(batch) <= max_rows


@given(st.lists(st.integers(0, 5000), min_size=2, max_size=50))
def test_halves_are_never_empty_and_lose_nothing(sizes: list[int]) -> None:
    parcels = [parcel("x" * size) for size in sizes]
    first, second = halves(parcels)
    assert first
    assert second
    assert first + second == parcels


def patience(**options: Any) -> tuple[Patience, list[float]]:
    now = [0.0]
    arguments = {"max_retry_s": 100.0, "num_retries": None, "chance": lambda: 1.0, **options}
    return Patience(clock=lambda: now[0], **arguments), now


def failure(retry_after_s: float | None = None) -> ConnectionFailure:
    return ConnectionFailure("POST", "http://x/logs3", None, "refused", retry_after_s=retry_after_s)


def test_waits_double_up_to_half_a_minute_and_chance_shortens_them() -> None:
    waits, _ = patience(max_retry_s=1000.0)
    assert [waits.next_wait_s(failure()) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    shorter, _ = patience(chance=lambda: 0.25)
    assert shorter.next_wait_s(failure()) == 0.125


def test_patience_ends_with_its_time() -> None:
    waits, now = patience()
    assert waits.next_wait_s(failure()) is not None
    now[0] = 99.8
    assert waits.next_wait_s(failure()) == pytest.approx(0.2)
    now[0] = 100.0
    assert waits.next_wait_s(failure()) is None


def test_progress_makes_waits_short_again() -> None:
    backoff = Backoff(chance=lambda: 1.0)
    assert [backoff.next_wait_s(failure()) for _ in range(3)] == [0.5, 1, 2]
    backoff.note_progress()
    assert backoff.next_wait_s(failure()) == 0.5


def test_each_row_is_tried_for_its_own_time_and_number() -> None:
    now = [0.0]
    patience = RowPatience(100.0, 2, clock=lambda: now[0])
    early, late = parcel("early"), parcel("late")
    patience.note_failure(early)
    now[0] = 60.0
    patience.note_failure(late)
    now[0] = 100.0
    assert (patience.is_over(early), patience.is_over(late)) == (True, False)
    assert patience.remaining_s(late) == 60.0
    patience.note_failure(late)
    assert not patience.is_over(late)
    patience.note_failure(late)
    assert patience.is_over(late)


def test_patience_ends_with_its_number_of_retries() -> None:
    waits, _ = patience(num_retries=2)
    assert [waits.next_wait_s(failure()) is None for _ in range(3)] == [False, False, True]


def test_the_server_may_ask_for_a_wait_but_not_beyond_the_end() -> None:
    waits, _ = patience()
    asked = ThrottledError("POST", "http://x", 429, "slow down", retry_after_s=7.0)
    assert waits.next_wait_s(asked) == 7.0
    assert waits.next_wait_s(failure(retry_after_s=1e6)) == 100.0
    assert waits.next_wait_s(failure(retry_after_s=0.0)) == 2.0


def test_the_limit_is_the_least_of_what_is_known() -> None:
    limits = Limits(None, 100)
    assert limits.max_bytes == 3 * 1024 * 1024
    limits.learn_too_large(100_000)
    assert limits.max_bytes == 50_000
    limits.learn_too_large(200_000)
    assert limits.max_bytes == 50_000
    assert Limits(4000, 100).max_bytes == 4000
